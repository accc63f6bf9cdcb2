"""Equity samples of every bot: appended each minute, thinned for charts, pruned to a coarser grid as they age."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from data.database import Database
from data.values import Millis

_MINUTE = 60_000
_DAY = 86_400_000
# From this age on, one sample is kept per step.
_RESOLUTIONS = ((0, _MINUTE), (2 * _DAY, 15 * _MINUTE), (60 * _DAY, 60 * _MINUTE))

_INSERT = "INSERT OR REPLACE INTO equity (bot, at, equity, price) VALUES (?, ?, ?, ?)"
_RANGE = "SELECT at, equity, price FROM equity WHERE bot = ? AND at >= ? AND at < ? ORDER BY at"
_PRUNE = (
    "DELETE FROM equity WHERE at < ?1 AND EXISTS (SELECT 1 FROM equity AS later WHERE later.bot = equity.bot "
    "AND later.at > equity.at AND later.at < (equity.at / ?2 + 1) * ?2)"
)


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of a bot's equity, in quote."""

    at: Millis
    bot: int
    equity: Decimal
    price: Decimal


class EquityStore:
    """The equity samples of one database."""

    def __init__(self, database: Database) -> None:
        """Keep samples in ``database``."""
        self._database = database

    def append(self, points: Iterable[EquityPoint]) -> None:
        """Keep samples; one at the same instant of the same bot is replaced."""
        with self._database.transaction():
            self._database.run_many(_INSERT, [(p.bot, p.at, str(p.equity), str(p.price)) for p in points])

    def range(self, bot: int, since: Millis, until: Millis | None = None, most: int | None = None) -> list[EquityPoint]:
        """Return the samples of ``since <= at < until``, oldest first.

        With ``most`` (at least 4) at most so many remain: the first, the last, and the lowest and highest of equal
        stretches between, so that no drawdown disappears from a chart.
        """
        if most is not None and most < 4:
            raise ValueError(f"most: {most} is too few samples to draw; accepted: 4 or more")
        rows = self._database.rows(_RANGE, (bot, since, (1 << 62) if until is None else until))
        points = [
            EquityPoint(at=at, bot=bot, equity=Decimal(equity), price=Decimal(price)) for at, equity, price in rows
        ]
        return points if most is None or len(points) <= most else _thinned(points, most)

    def prune(self, now: Millis) -> int:
        """Keep one sample a minute for 2 days, one per 15 minutes for 60 days, one an hour after; return how many went.

        The last sample of each stretch is the one that stays.
        """
        with self._database.transaction():
            return sum(self._database.run(_PRUNE, (now - age, step)) for age, step in _RESOLUTIONS)


def _thinned(points: Sequence[EquityPoint], most: int) -> list[EquityPoint]:
    inner = points[1:-1]
    stretches = (most - 2) // 2
    chosen = [points[0]]
    for number in range(stretches):
        stretch = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        if not stretch:
            continue
        low = min(stretch, key=lambda point: point.equity)
        high = max(stretch, key=lambda point: point.equity)
        chosen += [low] if low is high else sorted((low, high), key=lambda point: point.at)
    return [*chosen, points[-1]]
