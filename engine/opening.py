"""Laying a planned grid: its slots, and what they hold or await at the start."""

from __future__ import annotations

from decimal import Decimal

from data.grids import Direction
from data.values import ZERO
from engine.grid.accounting import hold_short
from engine.grid.plan import GridPlan
from engine.grid.sizing import initial_order
from engine.grid.slots import Slot
from engine.state import Bot
from engine.views import BotStatus

_AWAITED = {Direction.LONG: (True,), Direction.NEUTRAL: (), Direction.SHORT: (False,)}


def lay(bot: Bot, plan: GridPlan) -> None:
    """Give a bot that holds nothing the slots of ``plan``, and let it start."""
    awaited, first = _AWAITED[plan.spec.direction], bot.number_slot()
    bot.slots = [
        Slot(
            index=first + slot.index,
            lower=slot.lower,
            upper=slot.upper,
            capacity=slot.quantity,
            awaiting=slot.quantity if slot.full in awaited else ZERO,
        )
        for slot in plan.slots
    ]
    if plan.open_quantity:
        top, beyond = plan.lines[-1], plan.open_quantity
        number = first + len(bot.slots)
        bot.slots.append(Slot(index=number, lower=top, upper=top, capacity=beyond, awaiting=beyond, open=True))
    bot.lines, bot.offset, bot.next_slot = plan.lines, 0, first + len(bot.slots)
    bot.window, bot.focus, bot.size = plan.window, plan.ticker.last, plan.quantity
    if plan.spec.direction is not Direction.LONG:
        full = [slot for slot, planned in zip(bot.slots, plan.slots, strict=True) if planned.full]
        hold_short(bot.books, full, plan.ticker.last)
    bot.status = BotStatus.STARTING if plan.initial_buy or plan.initial_sell else BotStatus.RUNNING


def run_when_complete(bot: Bot, price: Decimal) -> None:
    """Let a bot run once no more of its inventory is awaited than a market order at ``price`` may be too small for."""
    filters, (order, _) = bot.market.filters, initial_order(bot.awaiting, bot.market, price)
    if order < filters.min_quantity or order * price < filters.min_notional:
        # The slots bid for it themselves.
        for slot in bot.slots:
            slot.awaiting = ZERO
        bot.status = BotStatus.RUNNING
