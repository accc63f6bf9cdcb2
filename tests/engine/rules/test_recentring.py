"""A grid that is laid anew: the old ledger is closed to the last unit, and nothing of it is lost or read again."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.advice import TradingState
from data.decisions import Rule
from data.events import OrderCancelled, PauseBot, RecentreBot, SetTradingState
from data.grids import GridSpec, OutOfRange, Recentring, Spacing
from data.market import FeeAsset
from data.orders import Purpose, parse_client_id
from data.values import ZERO, Side
from engine.outcome import Outcome
from engine.rules.recentring import around
from engine.views import BotStatus, RangePosition
from tests.engine.fake_exchange import NOW
from tests.engine.moving import path, recorded, rules, run, walk
from tests.engine.test_core import Desk
from tests.engine.test_replay import market_of

D = Decimal
EAGER = Recentring(distance_percent=D("0.5"), patience_millis=120_000, cooldown_millis=600_000, per_day=50, gate=False)
GRID = GridSpec(
    symbol="AAA/USDT",
    lower=D(95),
    upper=D(105),
    levels=11,
    investment=D(5_000),
    out_of_range=OutOfRange.RECENTRE,
    recentring=EAGER,
)
MARKET = market_of("0.01", "0.001")
AWAY = ("100", "100", "108", "108.1", "108.2", "108.1", "108", "108.1")


def asked(lower: str = "104", upper: str = "126", levels: int | None = None) -> RecentreBot:
    return RecentreBot(at=NOW, by="t", bot=1, lower=D(lower), upper=D(upper), levels=levels)


def clear(desk: Desk) -> Outcome:
    """Let every cancel come through."""
    outcomes = [desk.engine.step(OrderCancelled(at=NOW, client_id=each)) for each in tuple(desk.bot.live)]
    return outcomes[-1]


@pytest.mark.parametrize("spacing", Spacing)
def test_the_new_grid_has_the_old_shape_with_the_price_in_its_middle(spacing: Spacing) -> None:
    spec = around(msgspec.structs.replace(GRID, spacing=spacing), D(120), D("0.01"))
    inner = (spec.lower + spec.upper) / 2 if spacing is Spacing.ARITHMETIC else (spec.lower * spec.upper).sqrt()
    assert abs(inner - D(120)) < D("0.01")
    old, new = GRID.upper / GRID.lower, spec.upper / spec.lower
    assert abs(old - new) < D("0.001") if spacing is Spacing.GEOMETRIC else spec.upper - spec.lower == D(10)


def test_price_that_stays_away_recentres_once_the_patience_is_over() -> None:
    replay = run(path(*AWAY), GRID, MARKET)
    bot = replay.bot
    assert (bot.version, bot.position, len(bot.versions)) == (2, RangePosition.INSIDE, 1)
    assert bot.lines[0] < D(108) < bot.lines[-1]
    assert bot.versions[0].lower == D(95)
    assert bot.spec.investment == D(5_000), "what was invested is what was invested"
    keys = [parse_client_id(order) for order in bot.live]
    assert {key.version for key in keys if key} == {2}


def test_a_price_that_comes_back_in_time_leaves_the_grid_where_it_is() -> None:
    replay = run(path("100", "100", "106", "104", "106", "104", "106", "104", "100"), GRID, MARKET)
    assert replay.bot.version == 1


def test_cooldown_and_number_a_day_hold_it_back() -> None:
    along = path("100", "100", *[str(108 + 3 * i) for i in range(60)])
    often = run(along, GRID, MARKET).bot.version
    rarely = msgspec.structs.replace(GRID, recentring=msgspec.structs.replace(EAGER, per_day=2))
    assert often > 4
    assert run(along, rarely, MARKET).bot.version == 3


def test_what_costs_more_than_it_earns_is_held_and_recorded() -> None:
    careful = msgspec.structs.replace(GRID, recentring=msgspec.structs.replace(EAGER, gate=True))
    replay = run(path("100", "100", "80", "80.1", "80", "80.1", "80"), careful, MARKET)
    assert replay.bot.version == 1
    assert rules(replay)[Rule.RECENTRE_HELD] >= 1
    assert run(path("100", "100", "80", "80.1", "80", "80.1", "80"), GRID, MARKET).bot.version == 2


def test_below_the_range_what_the_new_grid_cannot_use_is_sold_first() -> None:
    replay = run(path("100", "100", "80", "80.1", "80", "80.1", "80"), GRID, MARKET)
    sales = [fill for fill in replay.journal.fills(1, 1_000) if fill.side is Side.SELL]
    assert len(sales) == 1
    assert replay.bot.books.realised < ZERO
    assert replay.bot.versions[0].realised == replay.bot.books.realised
    assert replay.bot.status is BotStatus.RUNNING


def test_a_person_lays_the_grid_anew_and_the_book_is_cleared_first() -> None:
    desk = Desk()
    desk.tick("112")
    outcome = desk.engine.step(asked(levels=8))
    assert len(outcome.cancels) == len(desk.bot.live)
    assert (outcome.approved, desk.bot.version) == ((), 1)
    last = clear(desk)
    while desk.bot.version == 1:
        desk.fill(last.approved[0].draft)
        break
    assert desk.bot.recentre is None
    assert (desk.bot.version, len(desk.bot.lines)) == (2, 8)
    assert desk.bot.slots[0].index == 10, "numbers of slots are never used again"
    assert desk.bot.books.identity_error(D(97)) == ZERO


def test_a_late_fill_of_the_old_grid_is_booked_with_the_whole_bot() -> None:
    desk = Desk()
    bid, offer = desk.order(0, Side.BUY), desk.order(9, Side.SELL)
    desk.tick("112")
    desk.engine.step(asked())
    clear(desk)
    for late, sign in ((bid, 1), (offer, -1)):
        base = desk.bot.books.base
        desk.fill(late)
        assert desk.bot.books.base == base + sign * late.quantity
        assert sum((slot.held for slot in desk.bot.slots), ZERO) == desk.bot.books.base
        assert desk.bot.books.identity_error(D(97)) == ZERO


def test_it_waits_while_trading_is_halted_and_goes_on_once_it_is_freed() -> None:
    desk = Desk()
    desk.tick("112")
    desk.engine.step(asked())
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.HALTED))
    clear(desk)
    assert (desk.bot.version, desk.bot.live) == (1, [])
    freed = desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    assert freed.approved[0].draft.purpose is Purpose.INITIAL
    assert desk.bot.version == 2


def test_a_recentring_is_refused_where_it_makes_no_sense() -> None:
    desk = Desk()
    assert "the highest line is not above the lowest" in desk.engine.step(asked("126", "104")).problem
    desk.engine.step(PauseBot(at=NOW, by="t", bot=1))
    assert "only a running bot" in desk.engine.step(asked()).problem


@given(
    seed=st.integers(0, 10_000),
    drift=st.sampled_from((-0.5, -0.1, 0.0, 0.1, 0.5)),
    spacing=st.sampled_from(Spacing),
    asset=st.sampled_from(FeeAsset),
    levels=st.integers(2, 20),
    gate=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_path_keeps_ledger_and_books(
    seed: int, drift: float, spacing: Spacing, asset: FeeAsset, levels: int, gate: bool
) -> None:
    spec = msgspec.structs.replace(
        GRID, spacing=spacing, levels=levels, recentring=msgspec.structs.replace(EAGER, gate=gate)
    )
    replay = run(walk(seed, 250, drift=drift), spec, market_of("0.01", "0.001", asset=asset))
    bot = replay.bot
    assert bot.version == 1 + len(bot.versions)
    assert all(
        order.draft.purpose is not Purpose.CLOSE or bot.recentre for order in replay.engine.state.orders.values()
    )
    if asset is FeeAsset.QUOTE:
        assert bot.books.cash >= ZERO


def test_in_a_recorded_rise_recentring_earns_more_than_holding() -> None:
    rise = recorded("binance-spot-BTCUSDT-1h-201708_202412", 3_000)
    start = rise.open[0]
    spec = GridSpec(
        symbol="AAA/USDT",
        lower=round(start * D("0.85"), 2),
        upper=round(start * D("1.15"), 2),
        levels=21,
        investment=D(10_000),
    )
    market = market_of("0.01", "0.00001")
    held = run(rise, spec, market)
    moved = run(rise, msgspec.structs.replace(spec, out_of_range=OutOfRange.RECENTRE), market)
    assert moved.bot.version > 2
    assert moved.bot.books.grid_profit > held.bot.books.grid_profit
