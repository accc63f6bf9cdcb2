"""How long one step of the engine takes, risk included: quiet ticks and fills that pair a slot."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter_ns

from tests.benchmarks.figures import Figure, Size, Target, latencies
from tests.benchmarks.floor import PRICE, Floor

TICKS = 20_000
FILLS = 2_000
BOTS = 100
LINES = 20
MANY_LINES = 200


def measure(size: Size) -> Iterator[Figure]:
    """Step the engine alone, without a journal."""
    runs, share = (5, 1) if size is Size.FULL else (1, 100)
    for name, floor, target in (
        ("tick that changes nothing", Floor(LINES), Target(60)),
        (f"tick with {BOTS} bots on the market", Floor(LINES, BOTS // share), None),
    ):
        yield from latencies(name, [_ticks(floor, TICKS // share) for _ in range(runs)], target)
    for name, floor in (
        (f"fill that pairs a slot, {LINES} lines", Floor(LINES)),
        (f"fill that pairs a slot, {MANY_LINES} lines", Floor(MANY_LINES)),
        (f"fill that pairs a slot, {LINES} lines, {BOTS} bots", Floor(LINES, BOTS // share)),
    ):
        yield from latencies(name, [_fills(floor, FILLS // share) for _ in range(runs)])


def _ticks(floor: Floor, count: int) -> list[int]:
    step, taken = floor.engine.step, []
    events = [floor.tick(PRICE + number % 7) for number in range(count)]
    for event in events:
        begun = perf_counter_ns()
        outcome = step(event)
        taken.append(perf_counter_ns() - begun)
        if outcome.sequence:
            raise AssertionError("the tick changed something, so it was not the quiet one to be measured")
    return taken


def _fills(floor: Floor, count: int) -> list[int]:
    step, taken = floor.engine.step, []
    fills = floor.pairings()
    for _ in range(count):
        event = next(fills)
        begun = perf_counter_ns()
        outcome = step(event)
        taken.append(perf_counter_ns() - begun)
        if len(outcome.approved) != 1:
            raise AssertionError(f"the fill paired no slot: {outcome}")
        floor.settle(outcome)
    return taken
