"""Deciding: from what changed to the orders wanted and the orders no longer wanted. Pure; nothing is placed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from data.advice import TradingState
from data.decisions import Alternative, Input, Rule
from data.events import StopReason
from data.grids import Direction
from data.market import FeeAsset, Ticker
from data.orders import Draft, OrderStatus, OrderType, Purpose
from data.values import ONE, ZERO, Millis, Side, floor_to, plain
from engine.grid.accounting import settle
from engine.grid.sizing import initial_order
from engine.grid.slots import Slot, missing, unstick
from engine.rules.change import Change
from engine.rules.excursion import cross
from engine.rules.exits import reached
from engine.rules.following import far, follow, room, within
from engine.rules.opening import run_when_complete, touch
from engine.rules.protection import danger_at, ladder, liquidations, protection, reducing, surplus
from engine.rules.recentring import advance, consider
from engine.rules.reinvesting import grow
from engine.rules.trailing import follow_price, leaving
from engine.rules.wish import Verdict, Wish
from engine.state import Bot, EngineState, mark_price
from engine.views import BotStatus, Danger

TAKER_AFTER = 3
"""Post-only rejections in a row after which a slot may take, if it still earns with the taker fee."""

_SIDES = {
    TradingState.ACTIVE: (Side.BUY, Side.SELL),
    TradingState.REDUCING: (Side.SELL,),
    TradingState.HALTED: (),
}


def decide(state: EngineState, bot: Bot, change: Change, at: Millis) -> Wish:
    """Return what ``bot`` wants now; ``at`` dates a stop that completes."""
    match bot.status:
        case BotStatus.STOPPING:
            return _wind_down(state, bot, at)
        case BotStatus.PAUSED:
            return _guarded(state, bot, Wish(cancels=_cancellable(state, bot, (Side.BUY, Side.SELL))))
        case BotStatus.STARTING | BotStatus.RUNNING:
            return _guarded(state, bot, _trade(state, bot, change, at))
        case BotStatus.WAITING | BotStatus.STOPPED:
            return Wish()


def _trade(state: EngineState, bot: Bot, change: Change, at: Millis) -> Wish:
    """Move the grid where it should be, and rest what it lacks there."""
    moved = advance(state, bot, at) if bot.recentre is not None else follow_price(state, bot) if bot.moves else None
    wish = moved or Wish()
    if bot.status is BotStatus.STOPPING:
        wish.add(_wind_down(state, bot, at))
        return wish
    return wish if bot.recentre is not None else _rest(state, bot, change, wish)


def _rest(state: EngineState, bot: Bot, change: Change, wish: Wish) -> Wish:
    """Add to a wish the orders that the grid lacks where it is now, and those that it has too many."""
    slot = change.slot
    if slot is not None and bot.spec.reinvest:
        wish.add(grow(bot, slot) or Wish())
    if bot.market.perpetual and _only_reducing(state, bot):
        wish.add(_reduce(state, bot))
        return wish
    allowed = _allowed(state, bot)
    if change.everyone or change.rule in (Rule.RESUME_BOT, Rule.CHANGE_TRADING_STATE):
        barred = tuple(side for side in Side if side not in allowed)
        wish.add(Wish(cancels=_cancellable(state, bot, barred)))
    # A grid that has moved is another one: the change of one slot is no longer all there is to it.
    slots = bot.slots if slot is None or wish.rule is not None else (slot,)
    wish.want_off(_excess(state, bot, slots))
    wish.drafts += _initial(state, bot, allowed)
    if bot.window:
        slots = within(bot)
        wish.want_off(far(state, bot))
    if bot.moves:
        going = {each.index for each in leaving(state, bot)[1]}
        slots = [each for each in slots if each.index not in going]
    wish.drafts += islice(_missing(bot, slots, allowed), room(bot))
    if len(allowed) < 2:
        wish.alternatives.append(Alternative("place what the grid lacks", f"trading is {state.trading_state.value}"))
    return wish


def _guarded(state: EngineState, bot: Bot, wish: Wish) -> Wish:
    """Add to a wish what the protective stop of a perpetual's position needs."""
    cancels, drafts = protection(state, bot)
    wish.cancels += cancels
    wish.drafts += drafts
    return wish


def _only_reducing(state: EngineState, bot: Bot) -> bool:
    limited = state.trading_state is TradingState.REDUCING or bot.danger is Danger.REDUCING
    return limited and state.trading_state is not TradingState.HALTED


def _allowed(state: EngineState, bot: Bot) -> tuple[Side, ...]:
    """Return the sides on which the grid may place orders now."""
    if not bot.market.perpetual or not _only_reducing(state, bot):
        return _SIDES[state.trading_state]
    side = reducing(bot)
    return () if side is None else (side,)


