"""Single steps whose outcome a person would ask about."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.decisions import Rule
from data.events import (
    EngineStarted,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    RejectReason,
    SetTradingState,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.grids import GridSpec, OutOfRange
from data.market import FeeAsset, Market, Ticker
from data.orders import Draft, Fill, OrderStatus, OrderType, Purpose, RefusalCode
from data.values import ZERO, Side
from engine.core import Engine
from engine.grid.slots import violations
from engine.outcome import Outcome
from engine.risk import RiskLimits
from engine.views import BotStatus, RangePosition
from tests.engine.fake_exchange import MARKET, NOW, SPEC, SYMBOL

D = Decimal


class Desk:
    """An engine with one bot, and the shortest way to say what happened to it."""

    def __init__(self, spec: GridSpec = SPEC, *, market: Market = MARKET, fill_initial: bool = True) -> None:
        self.engine = Engine(RiskLimits(stale_millis=1 << 50))
        self.trades = 0
        self.tick("100")
        started = self.engine.step(StartBot(at=NOW, by="t", spec=spec, market=market))
        self.initial = next(each.draft for each in started.approved if each.draft.purpose is Purpose.INITIAL)
        self.bot = self.engine.state.bots[1]
        if fill_initial:
            self.fill(self.initial)

    def tick(self, price: str) -> Outcome:
        """Move the price."""
        last = D(price)
        return self.engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, last, last, last, NOW)))

    def fill(self, draft: Draft, quantity: Decimal | None = None) -> Outcome:
        """Execute an order."""
        self.trades += 1
        amount = quantity or draft.quantity
        fees = self.bot.market.fees
        rate = fees.maker if draft.type is OrderType.LIMIT_MAKER else fees.taker
        in_base = fees.asset is FeeAsset.RECEIVED and draft.side is Side.BUY
        fee = amount * draft.price * rate
        fill = Fill(
            trade_id=str(self.trades),
            client_id=draft.client_id,
            symbol=SYMBOL,
            side=draft.side,
            price=draft.price,
            quantity=amount,
            fee=amount * rate if in_base else fee,
            fee_asset="AAA" if in_base else "USDT",
            fee_quote=fee,
            maker=True,
            at=NOW,
        )
        return self.engine.step(OrderFilled(at=NOW, fill=fill))

    def order(self, slot: int, side: Side) -> Draft:
        """Return the resting order of a slot."""
        live = self.engine.state.live_orders(self.bot)
        return next(o.draft for o in live if (o.draft.slot, o.draft.side) == (slot, side))


def test_a_grid_of_one_slot_notices_that_price_is_back() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, levels=2))
    assert desk.tick("111").decisions[0].rule is Rule.ABOVE_RANGE
    assert desk.tick("109").sequence == 0, "half a slot is the least to come back by"
    assert desk.tick("93").decisions[0].rule is Rule.BACK_IN_RANGE
    assert desk.bot.position is RangePosition.INSIDE
    assert desk.tick("89").decisions[0].rule is Rule.BELOW_RANGE
    assert desk.tick("109").decisions[0].rule is Rule.BACK_IN_RANGE


def test_a_bot_that_stops_out_of_range_stops_although_a_slot_waits_for_the_book() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, out_of_range=OutOfRange.STOP_KEEP))
    draft = desk.order(0, Side.BUY)
    desk.engine.step(OrderRejected(at=NOW, client_id=draft.client_id, reason=RejectReason.WOULD_TAKE, message=""))
    bands = list(desk.engine.bands(SYMBOL))
    assert (ZERO, ZERO) in bands
    assert (D(90), D(110)) in bands, "the edges are still told to whoever walks a path"


def test_halting_takes_the_initial_order_off_and_never_sends_it_again() -> None:
    desk = Desk(fill_initial=False)
    halted = desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.HALTED))
    assert desk.initial.client_id in {request.client_id for request in halted.cancels}
    absent = desk.engine.step(OrderAbsent(at=NOW, client_id=desk.initial.client_id))
    assert absent.approved == ()
    assert desk.bot.status is BotStatus.STARTING
    freed = desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    again = [each.draft for each in freed.approved if each.draft.purpose is Purpose.INITIAL]
    assert [draft.client_id for draft in again] == ["bt-1-1-ib2"]


def test_a_bot_whose_inventory_is_refused_does_not_start() -> None:
    engine = Engine(RiskLimits(max_total_exposure=D(50)))
    engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(100), D(100), D(100), NOW)))
    outcome = engine.step(StartBot(at=NOW, by="t", spec=SPEC, market=MARKET))
    assert outcome.approved == ()
    assert outcome.cancels == ()
    assert [refused.code for refused in outcome.refused] == [RefusalCode.ABOVE_TOTAL_EXPOSURE]
    assert [decision.rule for decision in outcome.decisions] == [Rule.OPEN_GRID, Rule.STOP_BOT]
    bot = engine.state.bots[1]
    assert (bot.status, bot.stop_reason) == (BotStatus.STOPPED, StopReason.FAILED_START)
    assert bot.books.cash == SPEC.investment


def test_a_sale_overtaken_by_its_cancel_takes_its_successor_off() -> None:
    desk = Desk()
    first = desk.order(9, Side.SELL)
    desk.engine.step(OrderAccepted(at=NOW, client_id=first.client_id, exchange_id="1"))
    replaced = desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id))
    (second,) = [each.draft for each in replaced.approved]
    late = desk.fill(first)
    assert [request.client_id for request in late.cancels] == [second.client_id]
    assert desk.bot.slots[9].held == ZERO
    assert desk.bot.books.identity_error(D(97)) == ZERO
    desk.engine.step(OrderCancelled(at=NOW, client_id=second.client_id))
    assert violations(desk.bot.slots) == []
    assert desk.order(9, Side.BUY).quantity == first.quantity


def test_both_of_two_sales_for_one_are_booked_when_both_were_filled() -> None:
    desk = Desk()
    first = desk.order(9, Side.SELL)
    replaced = desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id))
    (second,) = [each.draft for each in replaced.approved]
    desk.fill(first)
    base = desk.bot.books.base
    both = desk.fill(second)
    assert desk.bot.books.base == base - second.quantity
    assert desk.bot.books.identity_error(D(97)) == ZERO
    robbed = [slot for slot in desk.bot.slots if slot.selling > slot.held]
    assert len(robbed) == 1, "the base came from another slot"
    assert len(both.cancels) == 1
    for request in both.cancels:
        desk.engine.step(OrderCancelled(at=NOW, client_id=request.client_id))
    assert violations(desk.bot.slots) == []


def test_prices_of_an_earlier_run_are_forgotten() -> None:
    desk = Desk()
    desk.engine.step(EngineStarted(at=NOW, version="t"))
    assert desk.engine.state.tickers == {}


def test_an_order_that_was_accepted_cannot_be_rejected_any_more() -> None:
    desk = Desk()
    draft = desk.order(0, Side.BUY)
    desk.engine.step(OrderAccepted(at=NOW, client_id=draft.client_id, exchange_id="1"))
    late = desk.engine.step(
        OrderRejected(at=NOW, client_id=draft.client_id, reason=RejectReason.OTHER, message="too late")
    )
    assert late.sequence == 0
    assert desk.engine.state.orders[draft.client_id].status is OrderStatus.OPEN


def test_a_bot_needs_a_price_to_start_from() -> None:
    engine = Engine(RiskLimits())
    outcome = engine.step(StartBot(at=NOW, by="t", spec=SPEC, market=MARKET))
    assert outcome.problem == f"symbol: no price of {SYMBOL} has been seen yet"
    assert (outcome.durable, engine.state.bots) == (False, {})


def test_a_fill_told_of_after_the_end_is_booked_and_starts_nothing() -> None:
    desk = Desk()
    bid = desk.order(0, Side.BUY)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=False))
    for client_id in tuple(desk.bot.live):
        desk.engine.step(OrderCancelled(at=NOW, client_id=client_id))
    assert desk.bot.status is BotStatus.STOPPED
    base = desk.bot.books.base
    late = desk.fill(bid)
    assert late.durable
    assert (late.approved, late.cancels) == ((), ())
    assert desk.bot.books.base == base + bid.quantity
    assert desk.bot.status is BotStatus.STOPPED
    assert desk.bot.books.identity_error(D(97)) == ZERO


def test_base_sold_that_no_slot_holds_is_booked_without_gain_or_loss() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, levels=2))
    first = desk.order(0, Side.SELL)
    (replaced,) = desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id)).approved
    desk.fill(first)
    before = desk.bot.books.base
    gained = desk.bot.books.grid_profit
    desk.fill(replaced.draft)
    assert desk.bot.books.base == before - first.quantity < ZERO
    assert desk.bot.books.grid_profit == gained
    assert desk.bot.books.identity_error(D(97)) == ZERO
    assert desk.bot.slots[0].held == ZERO
