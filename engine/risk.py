"""The risk gate: the only producer of ``Approved``. It fails closed: what it cannot judge it refuses."""

from __future__ import annotations

import msgspec

from data.advice import TradingState
from data.limits import RiskLimits
from data.orders import Draft, Order, OrderType, Purpose, RefusalCode, Refused
from data.values import HUNDRED, ZERO, Millis, Side, plain
from engine.state import EngineState

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


def restore(order: Order) -> Approved:
    """Return the approval of an order that was approved, journaled, and proved absent at the exchange."""
    return Approved(order.draft)


def _mode(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    if draft.mode in limits.armed:
        return None
    return RefusalCode.MODE_NOT_ARMED, {"mode": draft.mode.value, "armed": ", ".join(sorted(limits.armed))}


def _trading_state(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    now = state.trading_state
    if now is TradingState.ACTIVE or draft.purpose is Purpose.CLOSE:
        return None
    if now is TradingState.HALTED:
        return RefusalCode.TRADING_HALTED, {"reason": state.state_reason}
    return None if draft.side is Side.SELL else (RefusalCode.TRADING_REDUCING, {"reason": state.state_reason})


def _price(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    ticker = state.tickers.get(draft.symbol)
    if ticker is None:
        return RefusalCode.PRICE_MISSING, {"symbol": draft.symbol}
    age = at - ticker.at
    if age > limits.stale_millis:
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
    if quantity % filters.quantity_step:
        return RefusalCode.OFF_STEP, {"quantity": plain(quantity), "step": plain(filters.quantity_step)}
    if quantity < filters.min_quantity or quantity <= ZERO:
        return RefusalCode.BELOW_MIN_QUANTITY, {"quantity": plain(quantity), "minimum": plain(filters.min_quantity)}
    maximum = filters.max_quantity
    if maximum is not None and quantity > maximum:
        return RefusalCode.ABOVE_MAX_QUANTITY, {"quantity": plain(quantity), "maximum": plain(maximum)}
    if draft.notional < filters.min_notional:
        return RefusalCode.BELOW_MIN_NOTIONAL, {
            "notional": plain(draft.notional),
            "minimum": plain(filters.min_notional),
        }
    resting = sum(len(each.live) for each in state.active_bots(draft.symbol))
    if resting >= filters.max_orders:
        return RefusalCode.TOO_MANY_ORDERS, {"open": str(resting), "maximum": str(filters.max_orders)}
    return None


def _open_orders(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    # A market order does not stay, and the one that closes a bot must never wait for room.
    if limits.max_open_orders is None or draft.type is OrderType.MARKET or len(state.orders) < limits.max_open_orders:
        return None
    return RefusalCode.TOO_MANY_ORDERS, {"open": str(len(state.orders)), "maximum": str(limits.max_open_orders)}


def _held(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    """Refuse to sell more than the bot holds: in spot nothing else can be sold without touching someone else's base."""
    if draft.side is Side.BUY:
        return None
    bot = state.bots[draft.bot]
    if bot.offered + draft.quantity <= bot.books.base:
        return None
    return RefusalCode.NOT_HELD, {
        "held": plain(bot.books.base),
        "offered": plain(bot.offered),
        "quantity": plain(draft.quantity),
    }


def _budget(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    if draft.side is Side.SELL:
        return None
    if limits.max_order_notional is not None and draft.purpose is Purpose.GRID:
        if draft.notional > limits.max_order_notional:
            facts = {"notional": plain(draft.notional), "maximum": plain(limits.max_order_notional)}
            return RefusalCode.ABOVE_MAX_ORDER_NOTIONAL, facts
    bot = state.bots[draft.bot]
    bid = bot.bid + draft.notional * bot.with_fee(draft)
    if bid <= bot.books.cash:
        return None
    return RefusalCode.ABOVE_BOT_BUDGET, {"cash": plain(bot.books.cash), "bid with this order": plain(bid)}


def _exposure(state: EngineState, limits: RiskLimits, draft: Draft, at: Millis) -> _Verdict:
    if draft.side is Side.SELL or limits.max_total_exposure is None:
        return None
    total = draft.notional
    for bot in state.active_bots():
        ticker = state.tickers.get(bot.market.symbol)
        # A market whose price is missing counts at cost: what was paid is the best that is known.
        worth = bot.books.base * ticker.last if ticker else bot.books.lot_cost
        total += worth + bot.bid
    if total <= limits.max_total_exposure:
        return None
    facts = {"exposure with this order": plain(total), "maximum": plain(limits.max_total_exposure)}
    return RefusalCode.ABOVE_TOTAL_EXPOSURE, facts
