"""Virtual time, and lives that end between any two steps."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulation.virtual import Killed, Time, VirtualClock, VirtualLoop


def test_time_jumps_to_what_is_next_in_order() -> None:
    time = Time()
    seen: list[tuple[float, float]] = []
    loop = VirtualLoop(time)

    async def wake(after: float) -> None:
        await VirtualClock(time).sleep(after)
        seen.append((after, time.seconds))

    async def both() -> None:
        await asyncio.gather(wake(3600), wake(7.5))

    time.after(60, lambda: seen.append((60, time.seconds)))
    loop.run_until_complete(both())
    loop.bury()
    assert seen == [(7.5, 7.5), (60, 60), (3600, 3600)]


def test_a_life_ends_after_its_last_step_and_does_nothing_more() -> None:
    time = Time()
    done: list[int] = []
    loop = VirtualLoop(time, steps_to_live=5)

    async def count() -> None:
        try:
            while True:
                done.append(len(done))
                await asyncio.sleep(1)
        finally:
            await asyncio.sleep(1)
            done.append(-1)

    with pytest.raises(Killed):
        loop.run_until_complete(count())
    loop.bury()
    assert done == [0, 1]
    time.pass_by(100)
    assert done == [0, 1]


def test_the_world_goes_on_while_nobody_lives() -> None:
    time = Time()
    seen: list[int] = []
    time.after(2, lambda: seen.append(time.now()))
    time.after(20, lambda: seen.append(time.now()))
    time.pass_by(10)
    assert seen == [1_700_000_002_000]
    assert time.seconds == 10
