"""Letting slots grow by what completed cycles have earned, and by nothing else.

The size grows by whole quantity steps, once the cash that all slots would leave unspent pays for them in every slot. A
slot takes its new size with its next purchase, after it has sold off: topped up before, one that is full would bid at a
line that the price is below.
"""

from __future__ import annotations

from data.decisions import Input, Rule
from data.values import ONE, ZERO, floor_to, plain
from engine.grid.slots import Slot
from engine.rules.trailing import idle
from engine.rules.wish import Wish
from engine.state import Bot
from engine.views import BotStatus


def grow(bot: Bot, slot: Slot) -> Wish | None:
    """Let ``slot``, which has just been dealt with, grow if it is empty, and the size of all if money allows."""
    if bot.status is not BotStatus.RUNNING or bot.market.perpetual:
        return None
    step = bot.market.filters.quantity_step
    if slot.selling != ZERO or slot.held >= step:
        return None
    cost = ONE + bot.market.fees.maker
    planned = sum(((max(each.capacity, bot.size) - each.held) * each.lower for each in bot.slots), ZERO)
    every = sum((each.lower for each in bot.slots), ZERO) * cost
    more = floor_to(max(bot.books.cash - planned * cost, ZERO) / every, step)
    most = bot.market.filters.max_quantity
    if most is not None:
        more = min(more, max(floor_to(most, step) - bot.size, ZERO))
    before = bot.size
    bot.size += more
    room = floor_to(max(idle(bot, bot.slots), ZERO) / (slot.lower * cost), step)
    slot.capacity = max(slot.capacity, min(bot.size, slot.capacity + room))
    if more == ZERO:
        return None
    bot.books.reinvested += more * every
    inputs = [Input("quantity before", plain(before)), Input("quantity after", plain(bot.size))]
    return Wish(rule=Rule.REINVEST, inputs=inputs)
