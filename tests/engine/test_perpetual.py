"""Grids on a perpetual, whatever happens in whatever order: books exact, margin kept, positions guarded."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.grids import Direction, MarginMode
from tests.engine.perpetual_world import PerpetualWorld


@given(
    moves=st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 1000), st.integers(0, 1000)), min_size=30, max_size=100
    ),
    direction=st.sampled_from(Direction),
    leverage=st.integers(1, 4),
    margin=st.sampled_from(MarginMode),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_sequence_of_events_keeps_every_promise(
    moves: list[tuple[int, int, int]], direction: Direction, leverage: int, margin: MarginMode
) -> None:
    world = PerpetualWorld(direction, leverage, margin)
    for kind, a, b in moves:
        world.move(kind, a, b)
    world.check_replay()


def wandered(seed: int) -> PerpetualWorld:
    """Return a world after a long random life."""
    chance = random.Random(seed)
    world = PerpetualWorld(list(Direction)[seed % 3], 1 + seed % 4, list(MarginMode)[seed % 2])
    for _ in range(300):
        world.move(chance.randrange(len(world.moves)), chance.randint(0, 1000), chance.randint(0, 1000))
    return world


@pytest.mark.parametrize("seed", range(30))
def test_long_sequences_keep_every_promise(seed: int) -> None:
    world = wandered(seed)
    world.check_replay()
    assert world.state.sequence > 20


def test_the_sequences_see_everything() -> None:
    seen = set().union(*(wandered(seed).seen for seed in range(60)))
    for status in ("starting", "running", "paused", "stopping", "stopped"):
        assert f"{status} safe" in seen
    assert {"fired", "running near", "running reducing", "approved protect shrinks", "approved close shrinks"} <= seen
