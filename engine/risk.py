"""The risk gate: the only producer of ``Approved``. It fails closed: what it cannot judge it refuses."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.grids import Direction
from data.limits import RiskLimits
from data.orders import Draft, Order, OrderType, Purpose, RefusalCode, Refused
from data.values import HUNDRED, ZERO, Millis, Mode, Side, plain
from engine.state import Bot, EngineState
from engine.views import Danger

__all__ = ["Approved", "RiskLimits", "check", "restore"]


class Approved(msgspec.Struct, frozen=True):
    """A draft that passed every limit; the only thing an exchange adapter accepts. Made by this module alone."""

    draft: Draft


_Verdict = tuple[RefusalCode, dict[str, str]] | None


def check(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> Approved | Refused:
    """Judge one draft against the state it would enter."""
    for judge in (_mode, _trading_state, _price, _filters, _open_orders, _held, _budget, _exposure):
        verdict = judge(state, limits, draft, at)
        if verdict is not None:
            code, facts = verdict
            return Refused(draft=draft, code=code, facts=facts)
    return Approved(draft)


def restore(state: EngineState, limits: RiskLimits, order: Order, at: Millis) -> Approved | Refused:
    """Judge an order again that was approved, journaled, and proved absent at the exchange: may it still leave?"""
    # What it takes counts in the books already.
    counted = msgspec.structs.replace(order.draft, quantity=ZERO)
    for judge in (_mode, _trading_state):
        verdict = judge(state, limits, counted, at)
        if verdict is not None:
            code, facts = verdict
            return Refused(draft=order.draft, code=code, facts=facts)
    return Approved(order.draft)


def _mode(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    # What makes a position smaller may always leave: a mode is disarmed to lower risk.
    allowed = state.may_trade(draft.mode) or draft.purpose in (Purpose.CLOSE, Purpose.PROTECT)
    if draft.mode in limits.armed and allowed:
        return None
    armed = sorted(mode for mode in limits.armed if state.may_trade(mode))
    return RefusalCode.MODE_NOT_ARMED, {"mode": draft.mode.value, "armed": ", ".join(armed)}


def _trading_state(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    now, bot = state.trading_state, state.bots.get(draft.bot)
    near = bot is not None and bot.danger is Danger.REDUCING
    if draft.purpose in (Purpose.CLOSE, Purpose.PROTECT) or (now is TradingState.ACTIVE and not near):
        return None
    if now is TradingState.HALTED:
        return RefusalCode.TRADING_HALTED, {"reason": state.state_reason}
    if _reduces(bot, draft) if bot is not None and bot.market.perpetual else draft.side is Side.SELL:
        return None
    reason = state.state_reason if now is TradingState.REDUCING else "its liquidation is near"
    return RefusalCode.TRADING_REDUCING, {"reason": reason}


def _reduces(bot: Bot, draft: Draft) -> bool:
    """Return whether a perpetual's position can only become smaller by ``draft`` and all that rests on its side."""
    if draft.side is Side.SELL:
        return bot.offered + draft.quantity <= bot.books.base
    return bot.bidding + draft.quantity <= -bot.books.base


