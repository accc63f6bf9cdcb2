"""Virtual time: an event loop that jumps to what is next, one step at a time, and can be killed between any two."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from data.values import Millis

EPOCH = 1_700_000_000


class Killed(BaseException):
    """The process is gone: nothing that was in memory may do anything any more."""


class Time:
    """The world's time and what is to happen in it; it goes on whether an engine lives or not."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def now(self) -> Millis:
        """Return the instant in milliseconds since the epoch."""
        return EPOCH * 1000 + round(self.seconds * 1000)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen later; what is due at one instant happens in the order of these calls."""
        self._count += 1
        heapq.heappush(self._agenda, (self.seconds + seconds, self._count, act))

    def step(self, limit: float | None) -> bool:
        """Go to what happens next and let it; without anything until ``limit``, go there and return False."""
        if self._agenda and (limit is None or self._agenda[0][0] <= limit):
            self.seconds, _, act = heapq.heappop(self._agenda)
            act()
            return True
        if limit is None:
            raise AssertionError("nothing will ever happen again")
        self.seconds = max(self.seconds, limit)
        return False

    def pass_by(self, seconds: float) -> None:
        """Let time pass while no engine lives."""
        limit = self.seconds + seconds
        while self.step(limit):
            pass


class VirtualLoop(asyncio.BaseEventLoop):
    """One life: runs one handle per step, moves time when nothing is ready, and opens no socket."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]

    def __init__(self, time: Time, steps_to_live: int | None = None) -> None:
        """``steps_to_live`` is the number of steps after which the process is killed; None: not by this."""
        super().__init__()
        self._time = time
        self.steps_to_live = steps_to_live
        self.dead = False
        self.failures: list[str] = []
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Return virtual seconds."""
        return self._time.seconds

    def die(self) -> None:
        """Be killed here and now."""
        self.dead = True
        raise Killed

    def bury(self) -> None:
        """Throw away whatever was going on, without letting it do anything."""
        self.dead = True
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine: Any = task.get_coro()
            # The dead have no last words: what wants to wait in its end is cut off there.
            with suppress(RuntimeError):
                coroutine.close()
        self._ready.clear()
        self._scheduled.clear()
        self.close()

    def _run_once(self) -> None:
        if self.dead:
            raise Killed
        if self.steps_to_live is not None:
            self.steps_to_live -= 1
            if self.steps_to_live <= 0:
                self.die()
        while not self._ready:
            self._advance()
        handle = self._ready.popleft()
        if not handle._cancelled:
            handle._run()

    def _advance(self) -> None:
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if self._time.step(timers[0]._when if timers else None):
            return
        while timers and timers[0]._when <= self._time.seconds:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._ready.append(timer)

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        if not isinstance(context.get("exception"), Killed):
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _process_events(self, events: list[object]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody else could wake this loop."""


class VirtualClock:
    """The engine's clock: the world's time, as far as the computer it runs on knows it."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.wrong: Millis = 0
        """What the computer's clock is ahead of the world's."""

    def now(self) -> Millis:
        """Return the instant that the computer takes for the present one."""
        return self._time.now() + self.wrong

    async def sleep(self, seconds: float) -> None:
        """Wait, however the computer's clock jumps."""
        await asyncio.sleep(seconds)
