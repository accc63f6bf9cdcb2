"""Applying events to the state: what happened is booked here, before anyone decides what to do about it."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from data.advice import OrdersAdvised, TradingState, TradingStateAdvised
from data.decisions import Input, Rule
from data.events import (
    AdvicePosted,
    BalanceMoved,
    EngineStarted,
    Event,
    FundingPaid,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    OrderUpdate,
    PauseBot,
    Reconciled,
    RejectReason,
    ResumeBot,
    SetOutOfRange,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.orders import Fill, Order, OrderStatus, Purpose
from data.values import ZERO, Side, plain
from engine.change import BOOKED, IGNORED, Change, refused
from engine.controls import apply_control, stop, unblock
from engine.grid.accounting import book_bought, book_sold, share, take_across
from engine.grid.slots import Lot, Slot
from engine.state import Bot, EngineState, release
from engine.views import BotStatus

DRIFT = Decimal("1.02")
"""How far above its quote the initial market buy may still be sent again; beyond, nobody has confirmed the price."""


def apply(state: EngineState, event: Event) -> Change:
    """Book ``event`` and say what to decide about. Ticks are handled by the engine itself and are no concern here."""
    match event:
        case OrderFilled():
            return _filled(state, event)
        case OrderAccepted() | OrderRejected() | OrderUnknown() | OrderAbsent() | OrderCancelled():
            order = state.orders.get(event.client_id)
            return IGNORED if order is None else _updated(state, order, event)
        case StartBot() | StopBot() | PauseBot() | ResumeBot() | SetTakeProfit() | SetStopLoss() | SetOutOfRange():
            return apply_control(state, event)
        case SetTradingState():
            return _set_trading_state(state, event)
        case AdvicePosted():
            return _advised(state, event)
        case FundingPaid() | BalanceMoved():
            return IGNORED
        case EngineStarted():
            # Prices of the last run are no prices; without this a replay of the journal would still know them here.
            state.tickers.clear()
            state.limits = event.limits or state.limits
            state.tag = event.tag
            return BOOKED
        case Reconciled():
            return _reconciled(state, event)
        case TickerMoved():
            raise TypeError("ticks are stepped by the engine")
        case _:
            assert_never(event)


# -- order updates


def _updated(state: EngineState, order: Order, event: OrderUpdate) -> Change:
    match event:
        case OrderAccepted():
            return _accepted(state, order, event)
        case OrderUnknown():
            if order.status is not OrderStatus.INTENDED:
                return IGNORED
            order.status = OrderStatus.UNKNOWN
            return BOOKED
        case OrderRejected():
            return _rejected(state, order, event)
        case OrderAbsent():
            return _absent(state, order)
        case OrderCancelled():
            return _cancelled(state, order, OrderStatus.CANCELLED)
        case OrderFilled():
            raise TypeError("fills are booked by _filled")
        case _:
            assert_never(event)


def _accepted(state: EngineState, order: Order, event: OrderAccepted) -> Change:
    if order.exchange_id:
        return IGNORED
    order.exchange_id = event.exchange_id
    if order.draft.slot >= 0:
        state.bots[order.draft.bot].slots[order.draft.slot].crossed = 0
    if order.status is OrderStatus.CANCELLING:
        # The cancel overtook the submit and found nothing: ask again, now that the order exists.
        return Change(order=order, recancel=True)
    order.status = OrderStatus.OPEN
    return BOOKED


def _rejected(state: EngineState, order: Order, event: OrderRejected) -> Change:
    if order.filled > ZERO or order.exchange_id:
        # An order that was accepted or has filled existed; a late "rejected" is a contradiction to be reconciled.
        return IGNORED
    release(state, order, OrderStatus.REJECTED)
    bot = state.bots[order.draft.bot]
    inputs = [Input("reason", event.reason.value), Input("message", event.message[:200])]
    if order.draft.purpose is Purpose.INITIAL and event.reason is not RejectReason.WOULD_TAKE:
        stop(bot, StopReason.FAILED_START, sell=False)
        return Change(bot=bot, order=order, rule=Rule.STOP_BOT, inputs=inputs)
    if order.draft.slot < 0:
        bot.close_blocked = True
        return Change(bot=bot, order=order, rule=Rule.ORDER_REJECTED, inputs=inputs)
    slot = bot.slots[order.draft.slot]
    if event.reason is RejectReason.WOULD_TAKE:
        slot.crossed, slot.waiting = slot.crossed + 1, True
        return Change(bot=bot, slot=slot, order=order, rule=Rule.PRICE_CROSSED, inputs=inputs)
    slot.blocked = True
    return Change(bot=bot, slot=slot, order=order, rule=Rule.ORDER_REJECTED, inputs=inputs)


def _absent(state: EngineState, order: Order) -> Change:
    never_seen = order.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN) and not order.exchange_id
    bot = state.bots[order.draft.bot]
    if never_seen and order.draft.purpose is Purpose.INITIAL and bot.status is BotStatus.STARTING:
        ticker = state.tickers.get(order.draft.symbol)
        if ticker is None or ticker.ask > order.draft.price * DRIFT:
            release(state, order, OrderStatus.CANCELLED)
            stop(bot, StopReason.FAILED_START, sell=False)
            now = plain(ticker.ask) if ticker else "unknown"
            inputs = [Input("quoted at", plain(order.draft.price)), Input("price now", now)]
            return Change(bot=bot, order=order, rule=Rule.STOP_BOT, inputs=inputs)
    if never_seen and order.filled == ZERO and bot.status in (BotStatus.RUNNING, BotStatus.STARTING):
        order.status = OrderStatus.INTENDED
        return Change(order=order, rule=Rule.RETRY_SAME_ID, resend=True)
    if never_seen and order.draft.purpose is Purpose.CLOSE:
        order.status = OrderStatus.INTENDED
        return Change(order=order, rule=Rule.RETRY_SAME_ID, resend=True)
    return _cancelled(state, order, OrderStatus.CANCELLED)


def _cancelled(state: EngineState, order: Order, status: OrderStatus) -> Change:
    asked = order.status is OrderStatus.CANCELLING
    release(state, order, status)
    bot = state.bots[order.draft.bot]
    if order.draft.slot < 0 and not asked:
        # A market order that found nobody to trade with would be sent again at once, and again; it waits for a tick.
        bot.waiting = True
    slot = bot.slots[order.draft.slot] if order.draft.slot >= 0 else None
    inputs = [Input("order", order.draft.client_id), Input("unfilled", plain(order.remaining))]
    return Change(bot=bot, slot=slot, order=order, rule=Rule.REPLACE_ORDER, inputs=inputs)


def _filled(state: EngineState, event: OrderFilled) -> Change:
    fill = event.fill
    order = state.orders.get(fill.client_id)
    if order is None:
        done = state.finished.get(fill.client_id)
        if done is None or fill.trade_id in done.trades or done.order.remaining < fill.quantity:
            return IGNORED
        done.trades.append(fill.trade_id)
        # A fill that was overtaken by its cancel: it happened, so it is booked; nothing rests for it any more.
        return _book(state, done.order, fill, resting=False)
    booked = state.trades.setdefault(fill.client_id, [])
    if fill.trade_id in booked or order.remaining < fill.quantity:
        return IGNORED
    booked.append(fill.trade_id)
    if order.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
        order.status = OrderStatus.OPEN
    return _book(state, order, fill, resting=True)


def _book(state: EngineState, order: Order, fill: Fill, *, resting: bool) -> Change:
    draft, bot = order.draft, state.bots[order.draft.bot]
    order.filled += fill.quantity
    state.last_fill_at[fill.symbol] = max(fill.at, state.last_fill_at.get(fill.symbol, 0))
    slot = bot.slots[draft.slot] if draft.slot >= 0 else None
    if slot is not None:
        slot.crossed, slot.waiting, slot.blocked = 0, False, False
    if resting:
        bot.rest(draft, -fill.quantity)
    sound = True
    if draft.side is Side.BUY:
        _book_buy(bot, slot, order, fill)
    else:
        sound = _book_sale(bot, slot, fill)
    if resting and order.remaining == ZERO:
        state.finish(order, OrderStatus.FILLED)
    rule = {Purpose.INITIAL: Rule.OPEN_GRID, Purpose.GRID: Rule.PAIR_SLOT, Purpose.CLOSE: Rule.CLOSE_INVENTORY}
    inputs = [
        Input("side", fill.side.value),
        Input("price", plain(fill.price)),
        Input("quantity", plain(fill.quantity)),
        Input("fee", plain(fill.fee_quote)),
        Input("slot", str(draft.slot)),
    ]
    # What two fills for one did, other slots may have to make good.
    only = slot if resting and sound else None
    return Change(bot=bot, slot=only, order=order, rule=rule[draft.purpose], inputs=inputs)


def _book_buy(bot: Bot, slot: Slot | None, order: Order, fill: Fill) -> None:
    arrived = book_bought(bot.books, bot.market, fill, order.draft.purpose)
    if slot is not None:
        slot.add(arrived, fill.price, initial=False)
        return
    share(arrived, bot.slots, fill.price)
    if bot.status is BotStatus.STARTING and order.remaining == ZERO:
        # A fee taken in base can leave the last slot a hair short of its share; it will never arrive.
        for waiting in bot.slots:
            waiting.awaiting = ZERO
        bot.status = BotStatus.RUNNING


def _book_sale(bot: Bot, slot: Slot | None, fill: Fill) -> bool:
    """Book a sale and return whether its own slot held all of it."""
    sound = slot is not None and fill.quantity <= slot.held
    lots = slot.take(min(fill.quantity, slot.held)) if slot is not None else []
    lots += take_across(bot.slots, fill.quantity - sum((lot.quantity for lot in lots), ZERO))
    lacking = fill.quantity - sum((lot.quantity for lot in lots), ZERO)
    if lacking > ZERO:
        # Two orders were filled where one was meant, and base was sold that no slot holds: without gain or loss.
        lots.append(Lot(lacking, fill.price, initial=True))
    closed = book_sold(bot.books, fill, lots, pairs=slot is not None)
    if slot is not None and closed > ZERO and slot.selling == ZERO:
        slot.cycles += 1
    return sound


# -- the engine as a whole


def _set_trading_state(state: EngineState, event: SetTradingState) -> Change:
    if event.plan and event.plan in state.plans:
        return refused(f"plan {event.plan} was carried out before; nothing was changed")
    before = state.trading_state
    state.person_state = event.state
    if event.state is TradingState.ACTIVE:
        # Freeing by hand also forgives risk its last verdict and starts a new peak; risk may limit again at once.
        state.risk_state, state.peak_equity, state.day_start_equity = TradingState.ACTIVE, ZERO, ZERO
    state.state_reason = event.by
    if event.plan:
        state.plans[event.plan] = 0
    return _state_change(state, before, event.by)


def _advised(state: EngineState, event: AdvicePosted) -> Change:
    advice = event.advice
    if advice.expires_at < event.at:
        return IGNORED
    match advice.what:
        case TradingStateAdvised() as what:
            before = state.trading_state
            state.risk_state = what.state
            state.peak_equity, state.day_start_equity, state.day = what.peak_equity, what.day_start_equity, what.day
            if state.trading_state is not before:
                state.state_reason = advice.reason
            change = _state_change(state, before, advice.reason)
            change.inputs += [Input(name, value) for name, value in advice.evidence.items()]
            return change
        case OrdersAdvised() as what:
            bot = state.bots.get(what.bot)
            if bot is None or bot.status is BotStatus.STOPPED:
                return IGNORED
            unblock(bot)
            return Change(bot=bot, rule=Rule.REPLACE_ORDER, inputs=[Input("asked by", advice.agent)])
        case _:
            assert_never(advice.what)


def _state_change(state: EngineState, before: TradingState, why: str) -> Change:
    after = state.trading_state
    if after is before:
        return Change()
    for bot in state.active_bots():
        unblock(bot)
    inputs = [Input("before", before.value), Input("after", after.value), Input("reason", why)]
    return Change(everyone=True, rule=Rule.CHANGE_TRADING_STATE, inputs=inputs)


def _reconciled(state: EngineState, event: Reconciled) -> Change:
    known = state.reconciled.get(event.symbol, ())
    short = (f"{event.gap.get('asset', '')} {event.gap.get('short', '')}",) if event.gap else ()
    found = (*sorted(event.foreign_orders), *short)
    if found == known:
        # Said before: a person who resumes a bot in spite of a lasting shortage is not overruled every few minutes.
        return IGNORED
    state.reconciled[event.symbol] = found
    if not short or short[0] in known:
        return BOOKED
    for bot in state.active_bots(event.symbol):
        if bot.status is BotStatus.RUNNING:
            bot.status = BotStatus.PAUSED
    inputs = [Input(name, value) for name, value in event.gap.items()]
    return Change(everyone=True, rule=Rule.BOOKS_DISAGREE, inputs=inputs)
