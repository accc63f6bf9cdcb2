"""What guards a position on a perpetual: the ladder to its liquidation, the stop on the exchange, the gate."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from data.advice import TradingState
from data.decisions import Rule
from data.events import (
    FundingPaid,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    PauseBot,
    RejectReason,
    SetStopLoss,
    SetTradingState,
    StopBot,
    StopReason,
)
from data.grids import Direction, Trigger, TriggerKind
from data.orders import Draft, OrderStatus, OrderType, Purpose, RefusalCode, Refused
from data.values import ZERO, Mode, Side
from engine.exchanges.base import Rejected
from engine.risk import check
from engine.rules.protection import liquidations
from engine.views import BotStatus, Danger
from tests.engine.exchanges.live import Perpetual, opened, stop
from tests.engine.futures import MARKET, SYMBOL
from tests.engine.perpetual_desk import LIMITS, NOW, Desk

D = Decimal


# -- the ladder


def near(desk: Desk, distance: str) -> Decimal:
    """Return the price that is so far above the liquidation of a long position, in parts of that price."""
    held = liquidations(desk.bot).held
    assert held is not None
    return held / (1 - D(distance))


def test_a_falling_mark_price_first_tells_then_reduces_then_closes() -> None:
    desk = Desk(Direction.LONG, leverage=10)
    for slot in (4, 3, 2, 1, 0):
        desk.fill(desk.order(slot, Side.BUY))
    desk.tick(95, near(desk, "0.31"))
    assert desk.bot.danger is Danger.SAFE
    told = desk.tick(95, near(desk, "0.29"))
    assert (told.decisions[0].rule, desk.bot.danger) == (Rule.LIQUIDATION_NEAR, Danger.NEAR)
    assert desk.tick(95, near(desk, "0.28")).sequence == 0, "it is said once"
    reduced = desk.tick(95, near(desk, "0.14"))
    assert (reduced.decisions[0].rule, desk.bot.danger) == (Rule.LIQUIDATION_NEAR, Danger.REDUCING)
    desk.fill(desk.order(0, Side.SELL))
    assert desk.sides()[0] == 0, "nothing is bought again"
    closed = desk.tick(95, near(desk, "0.07"))
    assert (closed.decisions[0].rule, desk.bot.stop_reason) == (Rule.LIQUIDATION_NEAR, StopReason.LIQUIDATION_NEAR)


def test_the_danger_ends_only_some_way_off() -> None:
    desk = Desk(Direction.LONG, leverage=10)
    for slot in (4, 3, 2, 1, 0):
        desk.fill(desk.order(slot, Side.BUY))
    desk.tick(95, near(desk, "0.14"))
    assert desk.bot.danger is Danger.REDUCING
    assert desk.tick(95, near(desk, "0.17")).sequence == 0
    freed = desk.tick(95, near(desk, "0.19"))
    assert (freed.decisions[0].rule, desk.bot.danger) == (Rule.LIQUIDATION_FAR, Danger.NEAR)
    assert desk.tick(95, near(desk, "0.35")).sequence == 0
    assert (desk.tick(95, near(desk, "0.37")).sequence > 0, desk.bot.danger) == (True, Danger.SAFE)


def test_a_position_near_liquidation_takes_growing_orders_off() -> None:
    desk = Desk(Direction.LONG, leverage=10)
    desk.engine.step(FundingPaid(at=NOW, id="1", symbol=SYMBOL, mode=Mode.SHADOW, amount=D(-200)))
    desk.tick(95, near(desk, "0.14"))
    assert desk.bot.danger is Danger.REDUCING
    assert desk.sides() == (0, 5)


def test_reducing_keeps_the_nearest_orders_that_make_the_position_smaller() -> None:
    desk = Desk(Direction.NEUTRAL)
    for slot in (4, 3):
        desk.fill(desk.order(slot, Side.BUY))
    assert desk.sides() == (3, 7)
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.REDUCING))
    assert sorted(draft.slot for draft in desk.drafts(Purpose.GRID)) == [3, 4]
    desk.clear()
    desk.fill(desk.order(3, Side.SELL))
    assert [draft.slot for draft in desk.drafts(Purpose.GRID)] == [4]
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    assert desk.sides() == (4, 6)


# -- the protective stop


def test_the_stop_changes_sides_with_the_position() -> None:
    desk = Desk(Direction.NEUTRAL)
    assert desk.drafts(Purpose.PROTECT) == []
    desk.fill(desk.order(4, Side.BUY))
    (below,) = desk.drafts(Purpose.PROTECT)
    low = liquidations(desk.bot).low
    assert low is not None
    assert (below.side, below.type, below.reduce_only) == (Side.SELL, OrderType.STOP_MARKET, True)
    assert low < below.price < desk.bot.lines[0]
    assert below.client_id == "bt-1-1-ps1"
    desk.fill(desk.order(5, Side.SELL))
    assert desk.drafts(Purpose.PROTECT) == []
    desk.clear()
    desk.fill(desk.order(6, Side.SELL))
    (above,) = desk.drafts(Purpose.PROTECT)
    high = liquidations(desk.bot).high
    assert high is not None
    assert above.side is Side.BUY
    assert desk.bot.lines[-1] < above.price < high


def test_the_stop_follows_a_stop_loss_at_a_price() -> None:
    desk = Desk(Direction.LONG)
    (before,) = desk.drafts(Purpose.PROTECT)
    desk.engine.step(SetStopLoss(at=NOW, by="t", bot=1, trigger=Trigger(TriggerKind.PRICE, D("85.55"))))
    desk.clear()
    (after,) = desk.drafts(Purpose.PROTECT)
    assert (after.price, after.client_id) == (D("85.55"), "bt-1-1-ps2")
    assert before.client_id != after.client_id


def test_a_paused_bot_stays_guarded() -> None:
    desk = Desk(Direction.LONG)
    desk.engine.step(PauseBot(at=NOW, by="t", bot=1))
    assert len(desk.drafts(Purpose.PROTECT)) == 1
    assert desk.sides() == (0, 0)


def test_a_stop_that_is_gone_is_laid_again_at_the_next_tick() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    assert desk.engine.step(OrderCancelled(at=NOW, client_id=guard.client_id)).approved == ()
    assert [each.draft.client_id for each in desk.tick(100).approved] == ["bt-1-1-ps2"]


def test_a_stop_that_fires_ends_the_bot_however_much_it_closes() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    desk.fill(desk.order(4, Side.BUY))
    base = desk.bot.books.base
    assert base > guard.quantity
    fired = desk.fill(guard, base, guard.price)
    assert fired.decisions[0].rule is Rule.STOP_LOSS
    assert (desk.bot.stop_reason, desk.bot.books.base) == (StopReason.STOP_LOSS, ZERO)
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    assert desk.engine.state.orders == {}


def test_a_stop_that_was_reached_before_it_was_laid_closes_at_once() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    reason = RejectReason.WOULD_TAKE
    outcome = desk.engine.step(OrderRejected(at=NOW, client_id=guard.client_id, reason=reason, message=""))
    assert outcome.decisions[0].rule is Rule.STOP_LOSS
    desk.clear()
    assert [draft.side for draft in desk.drafts(Purpose.CLOSE)] == [Side.SELL]


@pytest.mark.parametrize("status", [BotStatus.STARTING, BotStatus.RUNNING, BotStatus.PAUSED])
async def test_what_a_real_exchange_says_of_a_stop_that_is_reached_closes_the_position(
    status: BotStatus, tmp_path: Path
) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        # A sale above the mark price.
        answer = await venue.exchange.submit(stop(venue.symbol, "120"))
        venue.server.mistakes.clear()
    assert isinstance(answer, Rejected)
    desk = Desk(Direction.LONG, complete=status is not BotStatus.STARTING)
    if status is BotStatus.STARTING:
        (initial,) = desk.drafts(Purpose.INITIAL)
        desk.fill(initial, initial.quantity / 2)
    elif status is BotStatus.PAUSED:
        desk.engine.step(PauseBot(at=NOW, by="t", bot=1))
    assert desk.bot.status is status
    (guard,) = desk.drafts(Purpose.PROTECT)
    desk.engine.step(OrderRejected(at=NOW, client_id=guard.client_id, reason=answer.reason, message=answer.message))
    desk.clear()
    assert (desk.bot.status, desk.bot.stop_reason) == (BotStatus.STOPPING, StopReason.STOP_LOSS)
    assert [draft.quantity for draft in desk.drafts(Purpose.CLOSE)] == [desk.bot.books.base]


# -- the gate


def refused(desk: Desk, draft: Draft, **changes: object) -> RefusalCode | None:
    """Return why risk refuses a draft with ``changes``; None when it passes."""
    verdict = check(desk.engine.state, LIMITS, msgspec.structs.replace(draft, **changes), NOW)
    return verdict.code if isinstance(verdict, Refused) else None


def test_no_order_does_more_than_its_purpose() -> None:
    desk = Desk(Direction.LONG)
    base = desk.bot.books.base
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    (closing,), (guard,) = desk.drafts(Purpose.CLOSE), desk.drafts(Purpose.PROTECT)
    desk.engine.step(OrderCancelled(at=NOW, client_id=closing.client_id))
    assert refused(desk, closing) is None
    assert refused(desk, closing, quantity=base + D("0.001")) is RefusalCode.NOT_HELD
    assert refused(desk, closing, side=Side.BUY) is RefusalCode.NOT_HELD
    assert refused(desk, guard) is None
    assert refused(desk, guard, side=Side.BUY) is RefusalCode.NOT_HELD
    assert refused(desk, guard, purpose=Purpose.INITIAL, side=Side.BUY, slot=-1) is RefusalCode.NOT_HELD


def test_margin_is_counted_over_position_and_resting_orders() -> None:
    desk = Desk(Direction.NEUTRAL)
    bid = desk.order(0, Side.BUY)
    desk.engine.step(OrderCancelled(at=NOW, client_id=desk.order(1, Side.BUY).client_id))
    free = desk.bot.books.equity(D(100)) * desk.bot.spec.leverage - desk.bot.bid
    fits = (free / bid.price).quantize(D("0.001"), "ROUND_FLOOR")
    assert refused(desk, bid, quantity=fits) is None
    assert refused(desk, bid, quantity=fits + D("0.001")) is RefusalCode.ABOVE_BOT_BUDGET


def test_only_so_many_stops_wait() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    full = msgspec.structs.replace(MARKET.filters, max_stops=1)
    desk.bot.market = msgspec.structs.replace(MARKET, filters=full)
    assert refused(desk, guard) is RefusalCode.TOO_MANY_ORDERS


def test_an_order_that_proved_absent_is_judged_again_before_it_is_sent_again() -> None:
    desk = Desk(Direction.NEUTRAL)
    bid = desk.order(0, Side.BUY)
    desk.engine.state.person_state = TradingState.HALTED
    outcome = desk.engine.step(OrderAbsent(at=NOW, client_id=bid.client_id))
    assert (outcome.approved, [each.code for each in outcome.refused]) == ((), [RefusalCode.TRADING_HALTED])
    assert bid.client_id not in desk.engine.state.orders
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    assert desk.order(0, Side.BUY).client_id != bid.client_id


def test_an_accepted_order_counts_as_before() -> None:
    desk = Desk(Direction.SHORT)
    offer = desk.order(9, Side.SELL)
    desk.engine.step(OrderAccepted(at=NOW, client_id=offer.client_id, exchange_id="1"))
    assert desk.engine.state.orders[offer.client_id].status is OrderStatus.OPEN
