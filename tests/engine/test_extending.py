"""A grid without a highest line keeps base of one worth, and lays lines ahead of a rising price."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decisions import Rule
from data.grids import GridSpec, OutOfRange, Spacing
from data.market import FeeAsset, Ticker
from data.values import ZERO
from engine.grid.sizing import plan_grid
from engine.views import RangePosition
from tests.engine.moving import path, recorded, rules, run, walk
from tests.engine.test_replay import market_of

D = Decimal
GRID = GridSpec(symbol="AAA/USDT", lower=D(80), upper=D(120), levels=21, investment=D(10_000), infinity=True)
MARKET = market_of("0.01", "0.00001")
TICKER = Ticker("AAA/USDT", D(100), D(100), D(100), 0)


def test_the_base_held_has_one_worth_at_every_line() -> None:
    plan = plan_grid(GRID, MARKET, TICKER)
    above = [plan.open_quantity]
    for slot in reversed(plan.slots):
        above.append(above[-1] + slot.quantity)
    worths = [held * line for held, line in zip(above, reversed(plan.lines), strict=True)]
    assert max(worths) - min(worths) < D("0.1")
    assert plan.initial_cost + plan.reserve <= GRID.investment
    assert plan.unused < GRID.investment / 50


def test_a_rising_price_finds_lines_before_it_and_is_never_out_of_range() -> None:
    replay = run(path("100", "100", "150", "260", "240", "300"), GRID, MARKET)
    bot = replay.bot
    assert bot.lines[-3] > D(300)
    assert bot.position is RangePosition.INSIDE
    assert rules(replay)[Rule.ABOVE_RANGE] == 0
    assert rules(replay)[Rule.EXTEND_GRID] > 10
    assert bot.slots[-1].open
    assert bot.slots[-1].selling == ZERO == bot.slots[-1].buying


def test_what_is_held_keeps_its_worth_while_price_triples() -> None:
    start = run(path("100", "100"), GRID, MARKET).bot.books.base * D(100)
    end = run(path("100", "100", *[str(price) for price in range(101, 301)]), GRID, MARKET).bot.books.base * D(300)
    assert abs(end / start - 1) < D("0.05")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"spacing": Spacing.ARITHMETIC}, "spacing"),
        ({"reinvest": True}, "infinity"),
        ({"trail_up": D(500)}, "infinity"),
        ({"out_of_range": OutOfRange.RECENTRE}, "infinity"),
        ({"levels": 3}, "levels"),
        ({"investment": D(50)}, "investment"),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes: dict[str, object], field: str) -> None:
    market = market_of("0.01", "0.001")
    assert plan_grid(msgspec.structs.replace(GRID, **changes), market, TICKER).problems[0].field == field


@given(seed=st.integers(0, 10_000), drift=st.sampled_from((-0.2, 0.0, 0.3, 0.8)), asset=st.sampled_from(FeeAsset))
@settings(max_examples=40, deadline=None)
def test_any_path_keeps_ledger_and_books(seed: int, drift: float, asset: FeeAsset) -> None:
    replay = run(walk(seed, 250, drift=drift), GRID, market_of("0.01", "0.0001", asset=asset))
    assert replay.bot.books.cash >= ZERO
    assert sum(1 for slot in replay.bot.slots if slot.open) == 1


def test_in_a_recorded_rise_it_goes_on_trading() -> None:
    rise = recorded("binance-spot-BTCUSDT-1h-201708_202412", 3_000)
    start = rise.open[0]
    spec = msgspec.structs.replace(GRID, lower=round(start * D("0.7"), 2), upper=round(start * D("1.2"), 2))
    replay = run(rise, spec, market_of("0.01", "0.0000001"))
    assert replay.bot.position is RangePosition.INSIDE
    assert replay.bot.books.fills > 100
