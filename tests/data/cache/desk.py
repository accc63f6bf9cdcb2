"""A cache on a manual clock with an exchange that counts what it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from data.cache.cache import Cache
from data.cache.words import Answer, Key, Kind
from data.values import Millis
from engine.clock import ManualClock

START: Millis = 1_700_000_000_000
SECOND: Millis = 1000
PLAIN = Kind(name="plain", ttl=10 * SECOND, least_ttl=10 * SECOND, most_ttl=10 * SECOND)
ELASTIC = Kind(name="elastic", ttl=10 * SECOND, least_ttl=2 * SECOND, most_ttl=40 * SECOND, cost=5)
UNSEEN = Kind(name="unseen", ttl=10 * SECOND, least_ttl=10 * SECOND, most_ttl=10 * SECOND, prefetch=False)
LASTING = Kind(name="lasting", ttl=3600 * SECOND, least_ttl=3600 * SECOND, most_ttl=3600 * SECOND, cost=20)
KINDS = (PLAIN, ELASTIC, UNSEEN, LASTING)


class Refused(Exception):
    """The exchange refuses."""


class Desk:
    """Asks the cache, and answers what it asks: a number that counts up, padded to a size."""

    def __init__(self, most_bytes: int = 4 << 20, **more: Any) -> None:
        """Open with an empty cache."""
        self.clock = ManualClock(START)
        self.cache = Cache(KINDS, now=self.clock.now, most_bytes=most_bytes, **more)
        self.asked: Counter[Key] = Counter()
        self.sizes: dict[Key, int] = {}
        self.failing = False
        self.gate: asyncio.Event | None = None
        """Where there is one, the exchange answers when it is set."""

    async def get(self, key: Key, oldest: Millis | None = None) -> Answer[Any]:
        """Ask the cache."""
        return await self.cache.get(key, lambda: self.answer(key), oldest=oldest)

    async def refresh(self, key: Key) -> Answer[tuple[int, bytes]]:
        """Ask ahead of need."""
        return await self.cache.refresh(key, lambda: self.answer(key))

    async def answer(self, key: Key) -> Any:
        """Answer as the exchange does."""
        self.asked[key] += 1
        number = self.asked.total()
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise Refused(key)
        return number, bytes(self.sizes.get(key, 100))

    async def serve(self) -> None:
        """Do for a moment what the service does every second."""
        for key in self.cache.due(self.clock.now()):
            await self.refresh(key)

    async def until(self, instant: Millis) -> None:
        """Let time pass, asking ahead of need every second."""
        while self.clock.now() < instant:
            self.clock.advance(min(SECOND, instant - self.clock.now()))
            await self.serve()


def plain(subject: str = "A", detail: str = "") -> Key:
    """Return a key of a kind whose TTL does not adapt."""
    return Key("plain", subject, detail)


def elastic(subject: str = "A") -> Key:
    """Return a key of a kind whose TTL adapts."""
    return Key("elastic", subject)
