"""At which prices something happens to a bot: its exits, its range, its danger; between them ticks are quiet."""

from __future__ import annotations

from decimal import Decimal

from data.grids import Direction, Trigger, TriggerKind
from data.limits import RiskLimits
from data.values import ZERO
from engine.grid.window import BOUNDLESS
from engine.rules.excursion import crossings
from engine.rules.following import view
from engine.rules.opening import span
from engine.rules.protection import quiet_span
from engine.state import Bot
from engine.views import BotStatus


def reached(trigger: Trigger, last: Decimal, change: Decimal, bot: Bot, *, gain: bool) -> bool:
    """Return whether an exit is reached with the market at ``last`` and a profit or loss of ``change``."""
    if trigger.kind is TriggerKind.PRICE:
        return last >= trigger.value if rises(bot, trigger, gain=gain) else last <= trigger.value
    limit = trigger.change(bot.books.invested)
    return change >= limit if gain else change <= -limit


def rises(bot: Bot, trigger: Trigger, *, gain: bool) -> bool:
    """Return whether an exit is reached by a rising price: a gain by what profits from a rise, a loss by the other."""
    if trigger.kind is TriggerKind.PRICE:
        return gain is not (bot.spec.direction is Direction.SHORT)
    return gain is (bot.books.base > ZERO)


def exit_price(bot: Bot, trigger: Trigger, *, gain: bool) -> Decimal | None:
    """Return the price at which an exit fires with what is held now; None when no price can reach it."""
    if trigger.kind is TriggerKind.PRICE:
        return trigger.value
    books, limit = bot.books, trigger.change(bot.books.invested)
    if books.base == ZERO and bot.market.perpetual:
        # Without a position every price reaches it, or none does.
        every = reached(trigger, ZERO, books.cash - books.invested, bot, gain=gain)
        return (ZERO if rises(bot, trigger, gain=gain) else BOUNDLESS) if every else None
    if books.base == ZERO or (books.base < ZERO and not bot.market.perpetual):
        return None
    return (books.invested + (limit if gain else -limit) - books.cash) / books.base


def quiet_band(bot: Bot, limits: RiskLimits) -> tuple[Decimal, Decimal]:
    """Return the open price interval in which no tick can change anything for ``bot``; (0, 0) when every tick may."""
    if bot.waiting or bot.retry_at is not None:
        return ZERO, ZERO
    if bot.status is BotStatus.RUNNING:
        for slot in bot.slots:
            if slot.waiting and not slot.blocked:
                return ZERO, ZERO
    low, high = edges(bot, limits)
    return (low, high) if low < high else (ZERO, ZERO)


def edges(bot: Bot, limits: RiskLimits) -> tuple[Decimal, Decimal]:
    """Return the prices below and above at which an exit fires, the grid moves or is left, or the danger changes."""
    low, high = ZERO, BOUNDLESS
    if bot.status is BotStatus.WAITING:
        return span(bot)
    if bot.status in (BotStatus.STOPPING, BotStatus.STOPPED):
        return low, high
    if bot.status is not BotStatus.STARTING:
        low, high = crossings(bot)
        if bot.window and bot.status is BotStatus.RUNNING:
            now = view(bot)
            low, high = max(low, now.low), min(high, now.high)
    for trigger, gain in ((bot.spec.stop_loss, False), (bot.spec.take_profit, True)):
        price = exit_price(bot, trigger, gain=gain) if trigger else None
        if trigger is None or price is None:
            continue
        low, high = (low, min(high, price)) if rises(bot, trigger, gain=gain) else (max(low, price), high)
    if bot.market.perpetual:
        lowest, highest = quiet_span(bot, limits)
        low, high = max(low, lowest), min(high, highest)
    return low, high
