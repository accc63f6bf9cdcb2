"""Questions in flight and who waits for them: one for each key, in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from data.cache.words import Answer, Interrupted, Key
from data.values import Millis

Ask = Callable[[], Awaitable[Any]]


class Flight:
    """One question."""

    __slots__ = ("ahead", "begun", "joined", "key", "task", "valid", "waiting")

    def __init__(self, key: Key, begun: Millis, *, ahead: bool) -> None:
        """Begin at ``begun``; ``ahead`` says that nobody needs the answer yet."""
        self.key, self.begun, self.ahead = key, begun, ahead
        self.waiting = 0
        self.joined = False
        """Whether somebody came to need the answer of a question asked ahead."""
        self.valid = True
        """Whether the answer may be kept: False once the key was forgotten, or nobody waited any more."""
        self.task: asyncio.Task[Answer[Any]]


class Flights:
    """All open questions. One ends when it is answered, fails, or when the last who waited for it was cancelled."""

    def __init__(
        self, land: Callable[[Flight, Any], Answer[Any]], fail: Callable[[Flight], None], now: Callable[[], Millis]
    ) -> None:
        """Hand each answer to ``land``, and tell ``fail`` of each question that ends without one."""
        self._land, self._fail, self._now = land, fail, now
        self._open: dict[Key, Flight] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._open)

    def __iter__(self) -> Iterator[Key]:
        """Yield what is being asked."""
        return iter(self._open)

    def find(self, key: Key) -> Flight | None:
        """Return the open question about ``key``."""
        return self._open.get(key)

    def start(self, key: Key, ask: Ask, *, ahead: bool = False) -> Flight:
        """Ask; it waits for nobody."""
        flight = Flight(key, self._now(), ahead=ahead)
        self._open[key] = flight
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight, ask))
        flight.task.add_done_callback(_seen)
        return flight

    async def _fly(self, flight: Flight, ask: Ask) -> Answer[Any]:
        try:
            value = await ask()
        except BaseException:
            self._fail(flight)
            raise
        finally:
            self._close(flight)
        return self._land(flight, value)

    def _close(self, flight: Flight) -> None:
        if self._open.get(flight.key) is flight:
            del self._open[flight.key]

    def drop(self, key: Key) -> None:
        """Let nobody else join the question about ``key``, and let its answer not be kept; it stays in flight."""
        flight = self._open.pop(key, None)
        if flight is not None:
            flight.valid = False

    async def wait(self, flight: Flight) -> Answer[Any]:
        """Return the answer, or raise what the question raised; everybody who waits gets the same."""
        await self.outlast(flight)
        if flight.task.cancelled():
            raise Interrupted(f"the question about {flight.key} was cancelled")
        return flight.task.result()

    async def outlast(self, flight: Flight) -> None:
        """Wait until a question is over, whatever becomes of it."""
        flight.waiting += 1
        try:
            # Does not cancel the task with the one who waits, as awaiting it would.
            await asyncio.wait((flight.task,))
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.valid = False
                self._close(flight)
                flight.task.cancel()


def _seen(task: asyncio.Task[Answer[Any]]) -> None:
    # Whoever waited has been told; where nobody did, the loop has nothing to complain about.
    if not task.cancelled():
        task.exception()
