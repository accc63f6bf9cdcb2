"""What an account says it holds, asked for once for all who want to know at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from data.values import Millis
from engine.clock import Clock
from engine.exchanges.base import Balance, Exchange, Position

RECENT: Millis = 1_000
"""How long ago an answer may have been asked for where nobody says otherwise."""

T = TypeVar("T")


class Statement:
    """Balances and positions of one account.

    Comparing books needs answers from after a certain point, and takes a ``mark`` there; answers asked for since are
    shared. Without a mark, an answer asked for within the last second will do, if no news of the account came after it.
    Raises ``ExchangeUnavailable``.
    """

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        """Ask ``exchange``."""
        self._mark = self._changed = 0
        self._balances = _Question(exchange.balances, clock)
        self._positions = _Question(exchange.positions, clock)

    def mark(self) -> int:
        """Return what tells answers asked for from now on from earlier ones."""
        self._mark += 1
        return self._mark

    def outdate(self) -> None:
        """Let no answer pass for recent any more: the account has changed."""
        self._changed = self.mark()

    async def balances(self, since: int | None = None) -> Sequence[Balance]:
        """Return all assets held, one entry per wallet, as asked for after the mark ``since``."""
        return await self._balances.answer(self._mark, since, self._changed)

    async def positions(self, since: int | None = None) -> Sequence[Position]:
        """Return every open position, as asked for after the mark ``since``."""
        return await self._positions.answer(self._mark, since, self._changed)


class _Question(Generic[T]):
    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._mark, self._at = 0, -RECENT
        self._task: asyncio.Future[T] | None = None

    async def answer(self, mark: int, since: int | None, changed: int) -> T:
        task = self._task
        if task is None or _failed(task) or not self._good(since, changed):
            self._mark, self._at = mark, self._clock.now()
            task = self._task = asyncio.ensure_future(self._ask())
            task.add_done_callback(_failed)
        # Whoever gives up waiting leaves the answer to the others.
        return await asyncio.shield(task)

    def _good(self, since: int | None, changed: int) -> bool:
        recent = since is not None or 0 <= self._clock.now() - self._at < RECENT
        return recent and self._mark >= (changed if since is None else since)


def _failed(task: asyncio.Future[T]) -> bool:
    """Return whether there is no answer; looking keeps an error that nobody waited for from being reported as one."""
    return task.done() and (task.cancelled() or task.exception() is not None)
