"""Whatever happens in whatever order: limits hold, books are exact, nothing happens twice, the journal tells all."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.sequences import LIMITS, World

FREE = msgspec.structs.replace(LIMITS, max_order_notional=None, max_total_exposure=None, price_band_percent=Decimal(80))


@given(
    moves=st.lists(
        st.tuples(st.integers(0, 23), st.integers(0, 1000), st.integers(0, 1000)), min_size=30, max_size=100
    ),
    start=st.integers(0, 1000),
    limited=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_sequence_of_events_keeps_every_promise(
    moves: list[tuple[int, int, int]], start: int, limited: bool
) -> None:
    world = World(LIMITS if limited else FREE)
    world.start(start, start + 1)
    for kind, a, b in moves:
        world.move(kind, a, b)
    world.check_replay()


@pytest.mark.parametrize("seed", [*range(40), 1029])
def test_long_sequences_keep_every_promise(seed: int) -> None:
    chance = random.Random(seed)
    world = World(LIMITS if seed % 2 else FREE)
    world.start(seed, chance.randint(0, 1000))
    for _ in range(250):
        world.move(chance.randrange(len(world.moves)), chance.randint(0, 1000), chance.randint(0, 1000))
    world.check_replay()
    assert world.state.sequence > 20
