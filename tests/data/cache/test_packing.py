"""Compressed values: equal when they come back, only where it saves, never noticed by who asks."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from data.cache.packing import MOST_BYTES, compressed, restored
from data.cache.shelf import COLD, IDLE
from data.cache.sizing import size_of
from data.cache.words import Key
from data.market import Candle
from tests.data.cache.desk import Desk
from tests.data.cache.samples import bars, book, candles, days, trades


@pytest.mark.parametrize("value", [candles(200), book(100), trades(100), days(50), {"a": [1, (2.5, b"x" * 2000)]}])
def test_a_value_comes_back_equal_and_of_its_type(value: Any) -> None:
    packed = compressed(value, size_of(value))
    assert packed is not None
    assert len(packed) <= 0.7 * size_of(value)
    assert restored(packed) == value
    assert type(restored(packed)) is type(value)


def test_bars_come_back_equal() -> None:
    value = bars(500)
    packed = compressed(value, size_of(value))
    assert packed is not None
    back = restored(packed)
    assert np.array_equal(back.close, value.close)
    assert np.array_equal(back.at, value.at)


@pytest.mark.parametrize(
    "value", [b"small", Random(1).randbytes(50_000), bytes(MOST_BYTES + 1), [lambda: 1, bytes(5000)]]
)
def test_what_saves_nothing_takes_long_or_cannot_be_written_stays_as_it_is(value: Any) -> None:
    assert compressed(value, size_of(value)) is None


async def test_what_is_idle_is_compressed_and_comes_back_on_use() -> None:
    desk, key, value = Desk(), Key("elastic", "A"), candles(300)
    desk.cache.put(key, value, desk.clock.now())
    before = desk.cache.metrics()
    desk.clock.advance(IDLE)
    desk.cache.due(desk.clock.now())
    packed = desk.cache.metrics()
    assert (packed.total.packed, packed.total.packs, packed.total.entries) == (1, 1, 1)
    assert packed.bytes < before.bytes / 4
    seen = desk.cache.peek(key)
    assert seen is not None
    assert seen.value == value
    assert desk.cache.metrics().total.packed == 1
    desk.cache.put(key, value, desk.clock.now())
    assert desk.cache.metrics().total.packed == 0


async def test_a_compressed_answer_is_a_hit() -> None:
    desk, key, value = Desk(), Key("elastic", "A"), candles(300)
    for _ in range(3):  # asked for once in a long while, it is fresh for 40 seconds
        desk.clock.advance(3600_000)
        desk.cache.put(key, value, desk.clock.now())
        await desk.get(key)
    full = desk.cache.metrics().bytes
    entry = desk.cache._shelf.find[key]
    assert desk.cache._shelf._pack(entry)
    answer = await desk.get(key)
    assert answer.value == value
    metrics = desk.cache.metrics()
    assert (metrics.total.unpacks, metrics.total.packed, metrics.total.misses) == (1, 0, 0)
    assert metrics.total.bytes + metrics.bookkeeping_bytes == metrics.bytes <= full + 2000


async def test_under_pressure_cold_values_are_compressed_before_any_is_given_up() -> None:
    value = candles(100)
    one = size_of(value)
    desk = Desk(most_bytes=6 * (one + 2000))

    async def ask() -> tuple[Candle, ...]:
        return value

    for number in range(12):
        for _ in range(2):
            await desk.cache.get(Key("lasting", f"A{number}"), ask)
            desk.clock.advance(COLD // 2)
    total = desk.cache.metrics().total
    assert total.packs >= 4
    assert (total.entries, total.evictions) == (12, 0)
    assert total.bytes <= 6 * (one + 2000)


async def test_without_compression_nothing_is_compressed() -> None:
    desk = Desk(most_bytes=200_000, compress=False)
    for number in range(12):
        desk.cache.put(Key("elastic", f"A{number}"), candles(100), desk.clock.now())
        await desk.get(Key("elastic", f"A{number}"))
        desk.clock.advance(IDLE)
        desk.cache.due(desk.clock.now())
    assert desk.cache.metrics().total.packs == 0