def _reduce(state: EngineState, bot: Bot) -> Wish:
    """Rest only what makes the position smaller, nearest lines first."""
    side = reducing(bot)
    wish = Wish(alternatives=[Alternative("place what the grid lacks", "the position may only become smaller")])
    wish.cancels = [
        order.draft.client_id for order in surplus(state, bot) if order.status is not OrderStatus.CANCELLING
    ]
    wish.want_off(_excess(state, bot, bot.slots))
    if side is None:
        return wish
    left, most = abs(bot.books.base) - (bot.offered if side is Side.SELL else bot.bidding), room(bot)
    for slot in bot.slots if side is Side.SELL else reversed(bot.slots):
        quantity = ZERO if slot.blocked or slot.waiting else missing(slot, side, bot.market.filters)
        if ZERO < quantity <= left and (most is None or len(wish.drafts) < most):
            wish.drafts.append(bot.slot_draft(slot, side, OrderType.LIMIT_MAKER, quantity))
            left -= quantity
    return wish


def _cancellable(state: EngineState, bot: Bot, sides: Iterable[Side]) -> list[str]:
    return [
        order.draft.client_id
        for order in state.live_orders(bot)
        if order.status is not OrderStatus.CANCELLING
        and order.draft.side in sides
        and order.draft.purpose not in (Purpose.CLOSE, Purpose.PROTECT)
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
    """Yield the market order of initial inventory that has neither arrived nor been sent."""
    side = Side.SELL if bot.spec.direction is Direction.SHORT else Side.BUY
    if bot.status is not BotStatus.STARTING or side not in allowed or bot.waiting or bot.close_blocked:
        return
    if any(order.draft.purpose is Purpose.INITIAL for order in state.live_orders(bot)):
        return
    ticker = state.tickers.get(bot.market.symbol)
    price = (ticker.ask if side is Side.BUY else ticker.bid) if ticker else bot.start_price
    run_when_complete(bot, price)
    quantity, _ = initial_order(bot.awaiting, bot.market, price)
    if quantity > ZERO:
        yield bot.whole_draft(side, Purpose.INITIAL, price, quantity)


def _missing(bot: Bot, slots: Iterable[Slot], allowed: tuple[Side, ...]) -> Iterator[Draft]:
    filters = bot.market.filters
    for slot in slots:
        if slot.blocked or slot.waiting:
            continue
        unstick(slot, filters)
        for side in allowed:
            quantity = missing(slot, side, filters)
            if quantity > ZERO:
                yield bot.slot_draft(slot, side, OrderType.LIMIT_MAKER, quantity)


def _wind_down(state: EngineState, bot: Bot, at: Millis) -> Wish:
    """Cancel everything; when the book is clear, close if asked to; when nothing is left to do, be stopped.

    A protective stop guards a position until it is closed, and leaves the book last.
    """
    live = state.live_orders(bot)
    resting = [order for order in live if order.draft.purpose is not Purpose.PROTECT]
    if resting:
        wanted = [order.draft for order in resting if order.status is not OrderStatus.CANCELLING]
        return Wish(cancels=[draft.client_id for draft in wanted if draft.purpose is not Purpose.CLOSE])
    mark = mark_price(state, bot)
    price = mark if mark is not None else bot.start_price
    quantity = bot.closable(price)
    if bot.sell_on_stop and quantity > ZERO:
        if bot.close_blocked or bot.waiting:
            return _guarded(state, bot, Wish())
        quantity = _at_once(bot, quantity, price)
        side = Side.SELL if bot.books.base > ZERO else Side.BUY
        return Wish(drafts=[bot.whole_draft(side, Purpose.CLOSE, price, quantity)])
    if live:
        return Wish(cancels=[each.draft.client_id for each in live if each.status is not OrderStatus.CANCELLING])
    bot.status, bot.stopped_at, bot.stop_price = BotStatus.STOPPED, at, price
    if bot.market.perpetual and bot.books.base == ZERO:
        settle(bot.books, bot.slots)
    kept = (
        [Alternative("sell what is left", "below the market's minimum")] if bot.books.base and bot.sell_on_stop else []
    )
    return Wish(alternatives=kept, completed=True)


def _at_once(bot: Bot, quantity: Decimal, price: Decimal) -> Decimal:
    """Return how much of ``quantity`` one closing order is for; the next ones are for the rest."""
    filters = bot.market.filters
    if bot.sellable is not None:
        # All of it would be refused once more. What is too little for an order may have become more by now.
        there = floor_to(bot.sellable, filters.quantity_step)
        enough = there > ZERO and there >= filters.min_quantity and there * price >= filters.min_notional
        quantity = min(quantity, there) if enough else quantity
    most = filters.most_at_market
    return quantity if most is None else min(quantity, floor_to(most, filters.quantity_step))


# -- ticks


def judge(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    """Return what ``ticker`` changes for ``bot``, booked already; None when it changes nothing."""
    waited, bot.waiting = bot.waiting, False
    if bot.due(at):
        waited, bot.close_blocked, bot.retry_at = True, False, None
    found = None
    if bot.status in (BotStatus.STARTING, BotStatus.RUNNING, BotStatus.PAUSED):
        # What has arrived of the inventory can be lost like any other; a range is left only by a grid that is complete.
        found = _exit(state, bot, ticker, at) or _danger(state, bot, ticker, at)
    if found is not None:
        return found
    if waited:
        wish = decide(state, bot, Change(), at)
        return Verdict(rule=Rule.REPLACE_ORDER, inputs=[Input("price", plain(ticker.last))], wish=wish)
    if bot.status is BotStatus.WAITING:
        return _decided(state, bot, touch(state, bot, ticker), at)
    if bot.status not in (BotStatus.RUNNING, BotStatus.PAUSED):
        return None
    return _decided(state, bot, _moved(state, bot, ticker, at), at) or _retry(state, bot, ticker)


def _moved(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    """Notice that price has come where the grid must follow, is left or entered, or is to be laid anew."""
    trailed = follow_price(state, bot)
    if trailed is not None:
        return Verdict(rule=trailed.rule or Rule.TRAIL_UP, inputs=[Input("price", plain(ticker.last))], wish=trailed)
    crossed = cross(bot, ticker.last, at) or consider(state, bot, ticker, at)
    return crossed or (follow(bot, ticker.last) if bot.status is BotStatus.RUNNING else None)


def _decided(state: EngineState, bot: Bot, verdict: Verdict | None, at: Millis) -> Verdict | None:
    """Complete a verdict by what its bot wants now."""
    if verdict is not None and verdict.rule not in _NEWS:
        verdict.wish.add(decide(state, bot, Change(), at))
    elif verdict is not None and bot.status is BotStatus.STOPPING:
        verdict.wish.add(_wind_down(state, bot, at))
    return verdict


_NEWS = frozenset({Rule.ABOVE_RANGE, Rule.BELOW_RANGE, Rule.BACK_IN_RANGE, Rule.RECENTRE_HELD})
"""Rules that change no order, unless the bot stops by them."""


def _exit(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    spec, last = bot.spec, ticker.last
    change = bot.books.equity(last) - bot.books.invested
    if spec.stop_loss and reached(spec.stop_loss, last, change, bot, gain=False):
        rule, reason, level = Rule.STOP_LOSS, StopReason.STOP_LOSS, spec.stop_loss
    elif spec.take_profit and reached(spec.take_profit, last, change, bot, gain=True):
        rule, reason, level = Rule.TAKE_PROFIT, StopReason.TAKE_PROFIT, spec.take_profit
    else:
        return None
    bot.stop(reason, sell=True)
    inputs = [Input("price", plain(last)), Input("level", str(level)), Input("profit and loss", plain(change))]
    wish = _wind_down(state, bot, at)
    wish.alternatives.append(Alternative("keep trading", f"{rule.value.replace('_', ' ')} {level} is reached"))
    return Verdict(rule=rule, inputs=inputs, wish=wish)


def _danger(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    """Notice that a position came nearer to its liquidation, or is further away again, and act on it."""
    if not bot.market.perpetual:
        return None
    before = bot.danger
    after = danger_at(ticker.fair, before, ladder(bot, state.limits_in_force))
    if after is before:
        return None
    liquidation = liquidations(bot).held
    inputs = [
        Input("mark price", plain(ticker.fair)),
        Input("liquidation", "none" if liquidation is None else plain(liquidation)),
        Input("danger before", before.value),
        Input("danger after", after.value if after else "closing"),
    ]
    if after is None:
        bot.stop(StopReason.LIQUIDATION_NEAR, sell=True)
        return Verdict(rule=Rule.LIQUIDATION_NEAR, inputs=inputs, wish=_wind_down(state, bot, at))
    bot.danger = after
    if before is Danger.REDUCING:
        bot.unblock()
    rule = Rule.LIQUIDATION_NEAR if after.rank > before.rank else Rule.LIQUIDATION_FAR
    return Verdict(rule=rule, inputs=inputs, wish=decide(state, bot, Change(), at))


def _retry(state: EngineState, bot: Bot, ticker: Ticker) -> Verdict | None:
    """Try slots again whose order was rejected as crossing, or lacked a price, now that the book has moved."""
    if bot.status is not BotStatus.RUNNING:
        return None
    drafts, inputs = [], [Input("bid", plain(ticker.bid)), Input("ask", plain(ticker.ask))]
    for slot in bot.slots:
        if not slot.waiting or slot.blocked:
            continue
        waits = False
        for side in _allowed(state, bot):
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
    return Verdict(rule=Rule.REPLACE_ORDER, inputs=inputs, wish=Wish(drafts=drafts))


def _earns_as_taker(bot: Bot, slot: Slot, side: Side) -> bool:
    fees = bot.market.fees
    buy, sell = (fees.taker, fees.maker) if side is Side.BUY else (fees.maker, fees.taker)
    if fees.asset is FeeAsset.QUOTE:
        return slot.upper * (ONE - sell) > slot.lower * (ONE + buy)
    return slot.upper * (ONE - buy) * (ONE - sell) > slot.lower
