"""How long the cache takes for an answer, and what it saves on traces beside LRU and W-TinyLFU."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from time import perf_counter_ns

from data.cache.cache import Cache
from data.cache.foresight import WAIT
from data.cache.sizing import size_of
from data.cache.words import Key, Kind
from engine.clock import SystemClock
from tests.benchmarks.figures import Figure, Size, Target, latencies
from tests.data.cache.policies import Lru, Score, TinyLfu, score
from tests.data.cache.replaying import distinct_bytes, replayed
from tests.data.cache.samples import candles, days
from tests.data.cache.traffic import Access, recorded, synthetic

KEYS = 200
ACCESSES = 20_000
SCANNED = 10_000
DISTINCT = 1_000_000
LIMIT = 64 << 20
SMALL = 1 << 20
SHARES = (0.03, 0.08, 0.2)
"""Byte limits of the comparison, as shares of all answers of a trace together."""
HOUR = 3_600_000
KIND = Kind(name="k", ttl=HOUR, least_ttl=HOUR, most_ttl=HOUR)


def measure(size: Size) -> Iterator[Figure]:
    """Measure the paths of one access, then memory, then the policies."""
    runs, share, hours = (5, 1, 6) if size is Size.FULL else (1, 100, 1)
    yield from latencies("dict lookup, for scale", [_dict(ACCESSES // share) for _ in range(runs)])
    yield from latencies("hit", [asyncio.run(_hits(ACCESSES // share)) for _ in range(runs)], Target(10))
    yield from latencies("miss, the exchange answering at once", [_misses(ACCESSES // share) for _ in range(runs)])
    scans = [asyncio.run(_scan(SCANNED // share)) for _ in range(runs)]
    yield from latencies(f"access in a scan of {SCANNED:,} through a full cache", scans)
    yield from latencies("due, 200 regular keys", [asyncio.run(_due(60 // min(share, 6))) for _ in range(runs)])
    for name, value in (("1,000 candles", candles(1000)), ("days of 4,000 markets", days(4000 // share))):
        yield from latencies(f"size of {name}", [_sizes(value, 20 // min(share, 20)) for _ in range(runs)])
    held = _memory(DISTINCT // (share * 10 if share > 1 else 1)) / (1 << 20)
    limit = Target(SMALL / (1 << 20))
    yield Figure(name=f"held after {DISTINCT:,} keys, 1 MiB allowed", unit="MiB", values=(held,), target=limit)
    traces = recorded() | synthetic(hours)
    for name, trace in traces.items():
        yield from _compared(name, trace, SHARES if size is Size.FULL else SHARES[-1:])


def _compared(name: str, trace: list[Access], shares: tuple[float, ...]) -> Iterator[Figure]:
    for share in shares:
        limit = int(share * distinct_bytes(trace))
        lru, tiny = score(Lru(limit), trace), score(TinyLfu(limit), trace)
        best = Target(100 * max(lru.saved_share, tiny.saved_share), least=True)
        scores: dict[str, Score] = {
            "LRU": lru,
            "W-TinyLFU": tiny,
            "cache": replayed(trace, limit),
            "cache, asking ahead": replayed(trace, limit, ahead=True),
        }
        for policy, result in scores.items():
            title = f"{name}, {share:.0%} of bytes, {policy}"
            yield Figure(name=f"{title}: hits", unit="%", values=(100 * result.hit_rate,))
            # What is asked ahead and in vain costs more than was saved, at worst.
            saved = max(0.0, 100 * result.saved_share)
            yield Figure(
                name=f"{title}: cost saved", unit="%", values=(saved,), target=best if policy == "cache" else None
            )
        alone, ahead = scores["cache"], scores["cache, asking ahead"]
        each = max(0.0, (alone.saved - ahead.saved) / max(1, ahead.hits - alone.hits))
        title = f"{name}, {share:.0%} of bytes, cost of each wait that asking ahead spared"
        yield Figure(name=title, unit="weight", values=(each,), target=Target(WAIT))


def _cache(most_bytes: int = LIMIT) -> Cache:
    return Cache([KIND], now=SystemClock().now, most_bytes=most_bytes)


def _key(number: int) -> Key:
    return Key("k", f"C{number}/USDT", "1m")


async def _answer() -> bytes:
    return bytes(2000)


def _dict(count: int) -> list[int]:
    known, keys, taken = {_key(number): b"" for number in range(KEYS)}, [_key(number) for number in range(KEYS)], []
    for number in range(count):
        key = keys[number % KEYS]
        begun = perf_counter_ns()
        known.get(key)
        taken.append(perf_counter_ns() - begun)
    return taken


async def _hits(count: int) -> list[int]:
    cache, keys, taken = _cache(), [_key(number) for number in range(KEYS)], []
    for key in keys:
        await cache.get(key, _answer)
    for number in range(count):
        key = keys[number % KEYS]
        begun = perf_counter_ns()
        await cache.get(key, _answer)
        taken.append(perf_counter_ns() - begun)
    if cache.metrics().total.misses != KEYS:
        raise AssertionError("not all of them were hits")
    return taken


def _misses(count: int) -> list[int]:
    return asyncio.run(_asked(_cache(), range(count)))


async def _asked(cache: Cache, numbers: range) -> list[int]:
    taken = []
    for number in numbers:
        key = _key(number)
        begun = perf_counter_ns()
        await cache.get(key, _answer)
        taken.append(perf_counter_ns() - begun)
    return taken


async def _scan(count: int) -> list[int]:
    cache = _cache(SMALL)
    for _ in range(3):
        await _asked(cache, range(KEYS))
    return await _asked(cache, range(KEYS, KEYS + count))


async def _due(count: int) -> list[int]:
    instant = 0
    kind = Kind(name="k", ttl=20_000, least_ttl=20_000, most_ttl=20_000)
    cache, taken = Cache([kind], now=lambda: instant, most_bytes=LIMIT), []
    for _ in range(8):
        instant += 60_000
        for number in range(KEYS):
            await cache.get(_key(number), _answer)
    for second in range(count):
        begun = perf_counter_ns()
        cache.due(instant + 1000 * second)
        taken.append(perf_counter_ns() - begun)
    return taken


def _sizes(value: object, count: int) -> list[int]:
    taken = []
    for _ in range(count):
        begun = perf_counter_ns()
        size_of(value)
        taken.append(perf_counter_ns() - begun)
    return taken


def _memory(count: int) -> int:
    """Return the bytes that are held after news of ``count`` keys, one in a hundred of which is asked for too."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = _cache(SMALL)
        asyncio.run(_flood(cache, count))
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


async def _flood(cache: Cache, count: int) -> None:
    now = SystemClock().now()
    for number in range(count):
        cache.put(_key(number), bytes(200), now)
        if not number % 100:
            await cache.get(_key(number), _answer)
