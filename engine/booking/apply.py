"""Applying events to the state: what happened is booked here, before anyone decides what to do about it."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

import msgspec

from data.advice import Advice, MarketProposed, OrdersAdvised, TradingState, TradingStateAdvised
from data.decisions import Input, Rule
from data.events import (
    AdvicePosted,
    ArmingControl,
    ArmMode,
    BalanceMoved,
    DisarmMode,
    EngineStarted,
    Event,
    FundingPaid,
    MarketChanged,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    OrderUpdate,
    PauseBot,
    RecentreBot,
    Reconciled,
    RejectReason,
    ResumeBot,
    SetOutOfRange,
    SetReinvest,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    SetTrailing,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.orders import Order, OrderStatus, Purpose
from data.values import ZERO, Millis, Side, plain
from engine.booking.arming import apply_arming
from engine.booking.controls import apply_control
from engine.booking.fills import apply_fill
from engine.booking.listing import apply_market
from engine.booking.payments import apply_payment
from engine.rules.change import BOOKED, IGNORED, Change, refused
from engine.state import Bot, EngineState, market_key, release
from engine.views import BotStatus

DRIFT = Decimal("1.02")
"""How far beyond its quote the initial market order may still be sent again; then nobody has confirmed the price."""


def apply(state: EngineState, event: Event) -> Change:
    """Book ``event`` and say what to decide about. Ticks are handled by the engine itself and are no concern here."""
    match event:
        case OrderFilled():
            return apply_fill(state, event)
        case OrderAccepted() | OrderRejected() | OrderUnknown() | OrderAbsent() | OrderCancelled():
            order = state.orders.get(event.client_id)
            return IGNORED if order is None else _updated(state, order, event)
        case (
            StartBot() | StopBot() | PauseBot() | ResumeBot() | SetTakeProfit() | SetStopLoss() | SetOutOfRange()
            | SetTrailing() | SetReinvest() | RecentreBot()
        ):  # fmt: skip
            return apply_control(state, event)
        case SetTradingState() | ArmMode() | DisarmMode():
            return _asked_of_all(state, event)
        case AdvicePosted():
            return _advised(state, event)
        case FundingPaid() | BalanceMoved():
            return apply_payment(state, event)
        case EngineStarted():
            # Prices of the last run are no prices; without this a replay of the journal would still know them here.
            state.tickers.clear()
            state.limits = event.limits or state.limits
            state.tag = event.tag
            return BOOKED
        case Reconciled() | MarketChanged():
            return _reconciled(state, event) if isinstance(event, Reconciled) else apply_market(state, event)
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
            return _absent(state, order, event.at)
        case OrderCancelled():
            return _ended(state, order, event)
        case OrderFilled():
            raise TypeError("fills are booked by apply_fill")
        case _:
            assert_never(event)


def _accepted(state: EngineState, order: Order, event: OrderAccepted) -> Change:
    if order.exchange_id:
        return IGNORED
    order.exchange_id = event.exchange_id
    slot = state.bots[order.draft.bot].slot(order.draft.slot)
    if slot is not None:
        slot.crossed = 0
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
        bot.stop(StopReason.FAILED_START, sell=False)
        return Change(bot=bot, order=order, rule=Rule.STOP_BOT, inputs=inputs)
    if order.draft.purpose is Purpose.PROTECT:
        return _unprotected(bot, order, event, inputs)
    if order.draft.slot < 0:
        bot.retry_later(event.at)
        if event.reason is RejectReason.INSUFFICIENT_BALANCE:
            bot.sellable = _left(state, bot, event)
        return Change(bot=bot, order=order, rule=Rule.ORDER_REJECTED, inputs=inputs)
    slot = bot.slot(order.draft.slot)
    if slot is None:
        return Change(bot=bot, order=order, rule=Rule.ORDER_REJECTED, inputs=inputs)
    if event.reason is RejectReason.WOULD_TAKE:
        slot.crossed, slot.waiting = slot.crossed + 1, True
        return Change(bot=bot, slot=slot, order=order, rule=Rule.PRICE_CROSSED, inputs=inputs)
    slot.blocked = True
    return Change(bot=bot, slot=slot, order=order, rule=Rule.ORDER_REJECTED, inputs=inputs)


def _left(state: EngineState, bot: Bot, event: OrderRejected) -> Decimal | None:
    """Return the base that an account with too little of it has: as it said, or as the books were last compared."""
    if bot.market.perpetual or event.available is not None:
        return event.available
    lacking, place = f"{bot.market.base} ", market_key(bot.spec.mode, bot.market.symbol)
    found = (each for each in state.reconciled.get(place, ()) if each.startswith(lacking))
    return next((bot.books.base - Decimal(each.removeprefix(lacking)) for each in found), None)


def _unprotected(bot: Bot, order: Order, event: OrderRejected, inputs: list[Input]) -> Change:
    if event.reason is RejectReason.WOULD_TAKE and bot.status is not BotStatus.STOPPING:
        # The stop was reached before it could be laid.
        bot.stop(StopReason.STOP_LOSS, sell=True)
        return Change(bot=bot, order=order, rule=Rule.STOP_LOSS, inputs=inputs)
    bot.protect_blocked = True
    return Change(bot=bot, order=order, rule=Rule.ORDER_REJECTED, inputs=inputs)


def _absent(state: EngineState, order: Order, at: Millis) -> Change:
    if order.ended is not None:
        # It is known to have traded, by the word of the stream, and its trades are still to be told.
        return IGNORED
    if order.status is OrderStatus.OPEN:
        # It was told of before, so whoever denies it may be behind: it may rest, and another beside it would be one too
        # many. Once it is asked off the book, a denial is good enough.
        order.status = OrderStatus.CANCELLING
        return Change(order=order, recancel=True)
    never_seen = order.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN) and not order.exchange_id
    bot = state.bots[order.draft.bot]
    if never_seen and order.draft.purpose is Purpose.INITIAL and bot.status is BotStatus.STARTING:
        now = _worse(state, order)
        if now is not None:
            release(state, order, OrderStatus.CANCELLED)
            bot.stop(StopReason.FAILED_START, sell=False)
            inputs = [Input("quoted at", plain(order.draft.price)), Input("price now", now)]
            return Change(bot=bot, order=order, rule=Rule.STOP_BOT, inputs=inputs)
    if never_seen and order.draft.purpose is Purpose.CLOSE and not _cut_down(bot, order):
        return _cancelled(state, order, OrderStatus.CANCELLED, at)
    if never_seen and order.filled == ZERO and bot.status in (BotStatus.RUNNING, BotStatus.STARTING):
        order.status = OrderStatus.INTENDED
        return Change(order=order, rule=Rule.RETRY_SAME_ID, resend=True)
    if never_seen and order.draft.purpose is Purpose.CLOSE:
        order.status = OrderStatus.INTENDED
        return Change(order=order, rule=Rule.RETRY_SAME_ID, resend=True)
    return _cancelled(state, order, OrderStatus.CANCELLED, at)


def _cut_down(bot: Bot, order: Order) -> bool:
    """Make a closing sale on spot no larger than what the bot holds, and return whether enough is left to be sold.

    Another sale may have come to light since it was drafted; what is beyond would be somebody else's.
    """
    draft = order.draft
    if bot.market.perpetual or draft.side is Side.BUY:
        return True
    most = bot.closable(draft.price)
    excess = order.remaining - most
    if excess > ZERO and most > ZERO:
        bot.rest(draft, -excess)
        order.draft = msgspec.structs.replace(draft, quantity=draft.quantity - excess)
    return most > ZERO


def _worse(state: EngineState, order: Order) -> str | None:
    """Return the price now, if it is so much worse than the one an initial order was quoted at that none may go."""
    ticker, quoted = state.tickers.get(order.draft.symbol), order.draft.price
    if ticker is None:
        return "unknown"
    if order.draft.side is Side.BUY:
        return plain(ticker.ask) if ticker.ask > quoted * DRIFT else None
    return plain(ticker.bid) if ticker.bid * DRIFT < quoted else None


def _ended(state: EngineState, order: Order, event: OrderCancelled) -> Change:
    if event.filled is None or event.filled <= order.filled:
        return _cancelled(state, order, OrderStatus.CANCELLED, event.at)
    if order.ended is not None:
        return IGNORED
    # Whatever replaces it now would trade again what it has traded already.
    order.ended, order.status = event.filled, OrderStatus.CANCELLING
    return BOOKED


def _cancelled(state: EngineState, order: Order, status: OrderStatus, at: Millis) -> Change:
    asked = order.status is OrderStatus.CANCELLING
    release(state, order, status)
    bot = state.bots[order.draft.bot]
    if order.draft.slot < 0 and not asked:
        # A market order that found nobody to trade with would be sent again at once, and again; it waits for a tick.
        # One that found nobody at all, or only the account's own orders, waits longer each time.
        if order.filled > ZERO or order.draft.purpose is Purpose.PROTECT:
            bot.waiting = True
        else:
            bot.retry_later(at)
    if order.draft.purpose is Purpose.PROTECT:
        # What it stood in the way of may be laid now.
        bot.protect_blocked = False
    slot = bot.slot(order.draft.slot)
    inputs = [Input("order", order.draft.client_id), Input("unfilled", plain(order.remaining))]
    return Change(bot=bot, slot=slot, order=order, rule=Rule.REPLACE_ORDER, inputs=inputs)


# -- the engine as a whole


def _asked_of_all(state: EngineState, event: SetTradingState | ArmingControl) -> Change:
    return _set_trading_state(state, event) if isinstance(event, SetTradingState) else apply_arming(state, event)


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
            bot.unblock()
            return Change(bot=bot, rule=Rule.REPLACE_ORDER, inputs=[Input("asked by", advice.agent)])
        case MarketProposed() as what:
            return Change(rule=Rule.MARKET_PROPOSED, inputs=_proposal(advice, what))
        case _:
            assert_never(advice.what)


def _proposal(advice: Advice, what: MarketProposed) -> list[Input]:
    named = {
        "market": what.symbol,
        "lower": plain(what.lower),
        "upper": plain(what.upper),
        "levels": str(what.levels),
        "investment": plain(what.investment),
        "score": plain(advice.confidence),
        "reason": advice.reason,
    }
    return [Input(name, value) for name, value in (*named.items(), *advice.evidence.items())]


def _state_change(state: EngineState, before: TradingState, why: str) -> Change:
    after = state.trading_state
    if after is before:
        return Change()
    for bot in state.active_bots():
        bot.unblock()
    inputs = [Input("before", before.value), Input("after", after.value), Input("reason", why)]
    return Change(everyone=True, rule=Rule.CHANGE_TRADING_STATE, inputs=inputs)


def _reconciled(state: EngineState, event: Reconciled) -> Change:
    place = market_key(event.mode, event.symbol)
    known = state.reconciled.get(place, ())
    gap = event.gap
    short = (f"{gap.get('asset', '')} {gap.get('short', gap.get('found', ''))}",) if gap else ()
    found = (*sorted(event.foreign_orders), *short)
    if found == known:
        # Said before: a person who resumes a bot in spite of a lasting shortage is not overruled every few minutes.
        return IGNORED
    state.reconciled[place] = found
    if not short or short[0] in known:
        return BOOKED
    for bot in state.active_bots(event.symbol):
        if bot.status is BotStatus.RUNNING and bot.spec.mode is event.mode:
            bot.status = BotStatus.PAUSED
    inputs = [Input(name, value) for name, value in event.gap.items()]
    return Change(everyone=True, rule=Rule.BOOKS_DISAGREE, inputs=inputs)
