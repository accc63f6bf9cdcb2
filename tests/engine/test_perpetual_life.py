"""Starts, ends and funding of a grid on a perpetual whose outcome a person would ask about."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest

from data.decisions import Rule
from data.events import (
    FundingPaid,
    OrderAbsent,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    StartBot,
    StopBot,
    StopReason,
)
from data.grids import Direction, Trigger, TriggerKind
from data.orders import Purpose
from data.values import ZERO, Mode, Side
from engine.core import Engine
from engine.state import KEEP_FUNDING, freeze, thaw
from engine.views import BotStatus
from tests.engine.futures import GRID, MARKET, SYMBOL
from tests.engine.perpetual_desk import LIMITS, NOW, Desk

D = Decimal


# -- starts


def test_a_long_grid_buys_what_its_offers_sell() -> None:
    desk = Desk(Direction.LONG)
    assert desk.bot.books.base == 5 * desk.bot.slots[0].capacity
    assert desk.sides() == (5, 5)
    assert desk.bot.status is BotStatus.RUNNING


def test_a_neutral_grid_starts_flat_and_trades_on_both_sides() -> None:
    desk = Desk(Direction.NEUTRAL)
    assert desk.drafts(Purpose.INITIAL) == []
    assert (desk.bot.status, desk.bot.books.base, desk.sides()) == (BotStatus.RUNNING, ZERO, (5, 5))
    size = desk.bot.slots[0].capacity
    desk.fill(desk.order(5, Side.SELL))
    assert desk.bot.books.base == -size
    desk.fill(desk.order(5, Side.BUY))
    assert desk.bot.books.base == ZERO
    assert desk.bot.books.equity(D(100)) == 1_000 + 2 * size
    desk.fill(desk.order(5, Side.SELL))
    assert desk.bot.books.grid_profit == 2 * size, "from its second sale on, a slot's sales are of what the grid bought"


def test_a_short_grid_sells_what_its_bids_buy_back() -> None:
    desk = Desk(Direction.SHORT, complete=False)
    (initial,) = desk.drafts(Purpose.INITIAL)
    size = desk.bot.slots[0].capacity
    assert (initial.side, initial.quantity, initial.reduce_only) == (Side.SELL, 5 * size, False)
    assert (desk.bot.status, desk.sides()) == (BotStatus.STARTING, (0, 5))
    desk.fill(initial, 2 * size)
    assert (desk.sides(), desk.bot.status) == ((2, 5), BotStatus.STARTING), "bids come with what was sold"
    desk.fill(initial, 3 * size, D("99.9"))
    assert (desk.sides(), desk.bot.status) == ((5, 5), BotStatus.RUNNING)
    assert desk.bot.books.base == -5 * size
    assert desk.bot.books.entry == (2 * D(100) + 3 * D("99.9")) / 5


def test_the_rest_of_an_initial_sale_that_was_taken_off_is_sold_at_the_next_tick() -> None:
    desk = Desk(Direction.SHORT, complete=False)
    (initial,) = desk.drafts(Purpose.INITIAL)
    desk.fill(initial, D(1))
    desk.engine.step(OrderCancelled(at=NOW, client_id=initial.client_id))
    again = [each.draft for each in desk.tick(100).approved if each.draft.purpose is Purpose.INITIAL]
    assert [(each.side, each.quantity) for each in again] == [(Side.SELL, initial.quantity - 1)]


def test_an_initial_sale_is_not_sent_again_at_a_price_nobody_confirmed() -> None:
    desk = Desk(Direction.SHORT, complete=False)
    (initial,) = desk.drafts(Purpose.INITIAL)
    desk.engine.step(OrderUnknown(at=NOW, client_id=initial.client_id))
    desk.tick(97)
    assert desk.engine.step(OrderAbsent(at=NOW, client_id=initial.client_id)).approved == ()
    assert desk.bot.stop_reason is StopReason.FAILED_START


def test_a_perpetual_is_traded_by_one_bot_of_a_mode() -> None:
    desk = Desk(Direction.NEUTRAL)
    spec = msgspec.structs.replace(GRID, direction=Direction.NEUTRAL)
    second = desk.engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET))
    assert second.problem.startswith("symbol: AAA/USDT:USDT: bot 1 trades this perpetual")
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    assert desk.engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET)).problem == ""


# -- ends


@pytest.mark.parametrize(("direction", "side"), [(Direction.LONG, Side.SELL), (Direction.SHORT, Side.BUY)])
def test_a_stopping_bot_closes_its_position_and_its_guard_leaves_last(direction: Direction, side: Side) -> None:
    desk = Desk(direction)
    base = abs(desk.bot.books.base)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    assert len(desk.drafts(Purpose.PROTECT)) == 1
    desk.clear()
    (closing,) = desk.drafts(Purpose.CLOSE)
    assert (closing.side, closing.quantity, closing.reduce_only) == (side, base, True)
    assert len(desk.drafts(Purpose.PROTECT)) == 1
    desk.fill(closing, base / 2)
    desk.fill(closing, base / 2)
    assert desk.drafts(Purpose.PROTECT) == []
    assert desk.bot.status is BotStatus.STOPPING
    desk.clear()
    books = desk.bot.books
    assert (desk.bot.status, books.base, books.baseline, books.lot_cost) == (BotStatus.STOPPED, ZERO, ZERO, ZERO)
    assert books.realised == books.equity(D(5)) - books.invested


def test_a_closing_order_that_finds_no_position_waits_until_asked_again() -> None:
    desk = Desk(Direction.LONG)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    (closing,) = desk.drafts(Purpose.CLOSE)
    reason = RejectReason.REDUCE_ONLY
    desk.engine.step(OrderRejected(at=NOW, client_id=closing.client_id, reason=reason, message=""))
    assert desk.bot.close_blocked
    assert desk.drafts(Purpose.CLOSE) == []


def test_what_is_bought_after_the_end_is_sold() -> None:
    desk = Desk(Direction.NEUTRAL)
    bid = desk.order(4, Side.BUY)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    late = desk.fill(bid)
    assert [(each.draft.purpose, each.draft.side) for each in late.approved] == [(Purpose.CLOSE, Side.SELL)]
    desk.fill(late.approved[0].draft)
    assert (desk.bot.status, desk.bot.books.base) == (BotStatus.STOPPED, ZERO)


def test_exits_of_a_short_grid_fire_on_the_other_side() -> None:
    stop = Trigger(TriggerKind.PRICE, D(115))
    desk = Desk(Direction.SHORT, stop_loss=stop, take_profit=Trigger(TriggerKind.PRICE, D(85)))
    assert desk.tick(95).sequence == 0
    assert desk.tick(116).decisions[0].rule is Rule.STOP_LOSS
    other = Desk(Direction.SHORT, stop_loss=stop, take_profit=Trigger(TriggerKind.PRICE, D(85)))
    assert other.tick(84).decisions[0].rule is Rule.TAKE_PROFIT


def test_a_percent_loss_fires_above_for_a_short_position() -> None:
    desk = Desk(Direction.SHORT, stop_loss=Trigger(TriggerKind.PERCENT, D(5)))
    loss = D(50) / -desk.bot.books.base
    assert desk.tick(100 + loss - D("0.01")).sequence == 0
    assert desk.tick(100 + loss).decisions[0].rule is Rule.STOP_LOSS


def test_a_percent_loss_that_funding_made_fires_without_a_position() -> None:
    desk = Desk(Direction.NEUTRAL, stop_loss=Trigger(TriggerKind.PERCENT, D(5)))
    assert desk.tick(101).sequence == 0
    desk.engine.step(FundingPaid(at=NOW, id="1", symbol=SYMBOL, mode=Mode.SHADOW, amount=D(-50)))
    assert desk.tick(101).decisions[0].rule is Rule.STOP_LOSS


# -- funding


def settled(number: int, amount: str = "-0.01", **changes: object) -> FundingPaid:
    """Return the payment settled ``number`` hours after the start."""
    event = FundingPaid(at=NOW + number * 3_600_000, id=f"f{number}", symbol=SYMBOL, mode=Mode.SHADOW, amount=D(amount))
    return msgspec.structs.replace(event, **changes)


def test_funding_is_booked_once_however_long_ago_that_was() -> None:
    desk, count = Desk(Direction.LONG), 3 * KEEP_FUNDING
    for number in range(count):
        assert desk.engine.step(settled(number)).sequence > 0
    order = list(range(count))
    random.Random(5).shuffle(order)
    again = Engine(LIMITS, thaw(freeze(desk.engine.state)))
    for engine in (desk.engine, again):
        assert [number for number in order if engine.step(settled(number)).sequence] == []
        assert engine.state.bots[1].books.funding == count * D("-0.01")
        assert [len(kept) for kept in engine.state.funding.values()] == [KEEP_FUNDING]


def test_funding_told_late_is_booked_as_long_as_it_can_be_told_from_what_is() -> None:
    desk = Desk(Direction.LONG)
    for number in range(1, KEEP_FUNDING):
        desk.engine.step(settled(number))
    assert desk.engine.step(settled(0)).sequence > 0
    desk.engine.step(settled(KEEP_FUNDING))
    assert desk.bot.books.funding == (KEEP_FUNDING + 1) * D("-0.01")
    assert desk.engine.step(settled(0)).sequence == 0


def test_funding_that_an_older_version_booked_is_not_booked_again() -> None:
    desk = Desk(Direction.LONG)
    desk.engine.state.payments["f3"] = 1
    assert desk.engine.step(settled(3)).sequence == 0
    assert desk.engine.step(settled(4)).sequence > 0


def test_funding_is_booked_once_to_the_bot_that_held_the_position() -> None:
    desk = Desk(Direction.LONG)
    paid = FundingPaid(at=NOW, id="7", symbol=SYMBOL, mode=Mode.SHADOW, amount=D("-1.25"))
    cash = desk.bot.books.cash
    first = desk.engine.step(paid)
    assert (first.sequence > 0, first.bot, first.decisions, first.approved) == (True, 1, (), ())
    assert desk.engine.step(paid).sequence == 0
    assert (desk.bot.books.cash, desk.bot.books.funding) == (cash - D("1.25"), D("-1.25"))
    assert desk.bot.books.identity_error(D(77)) == ZERO
    for other in ({"mode": Mode.TESTNET}, {"symbol": "BBB/USDT:USDT"}, {"at": NOW - 1}):
        assert desk.engine.step(msgspec.structs.replace(paid, id="8", **other)).sequence == 0
