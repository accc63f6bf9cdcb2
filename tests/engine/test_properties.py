"""Whatever happens in whatever order: limits hold, books are exact, nothing happens twice, the journal tells all."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.events import StopBot
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


def test_closing_orders_that_are_refused_are_tried_again_while_prices_come() -> None:
    refused = 0
    for seed in range(12):
        chance = random.Random(seed)
        world = World(FREE)
        world.start(seed, chance.randint(0, 1000))
        for _ in range(60):
            world.move(chance.randrange(len(world.moves)), chance.randint(0, 1000), chance.randint(0, 1000))
        for bot in list(world.state.active_bots()):
            world.step(StopBot(at=world.now, by="t", bot=bot.id, sell=True))
        for _ in range(150):
            world.now += chance.choice((100, 2_000, 31_000))
            move = chance.choice((world.tick, world.tick, world.reject, world.cancelled))
            move(chance.randint(0, 1000), chance.randint(0, 1000))
        refused += world.retries.seen
        world.check_replay()
    assert refused > 50
