"""The cache under test on a trace, with the same expiry as the reference policies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from data.cache.cache import Cache
from data.cache.words import Key, Kind
from engine.clock import ManualClock
from tests.data.cache.policies import Score
from tests.data.cache.traffic import SECOND, Access

EMPTY = len(b"").__sizeof__() + 5
"""Bytes of an empty ``bytes``; what stands for a value is as long as makes it take the recorded size."""


def kinds_of(accesses: Iterable[Access]) -> list[Kind]:
    """Return the kinds of a trace, with one TTL each."""
    found = {each.kind: each for each in accesses}
    return [
        Kind(name=name, ttl=each.ttl, least_ttl=each.ttl, most_ttl=each.ttl, cost=each.cost)
        for name, each in found.items()
    ]


def distinct_bytes(accesses: Iterable[Access]) -> int:
    """Return how much memory all answers of a trace take together."""
    return sum({each.key: each.bytes for each in accesses}.values())


def replayed(accesses: list[Access], most_bytes: int, *, ahead: bool = False, watch: bool = False) -> Score:
    """Return how the cache does on a trace.

    ``ahead`` also asks every second for what is due; ``watch`` looks at the bytes after every access.
    """
    return asyncio.run(_replay(accesses, most_bytes, ahead=ahead, watch=watch))


async def _replay(accesses: list[Access], most_bytes: int, *, ahead: bool, watch: bool) -> Score:
    clock = ManualClock(accesses[0].at)
    cache = Cache(kinds_of(accesses), now=clock.now, most_bytes=most_bytes, compress=False, prefetch=ahead)
    sizes: dict[Key, int] = {}

    async def ask(key: Key) -> bytes:
        return bytes(max(0, sizes[key] - EMPTY))

    result = Score()
    looked = clock.now()
    for access in accesses:
        while ahead and looked + SECOND <= access.at:
            looked += SECOND
            clock.advance(max(0, looked - clock.now()))
            for key in cache.due(looked):
                await cache.refresh(key, partial(ask, key))
        clock.advance(max(0, access.at - clock.now()))
        # Answers grow and shrink; what is asked ahead is as large as the last one was.
        sizes[access.key] = access.bytes
        await cache.get(access.key, partial(ask, access.key))
        if watch:
            result.peak = max(result.peak, cache.metrics().bytes)
        result.accesses += 1
        result.cost += access.cost
    total = cache.metrics().total
    result.hits, result.saved = total.hits, result.cost - total.cost_spent
    return result
