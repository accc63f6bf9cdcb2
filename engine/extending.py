"""Laying further lines above a grid without a highest one, before price comes there."""

from __future__ import annotations

from decimal import Decimal

from data.decisions import Alternative, Input, Rule
from data.values import plain
from engine.following import order_room
from engine.grid.infinity import NEAR, split
from engine.grid.levels import line_at
from engine.grid.options import FEWEST, SPARE
from engine.grid.slots import least
from engine.state import Bot, EngineState
from engine.trailing import free
from engine.wish import Wish


def next_extension(bot: Bot) -> Decimal | None:
    """Return the price at which another line is laid; None for a grid that ends where it ends."""
    return bot.lines[-1 - NEAR] if bot.spec.infinity and not bot.trail_ended and len(bot.lines) > NEAR else None


def extend(state: EngineState, bot: Bot) -> Wish | None:
    """Lay lines until enough of them lie above the price; None when they do."""
    ticker, top = state.tickers.get(bot.market.symbol), bot.lines[-1]
    if ticker is None or not free(bot):
        return None
    wish, filters = Wish(rule=Rule.EXTEND_GRID), bot.market.filters
    while (near := next_extension(bot)) is not None and ticker.last >= near:
        line = line_at(bot.spec, bot.offset + len(bot.lines), filters.price_tick)
        open_slot = bot.slots[-1]
        part = open_slot.held * (1 - open_slot.lower / line)
        if part < least(line, filters):
            bot.trail_ended = True
            wish.rule = Rule.TRAIL_ENDED
            wish.alternatives = [Alternative("lay another line", "its slot would be under the market's minimum")]
            break
        bot.slots.insert(-1, split(open_slot, bot.number_slot(), line, filters.quantity_step))
        bot.lines = (*bot.lines, line)
    if bot.lines[-1] == top and not wish.alternatives:
        return None
    spare = order_room(state, bot.market, bot.spec.mode, but=bot.id)
    if not bot.window and len(bot.slots) - 1 > spare:
        bot.window, bot.focus = max(spare - SPARE, FEWEST), ticker.last
    wish.inputs = [Input("highest line before", plain(top)), Input("highest line after", plain(bot.lines[-1]))]
    return wish
