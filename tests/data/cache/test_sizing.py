"""What values are said to take against what the allocator gave for them."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.cache.sizing import EXACT, FACTOR, size_of
from data.values import Side
from tests.data.cache.samples import bars, book, candles, days, trades

NOISE = 600
"""What measuring itself holds."""


def taken(make: Callable[[], Any]) -> tuple[int, int]:
    """Return how much memory what ``make`` returns takes, and what is said of it."""
    make()  # what is only made once, such as caches of the interpreter, is not the value's
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, size_of(value)
    finally:
        tracemalloc.stop()


class Plain:
    """An object with attributes."""

    def __init__(self) -> None:
        """Hold something."""
        self.name, self.rows = "x" * 1000, [bytes(500) for _ in range(3)]


class Slotted:
    """An object with slots, one of which is empty."""

    __slots__ = ("empty", "rows")

    def __init__(self) -> None:
        """Hold something."""
        self.rows = bytes(5000)


@pytest.mark.parametrize(
    "make",
    [
        lambda: candles(500),
        lambda: candles(EXACT + 1000),
        lambda: book(200),
        lambda: trades(800),
        lambda: days(400),
        lambda: bars(5000),
        lambda: [Decimal(n) / 7 for n in range(1000)],
        lambda: {f"name {n}": [n * 1.5, {"deep": (bytes(n),)}] for n in range(500)},
        lambda: {f"name {n}" for n in range(500)},
        lambda: np.arange(100_000.0),
        lambda: np.arange(100_000.0)[10:20],
        lambda: deque(bytes(100) for _ in range(200)),
        lambda: "ä" * 5000,
        lambda: "日本" * 5000,
        lambda: bytearray(9000),
        lambda: 10**5000,
        lambda: Decimal("1." + "7" * 5000),
        Plain,
        Slotted,
        lambda: [[[bytes(300)] for _ in range(3)] for _ in range(2 * EXACT)],
    ],
)
def test_what_is_said_is_near_the_truth(make: Callable[[], Any]) -> None:
    truth, said = taken(make)
    assert truth <= said * 1.05 + NOISE
    assert said <= truth * 1.5


@given(
    st.recursive(
        st.none() | st.integers() | st.decimals() | st.text(max_size=50) | st.binary(max_size=200) | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner) | st.tuples(inner, inner),
        max_leaves=40,
    )
)
@settings(max_examples=30)
def test_nothing_is_said_to_be_far_too_small(value: Any) -> None:
    written = pickle.dumps(value)
    truth, said = taken(lambda: pickle.loads(written))  # noqa: S301 - written above
    assert truth <= said * FACTOR + NOISE


def test_of_many_records_the_largest_part_of_the_sample_speaks_for_all() -> None:
    truth, said = taken(lambda: [[bytes(n % 97 * 10)] for n in range(3 * EXACT)])
    assert truth / FACTOR <= said <= 1.6 * truth


def test_direct_elements_are_measured_one_by_one_however_many() -> None:
    small = [bytes(10) for _ in range(3 * EXACT)]
    odd = [*small[:5001], bytes(9_000_000), *small[5001:]]
    assert size_of(odd) > 9_000_000


def test_what_is_held_twice_counts_once() -> None:
    block = bytes(100_000)
    assert size_of([block, block, (block,)]) < 101_000


def test_a_view_counts_with_what_it_keeps_alive_and_columns_of_one_block_once() -> None:
    block = np.zeros((6, 10_000))
    assert 480_000 <= size_of(block[0]) < 481_000
    assert 480_000 <= size_of(list(block)) < 483_000


def test_arrays_of_objects_are_opened() -> None:
    assert size_of(np.array([bytes(1000) for _ in range(10)], dtype=object)) > 10_000


def test_a_circle_has_a_size() -> None:
    circle: list[Any] = [bytes(1000)]
    circle.append(circle)
    assert 1000 < size_of(circle) < 1300


def test_what_lives_as_long_as_the_program_counts_for_nothing() -> None:
    assert size_of((Side.BUY, Side, None)) < 120
