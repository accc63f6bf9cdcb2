"""Deciding: from what changed to the orders wanted and the orders no longer wanted. Pure; nothing is placed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.decisions import Alternative, Input, Rule
from data.events import StopReason
from data.grids import OutOfRange, Trigger, TriggerKind
from data.market import FeeAsset, Ticker
from data.orders import Draft, OrderStatus, OrderType, Purpose
from data.values import ONE, ZERO, Millis, Side, floor_to, plain
from engine.change import Change
from engine.controls import stop
from engine.grid.levels import initial_order
from engine.grid.slots import Slot, missing
from engine.state import Bot, EngineState, mark_price
from engine.views import BotStatus, RangePosition

TAKER_AFTER = 3
"""Post-only rejections in a row after which a slot may take, if it still earns with the taker fee."""

_SIDES = {
    TradingState.ACTIVE: (Side.BUY, Side.SELL),
    TradingState.REDUCING: (Side.SELL,),
    TradingState.HALTED: (),
}


class Wish(msgspec.Struct, kw_only=True):
    """What one bot wants after a change: orders to place and client ids to cancel."""

    drafts: list[Draft] = []
    cancels: list[str] = []
    alternatives: list[Alternative] = []
    completed: bool = False
    """The bot has just come to its end."""


def decide(state: EngineState, bot: Bot, change: Change, at: Millis) -> Wish:
    """Return what ``bot`` wants now; ``at`` dates a stop that completes."""
    match bot.status:
        case BotStatus.STOPPING:
            return _wind_down(state, bot, at)
        case BotStatus.PAUSED:
            return Wish(cancels=_cancellable(state, bot, (Side.BUY, Side.SELL)))
        case BotStatus.STARTING | BotStatus.RUNNING:
            allowed = _SIDES[state.trading_state]
            wish = Wish()
            if change.everyone or change.rule in (Rule.RESUME_BOT, Rule.CHANGE_TRADING_STATE):
                barred = tuple(side for side in Side if side not in allowed)
                wish.cancels = _cancellable(state, bot, barred)
            slots = bot.slots if change.slot is None else (change.slot,)
            wish.cancels += [each for each in _excess(state, bot, slots) if each not in wish.cancels]
            wish.drafts = [*_initial(state, bot, allowed), *_missing(bot, slots, allowed)]
            if len(allowed) < 2:
                wish.alternatives.append(
                    Alternative("place what the grid lacks", f"trading is {state.trading_state.value}")
                )
            return wish
        case BotStatus.STOPPED:
            return Wish()


def _cancellable(state: EngineState, bot: Bot, sides: Iterable[Side]) -> list[str]:
    return [
        order.draft.client_id
        for order in state.live_orders(bot)
        if order.status is not OrderStatus.CANCELLING
        and order.draft.side in sides
        and order.draft.purpose is not Purpose.CLOSE
    ]


def _excess(state: EngineState, bot: Bot, slots: Iterable[Slot]) -> list[str]:
    """Return the orders of slots that bid or offer for more than they should, after a fill that its cancel overtook."""
    sides = {(slot.index, Side.SELL) for slot in slots if slot.selling > slot.held}
    sides |= {
        (slot.index, Side.BUY)
        for slot in slots
        if slot.buying > ZERO and slot.held + slot.awaiting + slot.buying > slot.capacity
    }
    if not sides:
        return []
    return [
        order.draft.client_id
        for order in state.live_orders(bot)
        if (order.draft.slot, order.draft.side) in sides and order.status is not OrderStatus.CANCELLING
    ]


def _initial(state: EngineState, bot: Bot, allowed: Iterable[Side]) -> Iterator[Draft]:
    """Yield the market buy of initial inventory that has neither arrived nor been sent."""
    if bot.status is not BotStatus.STARTING or Side.BUY not in allowed or bot.waiting:
        return
    if any(order.draft.purpose is Purpose.INITIAL for order in state.live_orders(bot)):
        return
    ticker = state.tickers.get(bot.market.symbol)
    price = ticker.ask if ticker else bot.start_price
    quantity, _ = initial_order(bot.awaiting, bot.market, price)
    if quantity > ZERO:
        yield bot.whole_draft(Side.BUY, Purpose.INITIAL, price, quantity)


def _missing(bot: Bot, slots: Iterable[Slot], allowed: tuple[Side, ...]) -> Iterator[Draft]:
    filters = bot.market.filters
    for slot in slots:
        if slot.blocked or slot.waiting:
            continue
        for side in allowed:
            quantity = missing(slot, side, filters)
            if quantity > ZERO:
                yield bot.slot_draft(slot, side, OrderType.LIMIT_MAKER, quantity)


def _wind_down(state: EngineState, bot: Bot, at: Millis) -> Wish:
    """Cancel everything; when the book is clear, sell if asked to; when nothing is left to do, be stopped."""
    live = state.live_orders(bot)
    if live:
        wanted = [order.draft for order in live if order.status is not OrderStatus.CANCELLING]
        return Wish(cancels=[draft.client_id for draft in wanted if draft.purpose is not Purpose.CLOSE])
    mark = mark_price(state, bot)
    filters = bot.market.filters
    quantity = floor_to(bot.books.base, filters.quantity_step)
    price = mark if mark is not None else bot.start_price
    sellable = quantity >= filters.min_quantity and quantity * price >= filters.min_notional and quantity > ZERO
    if bot.sell_on_stop and sellable:
        if bot.close_blocked or bot.waiting:
            return Wish()
        if filters.max_quantity is not None:
            # What is more than one order may sell is sold by the next ones.
            quantity = min(quantity, floor_to(filters.max_quantity, filters.quantity_step))
        return Wish(drafts=[bot.whole_draft(Side.SELL, Purpose.CLOSE, price, quantity)])
    bot.status, bot.stopped_at, bot.stop_price = BotStatus.STOPPED, at, price
    kept = (
        [Alternative("sell what is left", "below the market's minimum")] if bot.books.base and bot.sell_on_stop else []
    )
    return Wish(alternatives=kept, completed=True)


# -- ticks


class Verdict(msgspec.Struct, kw_only=True):
    """What a tick means for one bot: the rule that fired, what it was judged on, and what it wants."""

    bot: Bot
    rule: Rule
    inputs: list[Input]
    wish: Wish


def judge(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    """Return what ``ticker`` changes for ``bot``, booked already; None when it changes nothing."""
    if bot.waiting:
        bot.waiting = False
        wish = decide(state, bot, Change(), at)
        return Verdict(bot=bot, rule=Rule.REPLACE_ORDER, inputs=[Input("price", plain(ticker.last))], wish=wish)
    if bot.status is BotStatus.STARTING:
        # What has arrived of the inventory can be lost like any other; a range is left only by a grid that is complete.
        return _exit(state, bot, ticker, at)
    if bot.status not in (BotStatus.RUNNING, BotStatus.PAUSED):
        return None
    return _exit(state, bot, ticker, at) or _range(state, bot, ticker, at) or _retry(state, bot, ticker)


def _exit(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    spec, last = bot.spec, ticker.last
    change = bot.books.equity(last) - bot.books.invested
    if spec.stop_loss and _reached(spec.stop_loss, last, change, bot, below=True):
        rule, reason, level = Rule.STOP_LOSS, StopReason.STOP_LOSS, spec.stop_loss
    elif spec.take_profit and _reached(spec.take_profit, last, change, bot, below=False):
        rule, reason, level = Rule.TAKE_PROFIT, StopReason.TAKE_PROFIT, spec.take_profit
    else:
        return None
    stop(bot, reason, sell=True)
    inputs = [Input("price", plain(last)), Input("level", str(level)), Input("profit and loss", plain(change))]
    wish = _wind_down(state, bot, at)
    wish.alternatives.append(Alternative("keep trading", f"{rule.value.replace('_', ' ')} {level} is reached"))
    return Verdict(bot=bot, rule=rule, inputs=inputs, wish=wish)


def _reached(trigger: Trigger, last: Decimal, change: Decimal, bot: Bot, *, below: bool) -> bool:
    if trigger.kind is TriggerKind.PRICE:
        return last <= trigger.value if below else last >= trigger.value
    limit = trigger.change(bot.books.invested)
    return change <= -limit if below else change >= limit


def _range(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    """Notice leaving and entering the range; half a slot of hysteresis keeps a price on the edge from chattering."""
    last, lines = ticker.last, bot.lines
    inner_low, inner_high = (lines[0] + lines[1]) / 2, (lines[-1] + lines[-2]) / 2
    position = bot.position
    if last > lines[-1]:
        position = RangePosition.ABOVE
    elif last < lines[0]:
        position = RangePosition.BELOW
    elif last <= inner_high if bot.position is RangePosition.ABOVE else last >= inner_low:
        position = RangePosition.INSIDE
    if position is bot.position:
        return None
    bot.position = position
    rule = {
        RangePosition.ABOVE: Rule.ABOVE_RANGE,
        RangePosition.BELOW: Rule.BELOW_RANGE,
        RangePosition.INSIDE: Rule.BACK_IN_RANGE,
    }[position]
    policy = bot.spec.out_of_range
    inputs = [
        Input("price", plain(last)),
        Input("lower", plain(lines[0])),
        Input("upper", plain(lines[-1])),
        Input("policy", policy.value),
    ]
    wish = Wish()
    if position is not RangePosition.INSIDE:
        if policy is not OutOfRange.HOLD:
            stop(bot, StopReason.OUT_OF_RANGE, sell=policy is OutOfRange.STOP_SELL)
            wish = _wind_down(state, bot, at)
        wish.alternatives += [
            Alternative(other.value, f"the policy is {policy.value}") for other in OutOfRange if other is not policy
        ]
    return Verdict(bot=bot, rule=rule, inputs=inputs, wish=wish)


def _retry(state: EngineState, bot: Bot, ticker: Ticker) -> Verdict | None:
    """Try slots again whose order was rejected as crossing, or lacked a price, now that the book has moved."""
    if bot.status is not BotStatus.RUNNING:
        return None
    drafts, inputs = [], [Input("bid", plain(ticker.bid)), Input("ask", plain(ticker.ask))]
    for slot in bot.slots:
        if not slot.waiting or slot.blocked:
            continue
        waits = False
        for side in _SIDES[state.trading_state]:
            quantity = missing(slot, side, bot.market.filters)
            if quantity == ZERO:
                continue
            crossing = slot.lower >= ticker.ask if side is Side.BUY else slot.upper <= ticker.bid
            if not crossing or slot.crossed < TAKER_AFTER:
                drafts.append(bot.slot_draft(slot, side, OrderType.LIMIT_MAKER, quantity))
            elif _earns_as_taker(bot, slot, side):
                drafts.append(bot.slot_draft(slot, side, OrderType.LIMIT, quantity))
            else:
                waits = True
            slot.waiting = waits
    if not drafts:
        return None
    return Verdict(bot=bot, rule=Rule.REPLACE_ORDER, inputs=inputs, wish=Wish(drafts=drafts))


def _earns_as_taker(bot: Bot, slot: Slot, side: Side) -> bool:
    fees = bot.market.fees
    buy, sell = (fees.taker, fees.maker) if side is Side.BUY else (fees.maker, fees.taker)
    if fees.asset is FeeAsset.QUOTE:
        return slot.upper * (ONE - sell) > slot.lower * (ONE + buy)
    return slot.upper * (ONE - buy) * (ONE - sell) > slot.lower


def quiet_band(bot: Bot) -> tuple[Decimal, Decimal]:
    """Return the open price interval in which no tick can change anything for ``bot``; (0, 0) when every tick may."""
    if bot.waiting:
        return ZERO, ZERO
    if bot.status is BotStatus.RUNNING and any(slot.waiting and not slot.blocked for slot in bot.slots):
        return ZERO, ZERO
    return edges(bot)


def edges(bot: Bot) -> tuple[Decimal, Decimal]:
    """Return the prices at which an exit fires or the range is left or entered, below and above."""
    low, high = ZERO, _HUGE
    if bot.status in (BotStatus.STOPPING, BotStatus.STOPPED):
        return low, high
    if bot.status is not BotStatus.STARTING:
        low, high = _range_edges(bot)
    for trigger, below in ((bot.spec.stop_loss, True), (bot.spec.take_profit, False)):
        price = exit_price(bot, trigger, below=below) if trigger else None
        if price is None:
            continue
        low, high = (max(low, price), high) if below else (low, min(high, price))
    return low, high


def _range_edges(bot: Bot) -> tuple[Decimal, Decimal]:
    lines = bot.lines
    match bot.position:
        case RangePosition.INSIDE:
            return lines[0], lines[-1]
        case RangePosition.ABOVE:
            return (lines[-1] + lines[-2]) / 2, _HUGE
        case RangePosition.BELOW:
            return ZERO, (lines[0] + lines[1]) / 2


_HUGE = Decimal("1e30")


def exit_price(bot: Bot, trigger: Trigger, *, below: bool) -> Decimal | None:
    """Return the price at which an exit fires with the inventory held now; None when no price can reach it."""
    if trigger.kind is TriggerKind.PRICE:
        return trigger.value
    if bot.books.base <= ZERO:
        return None
    change = trigger.change(bot.books.invested)
    return (bot.books.invested + (-change if below else change) - bot.books.cash) / bot.books.base
