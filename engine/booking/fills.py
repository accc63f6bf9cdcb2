"""Booking fills: what an execution did to cash, position and slots, whatever it was meant for."""

from __future__ import annotations

from data.decisions import Input, Rule
from data.events import OrderFilled, StopReason
from data.orders import Draft, Fill, Order, OrderStatus, Purpose
from data.values import ZERO, Side, plain
from engine.grid.accounting import book_beside, book_bought, book_sold, enter, repay, share, take_across
from engine.grid.slots import Slot
from engine.rules.change import IGNORED, Change
from engine.state import Bot, EngineState, market_key, release
from engine.views import BotStatus


def apply_fill(state: EngineState, event: OrderFilled) -> Change:
    """Book one execution of an order of ours; one told before, or of an order nobody knows, changes nothing."""
    fill = event.fill
    order = state.orders.get(fill.client_id)
    if order is None:
        done = state.finished.get(fill.client_id)
        if done is None or fill.trade_id in done.trades or _excessive(done.order, fill):
            return IGNORED
        done.trades.append(fill.trade_id)
        # A fill that was overtaken by its cancel: it happened, so it is booked; nothing rests for it any more.
        return _book(state, done.order, fill, resting=False)
    booked = state.trades.setdefault(fill.client_id, [])
    if fill.trade_id in booked or _excessive(order, fill):
        return IGNORED
    booked.append(fill.trade_id)
    if order.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
        order.status = OrderStatus.OPEN
    return _book(state, order, fill, resting=True)


def _book(state: EngineState, order: Order, fill: Fill, *, resting: bool) -> Change:
    draft, bot = order.draft, state.bots[order.draft.bot]
    order.filled += fill.quantity
    place = market_key(draft.mode, fill.symbol)
    state.last_fill_at[place] = max(fill.at, state.last_fill_at.get(place, 0))
    slot = bot.slot(draft.slot)
    if slot is not None:
        slot.crossed, slot.waiting, slot.blocked = 0, False, False
    elif draft.purpose in (Purpose.INITIAL, Purpose.CLOSE):
        bot.failures, bot.sellable = 0, None
    if resting:
        bot.rest(draft, -fill.quantity)
    sound = _book_side(bot, slot, order, fill)
    if resting and (order.remaining <= ZERO or _all_closed(bot, draft)):
        state.finish(order, OrderStatus.FILLED)
    elif resting and order.ended is not None and order.filled >= order.ended:
        release(state, order, OrderStatus.CANCELLED)
    rule = _RULES[draft.purpose]
    if draft.purpose is Purpose.PROTECT and bot.status not in (BotStatus.STOPPING, BotStatus.STOPPED):
        bot.stop(StopReason.STOP_LOSS, sell=True)
        rule = Rule.STOP_LOSS
    if bot.status is BotStatus.STOPPED and bot.sell_on_stop and bot.closable(fill.price) > ZERO:
        # What arrives after the end is sold like what was there before it.
        bot.status, bot.stopped_at, bot.stop_price = BotStatus.STOPPING, None, None
    inputs = [
        Input("side", str(fill.side)),
        Input("price", plain(fill.price)),
        Input("quantity", plain(fill.quantity)),
        Input("fee", plain(fill.fee_quote)),
        Input("slot", str(draft.slot)),
    ]
    # What two fills for one did, other slots may have to make good.
    only = slot if resting and sound else None
    return Change(bot=bot, slot=only, order=order, rule=rule, inputs=inputs)


_RULES = {
    Purpose.INITIAL: Rule.OPEN_GRID,
    Purpose.GRID: Rule.PAIR_SLOT,
    Purpose.CLOSE: Rule.CLOSE_INVENTORY,
    Purpose.PROTECT: Rule.CLOSE_INVENTORY,
}


def _excessive(order: Order, fill: Fill) -> bool:
    # A protective stop closes what is open when it fires, whatever was open when it was laid.
    return order.draft.purpose is not Purpose.PROTECT and order.remaining < fill.quantity


def _all_closed(bot: Bot, draft: Draft) -> bool:
    return draft.purpose is Purpose.PROTECT and bot.books.base == ZERO


def _book_side(bot: Bot, slot: Slot | None, order: Order, fill: Fill) -> bool:
    """Book a fill and return whether its own slot could take all of it."""
    draft = order.draft
    if bot.market.perpetual:
        enter(bot.books, fill)
        if draft.slot < 0 and (draft.purpose is not Purpose.INITIAL or draft.side is Side.SELL):
            _book_beside(bot, order, fill)
            return True
    if draft.side is Side.BUY:
        _book_buy(bot, slot, order, fill)
        return True
    return _book_sale(bot, slot, fill)


def _book_beside(bot: Bot, order: Order, fill: Fill) -> None:
    later = bot.version > 1 and order.draft.purpose is Purpose.INITIAL
    book_beside(bot.books, bot.market, fill, Purpose.GRID if later else order.draft.purpose)
    if order.draft.purpose is Purpose.INITIAL:
        left = fill.quantity
        for slot in bot.slots:
            part = min(left, slot.awaiting)
            slot.awaiting -= part
            left -= part
        _complete(bot, order)


def _book_buy(bot: Bot, slot: Slot | None, order: Order, fill: Fill) -> None:
    # What a later grid of the bot buys at its start is no part of the mix the first one began with.
    purpose = order.draft.purpose if bot.version == 1 else Purpose.GRID
    arrived = book_bought(bot.books, bot.market, fill, purpose)
    if bot.books.baseline > ZERO and not bot.market.perpetual:
        arrived -= repay(bot.books, arrived, fill.price)
    if slot is not None:
        if arrived > ZERO:
            slot.add(arrived, fill.price, initial=False)
        return
    share(arrived, bot.slots, fill.price)
    _complete(bot, order)


def _complete(bot: Bot, order: Order) -> None:
    initial = order.draft.purpose is Purpose.INITIAL
    if initial and bot.status is BotStatus.STARTING and order.remaining == ZERO:
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
        # Sold before its purchase was told of, or twice where once was meant.
        bot.books.baseline += lacking
        bot.books.baseline_cost += lacking * fill.price
    closed = book_sold(bot.books, bot.market, fill, lots, pairs=slot is not None)
    if slot is not None and closed > ZERO and slot.selling == ZERO:
        slot.cycles += 1
    return sound
