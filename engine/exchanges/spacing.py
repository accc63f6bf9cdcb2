"""Messages to an exchange over one connection, kept apart in time so that it never takes them for too many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from data.values import Millis
from engine.clock import Clock


class Spacing:
    """Lets messages out one by one, in the order they asked, none sooner than a gap after the one before.

    A limit counts what arrives within a second. Messages at even distances stay below it although the network lets
    some catch up with others: four a second, of five allowed, may do so by up to a quarter of a second. A handful sent
    at once and then none for a second could meet the next handful.
    """

    def __init__(self, clock: Clock, per_second: int) -> None:
        """Let out ``per_second`` messages a second. Raises ValueError for less than one."""
        if per_second < 1:
            raise ValueError(f"per_second: {per_second} is less than 1")
        self._clock, self._gap = clock, -(-1000 // per_second)
        self._next: Millis = clock.now()
        self._turn = asyncio.Lock()  # serves whoever waits in the order they came

    async def turn(self, gone: Callable[[], bool]) -> None:
        """Wait until a message may be sent: not at all for the first one, nor when nobody will get it any more."""
        async with self._turn:
            # Where the clock was set back, what is due much later than a gap from now was due long ago.
            wait = min(self._next - self._clock.now(), self._gap)
            if wait > 0 and not gone():
                await self._clock.sleep(wait / 1000)
            self._next = self._clock.now() + self._gap
