"""The system clock is set below a running scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from data.values import Millis
from engine.clock import SystemClock
from scheduler.registry import Daily, Every, Job
from scheduler.runner import Scheduler

HOURS = timedelta(hours=2)
PATIENCE = 10.0


class SteppedClock(SystemClock):
    """The system's clock, which somebody sets."""

    off: Millis = 0

    def now(self) -> Millis:
        """Return what the clock shows now."""
        return super().now() + self.off


class Beats:
    """A job that counts its runs."""

    def __init__(self) -> None:
        self.runs = asyncio.Queue[None]()

    async def run(self) -> None:
        """Count."""
        self.runs.put_nowait(None)

    async def next(self) -> None:
        """Wait for the next run."""
        async with asyncio.timeout(PATIENCE):
            await self.runs.get()


class Wheel:
    """A scheduler with a fast job, a daily one and one that rests, under a clock that is set by hand."""

    def __init__(self) -> None:
        self.wall, self.often, self.daily, self.resting = SteppedClock(), Beats(), Beats(), Beats()
        self.scheduler = Scheduler(
            [
                Job(name="often", what="", trigger=Every(0.3), run=self.often.run),
                Job(name="daily", what="", trigger=Daily("03:30"), run=self.daily.run),
                Job(name="resting", what="", trigger=Every(0.3), run=self.resting.run),
            ],
            self.wall,
            wall=self.wall,
        )

    def step(self, by: timedelta) -> None:
        """Set the clock: what the library waits for is as much nearer or farther as the clock is ahead or back."""
        self.wall.off += round(by.total_seconds() * 1000)
        for job in self.scheduler._wheel.get_jobs():
            if job.next_run_time is not None:
                job.modify(next_run_time=job.next_run_time - by)

    def next_of(self, name: str) -> Millis | None:
        """Return when a job comes next."""
        return next(each.next_at for each in self.scheduler.jobs() if each.name == name)


@pytest.fixture
async def wheel() -> AsyncIterator[Wheel]:
    """Return it running."""
    made = Wheel()
    await made.scheduler.start()
    made.scheduler.pause("resting")
    await made.often.next()
    yield made
    await made.scheduler.stop()


async def test_a_clock_set_back_does_not_keep_jobs_waiting(wheel: Wheel) -> None:
    wheel.step(-HOURS)
    for _ in range(3):
        await wheel.often.next()
    assert wheel.daily.runs.empty()
    assert wheel.resting.runs.empty()
    assert wheel.next_of("resting") is None


async def test_a_clock_set_ahead_lets_a_job_run_once_for_all_that_it_missed(wheel: Wheel) -> None:
    begun = asyncio.get_running_loop().time()
    wheel.step(HOURS)
    for _ in range(3):
        await wheel.often.next()
    passed = asyncio.get_running_loop().time() - begun
    assert wheel.often.runs.qsize() <= passed / 0.3 + 1, "a storm"
