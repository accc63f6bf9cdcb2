"""Hostile use: scans, bursts, huge answers, any number of keys; the hot set stays and memory is bounded."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from random import Random

import pytest

from data.cache.cache import Cache
from data.cache.ghosts import LONGEST_KEY, Ghosts, key_bytes
from data.cache.habits import Habit
from data.cache.words import Key
from tests.data.cache.desk import KINDS, SECOND, START, Desk, plain

LIMIT = 1 << 20


def lasting(subject: str) -> Key:
    return Key("lasting", subject)


async def heated(desk: Desk, count: int) -> list[Key]:
    """Make keys hot that together fill most of the memory."""
    hot = [lasting(f"hot {number}") for number in range(count)]
    for _ in range(10):
        desk.clock.advance(30 * SECOND)
        for key in hot:
            desk.sizes[key] = LIMIT // count * 7 // 10
            await desk.get(key)
    return hot


@pytest.mark.parametrize("compress", [False, True])
async def test_a_scan_over_thousands_of_symbols_leaves_the_hot_set(compress: bool) -> None:
    desk = Desk(most_bytes=LIMIT, compress=compress)
    hot = await heated(desk, 50)
    for number in range(5000):
        desk.sizes[lasting(f"scanned {number}")] = 10_000
        await desk.get(lasting(f"scanned {number}"))
        desk.clock.advance(20)
        assert desk.cache.metrics().bytes <= LIMIT
    before = desk.cache.metrics().total.hits
    for key in hot:
        await desk.get(key)
    assert desk.cache.metrics().total.hits - before >= 48


async def test_a_new_hot_set_takes_the_place_of_one_that_cooled() -> None:
    desk = Desk(most_bytes=LIMIT, compress=False)
    await heated(desk, 50)
    new = [lasting(f"new {number}") for number in range(50)]
    for _ in range(12):
        desk.clock.advance(30 * SECOND)
        for key in new:
            desk.sizes[key] = LIMIT // 50 * 7 // 10
            await desk.get(key)
    before = desk.cache.metrics().total.hits
    for key in new:
        await desk.get(key)
    assert desk.cache.metrics().total.hits - before >= 48


async def test_an_answer_larger_than_everything_is_served_and_not_kept() -> None:
    desk = Desk(most_bytes=LIMIT)
    hot = await heated(desk, 20)
    huge = lasting("huge")
    desk.sizes[huge] = 2 * LIMIT
    assert len((await desk.get(huge)).value[1]) == 2 * LIMIT
    assert desk.cache.peek(huge) is None
    assert all(desk.cache.peek(key) is not None for key in hot)
    assert desk.cache.metrics().total.refused == 1


async def test_an_answer_that_grew_too_large_leaves_and_takes_nothing_with_it() -> None:
    desk = Desk(most_bytes=LIMIT)
    hot = await heated(desk, 20)
    desk.cache.put(hot[0], bytes(2 * LIMIT), desk.clock.now())
    assert desk.cache.peek(hot[0]) is None
    assert desk.cache.metrics().total.entries == 19


async def test_a_burst_on_many_keys_asks_once_for_each() -> None:
    desk = Desk()
    keys = [plain(str(number % 40)) for number in range(2000)]
    await asyncio.gather(*(desk.get(key) for key in keys))
    assert set(desk.asked.values()) == {1}
    assert len(desk.asked) == 40


@pytest.mark.parametrize("most_bytes", [1, 100, 2000, 50_000])
async def test_any_limit_is_held(most_bytes: int) -> None:
    desk, random = Desk(most_bytes=most_bytes), Random(most_bytes)
    for _ in range(1500):
        key = plain(str(random.randint(0, 60)), random.choice(("", "1m")))
        desk.sizes[key] = random.choice((0, 50, 500, 5000))
        await desk.get(key)
        desk.clock.advance(random.randint(0, 400))
        await desk.serve()
        assert desk.cache.metrics().bytes <= most_bytes


def test_any_number_of_keys_takes_no_more_memory_than_allowed() -> None:
    clock = Desk().clock
    cache = Cache(KINDS, now=clock.now, most_bytes=LIMIT, compress=False)

    async def ask() -> bytes:
        return bytes(200)

    async def flood() -> None:
        for number in range(60_000):
            key = Key("lasting", f"{number}/USDT")
            if number % 100:
                cache.put(key, bytes(200), clock.now())
            else:
                await cache.get(key, ask)
                await cache.get(key, ask)

    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        asyncio.run(flood())
        gc.collect()
        held, most = (each - before for each in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    metrics = cache.metrics()
    assert metrics.bytes <= LIMIT
    assert 0.5 * metrics.bytes <= held <= LIMIT
    assert most <= LIMIT * 1.25  # tables are copied when they grow


async def test_what_is_counted_is_no_less_than_what_is_held() -> None:
    clock = Desk().clock
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = Cache(KINDS, now=clock.now, most_bytes=8 << 20)

        async def ask() -> bytes:
            return bytes(300)

        for _ in range(14):
            clock.advance(60 * SECOND)
            for number in range(1500):
                await cache.get(Key("elastic", f"{number}/USDT", "1m"), ask)
            cache.due(clock.now())
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    metrics = cache.metrics()
    assert metrics.bookkeeping_bytes > 0
    assert held <= metrics.bytes <= 2 * held


def test_ghosts_are_bounded_and_those_that_came_back_outlive_a_scan() -> None:
    ghosts, habit = Ghosts(100_000), Habit()
    habit.note(START)
    habit.note(START + 5 * SECOND)
    ghosts.keep(plain("often"), habit)
    for number in range(10_000):
        once = Habit()
        once.note(START)
        ghosts.keep(plain(str(number)), once)
        assert ghosts.bytes <= 100_000
    assert ghosts.take(plain("often")) is habit
    assert ghosts.take(plain("often")) is None
    back = ghosts.take(plain("9999"))
    assert back is not None
    assert (back.count, back.last) == (1, START)


def test_a_key_as_long_as_a_book_is_not_remembered() -> None:
    ghosts, habit, key = Ghosts(100_000), Habit(), plain("x" * 5000)
    habit.note(START)
    assert key_bytes(key) > LONGEST_KEY
    ghosts.keep(key, habit)
    assert len(ghosts) == ghosts.bytes == 0
