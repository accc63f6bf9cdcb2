"""A grid with more slots than the exchange allows orders keeps the nearest on the book, and loses nothing."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decisions import Rule
from data.grids import GridSpec
from data.market import Market
from data.values import ZERO
from engine.grid.sizing import plan_grid
from engine.replay import Replay
from engine.risk import RiskLimits
from engine.rules.exits import quiet_band
from engine.rules.following import view, within
from tests.engine.moving import path, rules, run, walk
from tests.engine.test_core import Desk
from tests.engine.test_replay import market_of

D = Decimal
GRID = GridSpec(symbol="AAA/USDT", lower=D(80), upper=D(120), levels=81, investment=D(20_000))


def narrow(orders: int = 22) -> Market:
    market = market_of("0.01", "0.001")
    return msgspec.structs.replace(market, filters=msgspec.structs.replace(market.filters, max_orders=orders))


def nearest(replay: Replay) -> None:
    """Demand that the orders which rest are those of the window, and no more than it allows."""
    bot = replay.bot
    live = [order for order in replay.engine.state.live_orders(bot) if order.draft.slot >= 0]
    near = {slot.index for slot in within(bot)}
    assert len(live) <= bot.window
    assert {order.draft.slot for order in live} <= near


def test_the_plan_says_how_many_orders_rest_instead_of_refusing() -> None:
    ticker = Desk().engine.state.tickers["AAA/USDT"]
    assert plan_grid(GRID, narrow(), ticker).window == 20
    assert plan_grid(GRID, narrow(), ticker).problems == ()
    assert plan_grid(GRID, narrow(80), ticker).window == 0
    assert [each.field for each in plan_grid(GRID, narrow(5), ticker).problems] == ["levels"]


def test_the_nearest_slots_have_orders_and_follow_the_price() -> None:
    replay = run(path("100", "100"), GRID, narrow())
    nearest(replay)
    assert len(replay.bot.live) == 20
    moved = run(path("100", "100", "108", "93", "117"), GRID, narrow())
    nearest(moved)
    assert rules(moved)[Rule.FOLLOW_PRICE] > 3
    assert view(moved.bot).end == 80


def test_a_price_inside_the_window_is_quiet() -> None:
    bot = run(path("100", "100"), GRID, narrow()).bot
    low, high = quiet_band(bot, RiskLimits())
    assert sum(1 for line in bot.lines if low <= line <= high) == 6


@given(seed=st.integers(0, 10_000), orders=st.integers(8, 40), drift=st.sampled_from((-0.2, 0.0, 0.2)))
@settings(max_examples=40, deadline=None)
def test_any_path_keeps_to_the_limit_of_the_exchange(seed: int, orders: int, drift: float) -> None:
    nearest(run(walk(seed, 250, drift=drift), GRID, narrow(orders)))


@pytest.mark.parametrize("seed", range(6))
def test_a_window_earns_what_the_whole_grid_earns_where_price_moves_in_small_steps(seed: int) -> None:
    along = walk(seed, 600, size=0.15)
    part, whole = run(along, GRID, narrow(40)), run(along, GRID, narrow(200))
    assert part.bot.books.grid_profit == pytest.approx(whole.bot.books.grid_profit, rel=D("0.15"))
    assert whole.bot.books.grid_profit > ZERO
