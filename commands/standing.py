"""What all bots of one mode and currency are worth together, and what today made of it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal

import msgspec

from commands.format import profit
from data.values import ZERO, Millis, Mode
from engine.desk import Desk
from engine.views import BotView, Profit


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Money of the bots of one mode in one quote currency. A bot that stopped today counts in ``today`` only."""

    mode: Mode
    quote: str
    bots: int
    equity: Decimal
    invested: Decimal
    change: Decimal
    """Of the running bots, since each started."""
    today: Decimal
    """Of every bot, since midnight."""
    basis: Decimal
    """What ``today`` is a share of: equity at midnight, or the investment of what started later."""

    @property
    def today_text(self) -> str:
        """Return today's profit or loss with its percentage."""
        return profit(self.today, self.basis, self.quote)


def standings(desk: Desk, now: Millis, zone: tzinfo) -> tuple[Standing, ...]:
    """Return one standing for each mode and quote currency that has bots with books, the largest first."""
    midnight = midnight_before(now, zone)
    groups: dict[tuple[Mode, str], list[tuple[BotView, Profit]]] = {}
    for bot in desk.bots():
        if bot.profit is not None and (bot.stopped_at is None or bot.stopped_at >= midnight):
            groups.setdefault((bot.spec.mode, bot.market.quote), []).append((bot, bot.profit))
    found = [_standing(desk, mode, quote, midnight, group) for (mode, quote), group in groups.items()]
    return tuple(sorted(found, key=lambda each: -each.equity))


def midnight_before(now: Millis, zone: tzinfo) -> Millis:
    """Return the beginning of the day that ``now`` falls into, in ``zone``."""
    local = datetime.fromtimestamp(now / 1000, zone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def _standing(desk: Desk, mode: Mode, quote: str, midnight: Millis, group: list[tuple[BotView, Profit]]) -> Standing:
    active = [(bot, books) for bot, books in group if bot.stopped_at is None]
    starts = [_at_midnight(desk, bot, books, midnight) for bot, books in group]
    return Standing(
        mode=mode,
        quote=quote,
        bots=len(active),
        equity=sum((books.equity for _bot, books in active), ZERO),
        invested=sum((books.invested for _bot, books in active), ZERO),
        change=sum((books.change for _bot, books in active), ZERO),
        today=sum((books.equity for _bot, books in group), ZERO) - sum(starts, ZERO),
        basis=sum(starts, ZERO),
    )


def _at_midnight(desk: Desk, bot: BotView, books: Profit, midnight: Millis) -> Decimal:
    if bot.started_at >= midnight:
        return books.invested
    samples = desk.equity(bot.id, max(bot.started_at, midnight - 86_400_000))
    before = [each.equity for each in samples if each.at <= midnight]
    after = [each.equity for each in samples if each.at > midnight]
    return before[-1] if before else after[0] if after else books.equity
