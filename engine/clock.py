"""Where time comes from: the system, or a test's hand."""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import Protocol

from data.values import Millis


class Clock(Protocol):
    """The only source of time and of waiting."""

    def now(self) -> Millis:
        """Return the current UTC instant in milliseconds since the epoch."""

    async def sleep(self, seconds: float) -> None:
        """Wait for this clock to advance by ``seconds``."""


class SystemClock:
    """Wall clock, UTC."""

    def now(self) -> Millis:
        """Return the current UTC instant in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)


class ScaledClock:
    """Simulated time that starts at a given instant and runs ``speed`` times as fast as the wall."""

    def __init__(self, start: Millis, speed: float) -> None:
        """Start at ``start``; ``speed`` > 0 is simulated seconds per real second."""
        if speed <= 0:
            raise ValueError(f"speed: {speed} is not a number above 0")
        self._start, self._speed, self._origin = start, speed, time.monotonic()

    def now(self) -> Millis:
        """Return the simulated instant."""
        return self._start + int((time.monotonic() - self._origin) * self._speed * 1000)

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of simulated time."""
        await asyncio.sleep(seconds / self._speed)


class ManualClock:
    """Time that moves only when told to; sleepers wake in order."""

    def __init__(self, start: Millis = 0) -> None:
        """Start at ``start``."""
        self._now = start
        self._sleepers: list[tuple[Millis, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Millis:
        """Return the instant last set."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has passed the wake-up instant."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._now + int(seconds * 1000), self._count, future))
        await future

    def advance(self, millis: Millis) -> None:
        """Move time forward and wake whoever is due."""
        self._now += millis
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)


class Stopwatch:
    """Measures real time, for figures and never for decisions."""

    def __init__(self) -> None:
        """Start measuring."""
        self._origin = time.perf_counter()

    def seconds(self) -> float:
        """Return the real seconds since the start."""
        return time.perf_counter() - self._origin
