"""A grid that follows the market: the slot furthest behind leaves, and a new one joins at the end price has passed.

Upwards the lowest slot, which is empty, becomes one above the top that bids at the old top line, for as much as the
cash that the other bids leave pays for. Downwards the highest slot, which is full, takes what it holds below the bottom
and offers it at the old bottom line: that sale is a loss, and as what it sells counts as initial inventory from then
on, never grid profit. No order is sent at market. A slot leaves only once nothing rests for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from data.advice import TradingState
from data.decisions import Alternative, Input, Rule
from data.grids import Direction, TriggerKind
from data.orders import OrderStatus
from data.values import ONE, ZERO, Side, floor_to, plain
from engine.grid.infinity import NEAR, split
from engine.grid.levels import line_at, smallest_quantity
from engine.grid.slots import Lot, Slot, gap
from engine.rules.following import limit_orders
from engine.rules.protection import liquidations
from engine.rules.wish import Wish
from engine.state import Bot, EngineState
from engine.views import BotStatus

UP, DOWN = 1, -1


def next_line(bot: Bot, way: int, steps: int = 1) -> Decimal | None:
    """Return the line ``steps`` beyond the top (``UP``) or bottom; None when the grid may not go there."""
    spec = bot.spec
    limit = spec.trail_up if way == UP else spec.trail_down
    if limit is None or bot.trail_ended:
        return None
    index = bot.offset + len(bot.lines) - 1 + steps if way == UP else bot.offset - steps
    line = line_at(spec, index, bot.market.filters.price_tick)
    if way == UP:
        return line if bot.lines[-1] < line <= limit else None
    stop = spec.stop_loss if spec.direction is Direction.LONG else None
    floor = stop.value if stop is not None and stop.kind is TriggerKind.PRICE else ZERO
    return line if max(limit, ZERO) <= line < bot.lines[0] and line > floor else None


def free(bot: Bot) -> bool:
    """Return whether a bot may move its grid at all."""
    return bot.status is BotStatus.RUNNING and bot.recentre is None


def leaving(state: EngineState, bot: Bot) -> tuple[int, list[Slot]]:
    """Return which way the price has gone beyond the grid, and the slots that should leave for it, first ones first."""
    ticker = state.tickers.get(bot.market.symbol)
    if ticker is None or not free(bot) or state.trading_state is not TradingState.ACTIVE:
        return UP, []
    way = UP if ticker.last > bot.lines[-1] else DOWN
    return way, list(_overtaken(bot, ticker.last, way))


def _overtaken(bot: Bot, last: Decimal, way: int) -> Iterator[Slot]:
    for steps, slot in enumerate(bot.slots if way == UP else reversed(bot.slots), start=1):
        line = next_line(bot, way, steps)
        if line is None or (last - line) * way < ZERO or not _spent(bot, slot, way):
            return
        yield slot


def _spent(bot: Bot, slot: Slot, way: int) -> bool:
    """Return whether a slot has nothing left to do on the side that price has gone to."""
    side = Side.SELL if way == UP else Side.BUY
    left = gap(
        side,
        capacity=slot.capacity,
        held=slot.held,
        awaiting=ZERO,
        resting=ZERO,
        price=slot.upper if way == UP else slot.lower,
        filters=bot.market.filters,
    )
    return left == ZERO == slot.awaiting


def follow_price(state: EngineState, bot: Bot) -> Wish | None:
    """Let a grid follow the price upwards without end, or as it trails; None when nothing changes."""
    return _extend(state, bot) if bot.spec.infinity else _trail(state, bot)


def _trail(state: EngineState, bot: Bot) -> Wish | None:
    """Let the grid follow the price as far as limits, money and its own orders allow; None when nothing changes."""
    way, slots = leaving(state, bot)
    if not slots:
        return None
    wish = Wish(rule=Rule.TRAIL_UP if way == UP else Rule.TRAIL_DOWN)
    before, steps = (bot.lines[0], bot.lines[-1]), 0
    names = {slot.index for slot in slots}
    live = [order for order in state.live_orders(bot) if order.draft.slot in names]
    held_up = {order.draft.slot for order in live}
    for slot in slots:
        if slot.index in held_up or slot is not bot.slots[0 if way == UP else -1]:
            break
        why_not = _step(state, bot, slot, way)
        if why_not:
            bot.trail_ended = True
            wish.rule = wish.rule if steps else Rule.TRAIL_ENDED
            wish.alternatives = [Alternative("follow the price further", why_not)]
            live = []
            break
        steps += 1
    wish.cancels = [order.draft.client_id for order in live if order.status is not OrderStatus.CANCELLING]
    if not steps and not wish.cancels and not bot.trail_ended:
        return None
    wish.inputs = [
        Input("range before", f"{plain(before[0])} to {plain(before[1])}"),
        Input("range after", f"{plain(bot.lines[0])} to {plain(bot.lines[-1])}"),
        Input("steps", str(steps)),
    ]
    return wish


def _step(state: EngineState, bot: Bot, slot: Slot, way: int) -> str:
    """Let one slot leave and its successor join; return why that is not possible, or nothing."""
    line = next_line(bot, way)
    if line is None:
        return "the limit of trailing is reached"
    before = bot.slots, bot.lines, bot.offset
    edge = bot.lines[-1] if way == UP else bot.lines[0]
    rest = [each for each in bot.slots if each is not slot]
    capacity = slot.capacity
    if way == UP and not bot.market.perpetual:
        step = bot.market.filters.quantity_step
        capacity = min(capacity, floor_to(slot.held + affordable(bot, rest, edge), step))
    if capacity < smallest_quantity(min(edge, line), bot.market):
        return "the money left pays for no further slot"
    new = Slot(
        index=bot.number_slot(),
        lower=min(edge, line),
        upper=max(edge, line),
        capacity=capacity,
        lots=[Lot(lot.quantity, lot.price, initial=True) for lot in slot.lots],
        held=slot.held,
    )
    bot.slots = [*rest, new] if way == UP else [new, *rest]
    bot.lines = (*bot.lines[1:], line) if way == UP else (line, *bot.lines[:-1])
    bot.offset += way
    if not _survivable(state, bot):
        bot.slots, bot.lines, bot.offset = before
        return "liquidation would come too near to the range"
    bot.cycles_before += slot.cycles
    return ""


def affordable(bot: Bot, slots: Sequence[Slot], price: Decimal) -> Decimal:
    """Return the base that the cash which the bids of ``slots`` leave can bid for at ``price``, on the step."""
    unit = price * (ONE + bot.market.fees.maker)
    return floor_to(max(idle(bot, slots), ZERO) / unit, bot.market.filters.quantity_step)


def idle(bot: Bot, slots: Sequence[Slot]) -> Decimal:
    """Return the cash of a bot on spot that filling every one of ``slots`` would leave.

    A fee taken in base counts like one in quote: what it takes away has to be bought again.
    """
    needed = sum((max(slot.capacity - slot.held, ZERO) * slot.lower for slot in slots), ZERO)
    return bot.books.cash - needed * (ONE + bot.market.fees.maker)


def _survivable(state: EngineState, bot: Bot) -> bool:
    buffer = state.limits_in_force.buffer(ONE)
    found = liquidations(bot)
    below = found.low is None or found.low <= bot.lines[0] * (ONE - buffer)
    return below and (found.high is None or found.high >= bot.lines[-1] * (ONE + buffer))


# -- a grid without a highest line: further lines are laid before price comes there


def next_extension(bot: Bot) -> Decimal | None:
    """Return the price at which another line is laid; None for a grid that ends where it ends."""
    return bot.lines[-1 - NEAR] if bot.spec.infinity and not bot.trail_ended and len(bot.lines) > NEAR else None


def _extend(state: EngineState, bot: Bot) -> Wish | None:
    """Lay lines until enough of them lie above the price; None when they do."""
    ticker, top = state.tickers.get(bot.market.symbol), bot.lines[-1]
    if ticker is None or not free(bot):
        return None
    wish, filters = Wish(rule=Rule.EXTEND_GRID), bot.market.filters
    while (near := next_extension(bot)) is not None and ticker.last >= near:
        line = line_at(bot.spec, bot.offset + len(bot.lines), filters.price_tick)
        open_slot = bot.slots[-1]
        part = open_slot.held * (1 - open_slot.lower / line)
        if part < smallest_quantity(open_slot.lower, bot.market):
            bot.trail_ended = True
            wish.rule = Rule.TRAIL_ENDED
            wish.alternatives = [Alternative("lay another line", "its slot would be under the market's minimum")]
            break
        bot.slots.insert(-1, split(open_slot, bot.number_slot(), line, filters.quantity_step))
        bot.lines = (*bot.lines, line)
    if bot.lines[-1] == top and not wish.alternatives:
        return None
    if not bot.window:
        limit_orders(state, bot, ticker.last)
    wish.inputs = [Input("highest line before", plain(top)), Input("highest line after", plain(bot.lines[-1]))]
    return wish