def _price(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    if draft.purpose is Purpose.PROTECT:
        # Its trigger follows from the books, and it is never needed more than when prices have stopped coming.
        return None
    ticker = state.tickers.get(draft.symbol)
    if ticker is None:
        return RefusalCode.PRICE_MISSING, {"symbol": draft.symbol}
    age = at - ticker.at
    # One from the future is of before the clock was set back, and nobody knows from how long before.
    if abs(age) > limits.stale_millis:
        return RefusalCode.PRICE_STALE, {"age_ms": str(age), "limit_ms": str(limits.stale_millis)}
    if draft.type is OrderType.MARKET:
        return None
    off = abs(draft.price - ticker.last) / ticker.last * HUNDRED
    if off <= limits.price_band_percent:
        return None
    facts = {
        "price": plain(draft.price),
        "market": plain(ticker.last),
        "limit_percent": plain(limits.price_band_percent),
    }
    return RefusalCode.PRICE_FAR_FROM_MARKET, facts


def _filters(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    bot = state.bots.get(draft.bot)
    if bot is None or bot.market.symbol != draft.symbol:
        return RefusalCode.MARKET_UNKNOWN, {"symbol": draft.symbol}
    filters, quantity, price = bot.market.filters, draft.quantity, draft.price
    if draft.type is not OrderType.MARKET and price % filters.price_tick:
        return RefusalCode.OFF_TICK, {"price": plain(price), "tick": plain(filters.price_tick)}
    if draft.type is OrderType.STOP_MARKET:
        return _stops(state, bot)
    if quantity % filters.quantity_step:
        return RefusalCode.OFF_STEP, {"quantity": plain(quantity), "step": plain(filters.quantity_step)}
    if quantity < filters.min_quantity or quantity <= ZERO:
        return RefusalCode.BELOW_MIN_QUANTITY, {"quantity": plain(quantity), "minimum": plain(filters.min_quantity)}
    maximum = filters.most_at_market if draft.type is OrderType.MARKET else filters.max_quantity
    if maximum is not None and quantity > maximum:
        return RefusalCode.ABOVE_MAX_QUANTITY, {"quantity": plain(quantity), "maximum": plain(maximum)}
    if draft.notional < filters.min_notional and not draft.reduce_only:
        return RefusalCode.BELOW_MIN_NOTIONAL, {
            "notional": plain(draft.notional),
            "minimum": plain(filters.min_notional),
        }
    if draft.type is OrderType.MARKET:
        # It rests nowhere, and what closes a position must never wait for room that another bot takes.
        return None
    there = [each for each in state.active_bots(draft.symbol) if each.spec.mode is draft.mode]
    resting = sum(len(each.live) for each in there)
    if resting >= filters.max_orders:
        return RefusalCode.TOO_MANY_ORDERS, {"open": str(resting), "maximum": str(filters.max_orders)}
    return None


def _stops(state: EngineState, bot: Bot) -> _Verdict:
    # It closes whatever is open: no filter but their number concerns it.
    waiting = sum(order.draft.type is OrderType.STOP_MARKET for order in state.live_orders(bot))
    if waiting < bot.market.filters.max_stops:
        return None
    return RefusalCode.TOO_MANY_ORDERS, {"open": str(waiting), "maximum": str(bot.market.filters.max_stops)}


def _open_orders(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    # A market order does not stay, and what closes or guards a position must never wait for room.
    free = draft.type in (OrderType.MARKET, OrderType.STOP_MARKET)
    if limits.max_open_orders is None or free or len(state.orders) < limits.max_open_orders:
        return None
    return RefusalCode.TOO_MANY_ORDERS, {"open": str(len(state.orders)), "maximum": str(limits.max_open_orders)}


def _held(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    """Refuse to sell more than the bot holds: in spot nothing else can be sold without touching someone else's base."""
    bot = state.bots[draft.bot]
    if bot.market.perpetual:
        fine = _fits_position(bot, draft)
    else:
        fine = draft.side is Side.BUY or bot.offered + draft.quantity <= bot.books.base
    if fine:
        return None
    return RefusalCode.NOT_HELD, {
        "held": plain(bot.books.base),
        "offered": plain(bot.offered),
        "quantity": plain(draft.quantity),
    }


def _fits_position(bot: Bot, draft: Draft) -> bool:
    """Return whether a perpetual's order does only what its purpose allows, so that no position arises by mistake."""
    match draft.purpose:
        case Purpose.CLOSE:
            return _reduces(bot, draft)
        case Purpose.PROTECT:
            return draft.quantity <= -draft.side.sign * bot.books.base
        case Purpose.INITIAL:
            sells = bot.spec.direction is Direction.SHORT
            return (draft.side is Side.SELL) is sells and draft.quantity <= bot.awaiting
        case Purpose.GRID:
            slot = bot.slot(draft.slot)
            return slot is not None and (draft.side is Side.BUY or slot.selling + draft.quantity <= slot.held)


def _budget(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    bot = state.bots[draft.bot]
    perpetual = bot.market.perpetual
    if _reduces(bot, draft) if perpetual else draft.side is Side.SELL:
        return None
    if draft.purpose is Purpose.PROTECT:
        return None
    if limits.max_order_notional is not None and draft.purpose is Purpose.GRID:
        if draft.notional > limits.max_order_notional:
            facts = {"notional": plain(draft.notional), "maximum": plain(limits.max_order_notional)}
            return RefusalCode.ABOVE_MAX_ORDER_NOTIONAL, facts
    if perpetual:
        return _margin(state, bot, draft)
    bid = bot.bid + draft.notional * bot.with_fee(draft)
    if bid <= bot.books.cash + bot.books.fees_elsewhere:
        return None
    return RefusalCode.ABOVE_BOT_BUDGET, {"cash": plain(bot.books.cash), "bid with this order": plain(bid)}


def _margin(state: EngineState, bot: Bot, draft: Draft) -> _Verdict:
    mark = state.tickers[draft.symbol].fair
    need, equity = at_work(bot, mark, draft) / bot.spec.leverage, bot.books.equity(mark)
    if need <= equity:
        return None
    return RefusalCode.ABOVE_BOT_BUDGET, {"equity": plain(equity), "margin with this order": plain(need)}


def at_work(bot: Bot, mark: Decimal, draft: Draft | None = None) -> Decimal:
    """Return the notional that a perpetual answers for: position and resting orders of the more demanding side."""
    buys = draft.notional if draft is not None and draft.side is Side.BUY else ZERO
    sells = draft.notional if draft is not None and draft.side is Side.SELL else ZERO
    held = bot.books.base * mark
    return max(held + bot.bid + buys, bot.asked + sells - held)


def _exposure(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    bot = state.bots[draft.bot]
    if (_reduces(bot, draft) or draft.purpose is Purpose.PROTECT) if bot.market.perpetual else draft.side is Side.SELL:
        return None
    total = exposure(state, draft.mode) + draft.notional
    most, cap = limits.max_total_exposure, state.armed.get(draft.mode)
    for code, limit in ((RefusalCode.ABOVE_TOTAL_EXPOSURE, most), (RefusalCode.ABOVE_MODE_CAP, cap)):
        if limit is not None and total > limit:
            return code, {"exposure with this order": plain(total), "maximum": plain(limit)}
    return None


def exposure(state: EngineState, mode: Mode) -> Decimal:
    """Return what all bots of ``mode`` hold and bid for, in quote: money of different modes is never added up."""
    total = ZERO
    for bot in state.active_bots():
        if bot.spec.mode is mode:
            ticker = state.tickers.get(bot.market.symbol)
            if bot.market.perpetual:
                total += at_work(bot, ticker.fair if ticker else bot.books.entry)
                continue
            # A market whose price is missing counts at cost: what was paid is the best that is known.
            total += bot.bid + (bot.books.base * ticker.last if ticker else bot.books.lot_cost)
    return total
