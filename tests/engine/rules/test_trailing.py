"""A grid that follows the price keeps its shape, its money and its books, wherever the price goes."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decisions import Rule
from data.events import OrderCancelled, OrderFilled, SetStopLoss, SetTrailing
from data.grids import GridSpec, OutOfRange, Spacing, Trigger, TriggerKind
from data.market import FeeAsset
from data.orders import Purpose
from data.values import ZERO, Side
from engine.grid.levels import line_at
from engine.risk import RiskLimits
from engine.rules.exits import quiet_band
from engine.rules.trailing import DOWN as DOWNWARDS
from engine.rules.trailing import next_line
from engine.views import RangePosition
from tests.engine.fake_exchange import NOW, SPEC
from tests.engine.moving import path, recorded, rules, run, walk
from tests.engine.test_core import Desk
from tests.engine.test_replay import market_of

D = Decimal
GRID = GridSpec(
    symbol="AAA/USDT", lower=D(90), upper=D(110), levels=11, investment=D(5_000), spacing=Spacing.ARITHMETIC
)
MARKET = market_of("0.01", "0.001")
UP = msgspec.structs.replace(GRID, trail_up=D(150))
DOWN = msgspec.structs.replace(GRID, trail_down=D(60))


def test_a_rising_price_takes_the_lowest_slot_to_the_top() -> None:
    replay = run(path("100", "100", "112"), UP, MARKET)
    bot = replay.bot
    assert bot.lines == tuple(D(price) for price in range(92, 114, 2))
    assert [slot.index for slot in bot.slots] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert D("0.9") * bot.slots[0].capacity < bot.slots[-1].buying <= bot.slots[0].capacity, "what the money pays for"
    assert bot.books.base == ZERO
    assert rules(replay)[Rule.ABOVE_RANGE] == 0, "what the grid follows is not outside of it"


def test_nothing_is_bought_at_market_and_the_new_slot_is_bought_at_the_old_top() -> None:
    replay = run(path("100", "100", "112.5", "109.5"), UP, MARKET)
    fills = [fill for fill in replay.journal.fills(1, 100) if fill.side is Side.BUY]
    assert fills[0].price == D(110)
    assert sum(1 for fill in fills if not fill.maker) == 1, "the initial purchase alone"


def test_many_steps_are_taken_when_price_jumps() -> None:
    replay = run(path("100", "100", "127"), UP, MARKET)
    assert replay.bot.lines[-1] == D(126)
    assert replay.bot.offset == 8


def test_the_grid_stops_at_its_limit_and_is_out_of_range_from_there() -> None:
    spec = msgspec.structs.replace(GRID, trail_up=D(115), out_of_range=OutOfRange.HOLD)
    replay = run(path("100", "100", "130"), spec, MARKET)
    assert replay.bot.lines[-1] == D(114)
    assert replay.bot.position is RangePosition.ABOVE
    assert rules(replay)[Rule.ABOVE_RANGE] == 1


def test_money_that_pays_for_no_further_slot_ends_it_and_is_said_once() -> None:
    spec = msgspec.structs.replace(GRID, trail_up=D(10_000), investment=D(260))
    market = market_of("0.01", "0.1")
    replay = run(path("100", "100", "400", "401", "399", "400"), spec, market)
    assert rules(replay)[Rule.ABOVE_RANGE] == 1
    assert replay.bot.trail_ended
    assert replay.bot.position is RangePosition.ABOVE


def test_a_falling_price_takes_the_highest_slot_down_and_its_sale_is_no_grid_profit() -> None:
    replay = run(path("100", "100", "87.9"), DOWN, MARKET)
    bot = replay.bot
    assert bot.lines[0] == D(88)
    assert bot.slots[0].index == 10
    assert all(lot.initial for lot in bot.slots[0].lots)
    profit = bot.books.grid_profit
    there = run(path("100", "100", "87.9", "90.5"), DOWN, MARKET)
    assert there.bot.books.grid_profit == profit, "the lot of the slot that came down was sold at a loss"
    assert there.bot.books.realised < ZERO


def test_the_bottom_never_goes_below_a_stop_loss() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, trail_down=D(50)))
    desk.engine.step(SetStopLoss(at=NOW, by="t", bot=1, trigger=Trigger(TriggerKind.PRICE, D(87))))
    assert next_line(desk.bot, DOWNWARDS) == D(88)
    assert next_line(desk.bot, DOWNWARDS, 2) is None


def test_a_late_fill_of_a_slot_that_left_is_booked_with_the_whole_bot() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, trail_up=D(150)))
    bid = desk.order(0, Side.BUY)
    for slot in range(10):
        if desk.bot.slots[slot].selling:
            desk.fill(desk.order(slot, Side.SELL))
    cancelled = desk.tick("113")
    assert bid.client_id in {request.client_id for request in cancelled.cancels}
    moved = desk.engine.step(OrderCancelled(at=NOW, client_id=bid.client_id))
    assert moved.decisions[0].rule is Rule.TRAIL_UP
    assert desk.bot.slot(0) is None
    base = desk.bot.books.base
    desk.fill(bid)
    assert desk.bot.books.base == base + bid.quantity == desk.bot.books.lot_quantity
    assert desk.bot.books.identity_error(D(97)) == ZERO
    assert sum((slot.held for slot in desk.bot.slots), ZERO) == desk.bot.books.base


def test_a_slot_that_cannot_leave_yet_is_not_bid_for_again() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, trail_up=D(150)))
    for slot in range(10):
        if desk.bot.slots[slot].selling:
            desk.fill(desk.order(slot, Side.SELL))
    first, second = desk.order(0, Side.BUY), desk.order(1, Side.BUY)
    desk.tick("116")
    assert desk.tick("116.1").sequence == 0, "the cancels are on their way"
    outcome = desk.engine.step(OrderCancelled(at=NOW, client_id=second.client_id))
    assert outcome.approved == ()
    desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id))
    assert desk.bot.offset == 2


def test_trailing_is_set_and_taken_back_by_a_person() -> None:
    desk = Desk()
    wrong = desk.engine.step(SetTrailing(at=NOW, by="t", bot=1, up=D(105), down=None))
    assert "accepted: a price above 110" in wrong.problem
    done = desk.engine.step(SetTrailing(at=NOW, by="t", bot=1, up=D(150), down=D(50)))
    assert done.decisions[0].rule is Rule.CHANGE_GRID
    assert (desk.bot.spec.trail_up, desk.bot.spec.trail_down) == (D(150), D(50))
    desk.engine.step(SetTrailing(at=NOW, by="t", bot=1, up=None, down=None))
    assert (desk.bot.spec.trail_up, desk.bot.spec.trail_down) == (None, None)


def test_ticks_are_quiet_up_to_the_next_line() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, trail_up=D(150), trail_down=D(50)))
    tick, spec = desk.bot.market.filters.price_tick, desk.bot.spec
    low, high = quiet_band(desk.bot, RiskLimits())
    assert (low, high) == (line_at(spec, -1, tick), line_at(spec, spec.levels, tick))


@given(
    seed=st.integers(0, 10_000),
    drift=st.sampled_from((-0.6, -0.2, 0.0, 0.2, 0.6)),
    spacing=st.sampled_from(Spacing),
    asset=st.sampled_from(FeeAsset),
    levels=st.integers(2, 25),
    both=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_path_keeps_ledger_and_books(
    seed: int, drift: float, spacing: Spacing, asset: FeeAsset, levels: int, both: bool
) -> None:
    spec = msgspec.structs.replace(GRID, levels=levels, spacing=spacing, trail_up=D(220))
    spec = msgspec.structs.replace(spec, trail_down=D(30)) if both else spec
    replay = run(walk(seed, 250, drift=drift), spec, market_of("0.01", "0.001", asset=asset, least="5"))
    assert len(replay.bot.slots) == levels - 1
    assert replay.bot.lines[-1] <= D(220)
    assert all(draft.purpose is not Purpose.CLOSE for draft in [o.draft for o in replay.engine.state.orders.values()])


def test_in_a_recorded_rise_following_earns_more_cycles_than_holding() -> None:
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
    followed = run(rise, msgspec.structs.replace(spec, trail_up=start * 10), market)
    cycles = [each.bot.cycles_before + sum(slot.cycles for slot in each.bot.slots) for each in (held, followed)]
    assert rise.close[-1] > start * D("1.15")
    assert cycles[1] > 2 * cycles[0]
    assert followed.bot.books.grid_profit > held.bot.books.grid_profit


def test_every_fill_of_an_earlier_slot_was_told() -> None:
    replay = run(walk(3, 400, drift=0.3), UP, MARKET)
    told = [entry for entry in replay.journal.read() if isinstance(entry.event, OrderFilled)]
    assert len(told) == replay.bot.books.fills


@pytest.mark.parametrize("number", [-2, -1, 7, 99])
def test_a_number_no_slot_has_is_no_slot(number: int) -> None:
    desk = Desk(msgspec.structs.replace(SPEC, levels=4))
    assert desk.bot.slot(number) is None
