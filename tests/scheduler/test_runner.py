"""The clockwork runs, survives, pauses and drains its jobs; real APScheduler, short intervals, no sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from data.values import Millis
from engine.clock import Clock, ManualClock, SystemClock
from engine.desk import JobView
from scheduler.registry import Daily, Every, Job
from scheduler.runner import JobUnknown, Scheduler

SOON = Every(0.01)
NEVER = Every(86_400)


class Counted:
    """Something to run that counts its runs and lets a test wait for one."""

    def __init__(self, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Take what to do after counting."""
        self.runs = 0
        self._then = then
        self._changed = asyncio.Condition()

    async def __call__(self) -> None:
        """Count, then do what was given."""
        async with self._changed:
            self.runs += 1
            self._changed.notify_all()
        if self._then is not None:
            await self._then()

    async def reached(self, runs: int) -> None:
        """Wait until it ran that often."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.runs >= runs)


def job(name: str, run: Callable[[], Awaitable[None]], trigger: Every | Daily = SOON) -> Job:
    """Return a job."""
    return Job(name=name, what=f"Does {name}", trigger=trigger, run=run)


@asynccontextmanager
async def running(
    *jobs: Job, clock: Clock | None = None, speed: float = 1.0, grace_seconds: float = 5
) -> AsyncIterator[Scheduler]:
    """Run a scheduler for the block."""
    scheduler = Scheduler(jobs, clock or SystemClock(), speed=speed, grace_seconds=grace_seconds, cancel_seconds=0.05)
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop()


def view(scheduler: Scheduler, name: str) -> JobView:
    """Return how one job fares."""
    return next(each for each in scheduler.jobs() if each.name == name)


async def raises() -> None:
    raise OSError("disk is full")


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_job_runs_at_its_interval() -> None:
    counted = Counted()

    async with running(job("a", counted)) as scheduler:
        await counted.reached(3)
        shown = view(scheduler, "a")

    assert (shown.what, shown.paused, shown.last_error) == ("Does a", False, "")
    assert shown.last_at is not None
    assert shown.next_at is not None


async def test_a_failing_job_runs_again_shows_its_error_and_stops_no_other() -> None:
    bad, good = Counted(raises), Counted()

    async with running(job("bad", bad), job("good", good)) as scheduler:
        await asyncio.gather(bad.reached(3), good.reached(3))
        shown = view(scheduler, "bad")

    assert shown.last_error == "OSError: disk is full"


async def test_success_clears_the_error() -> None:
    todo = [raises]

    async def once() -> None:
        if todo:
            await todo.pop()()

    scheduler = Scheduler([job("a", once)], ManualClock(5))
    await scheduler.run("a")
    assert view(scheduler, "a").last_error == "OSError: disk is full"

    await scheduler.run("a")

    assert view(scheduler, "a").last_error == ""
    assert view(scheduler, "a").last_at == 5


async def test_a_long_run_does_not_overlap_itself_nor_delay_another() -> None:
    stuck, good = Counted(forever), Counted()

    async with running(job("stuck", stuck), job("good", good), grace_seconds=0):
        await stuck.reached(1)
        await good.reached(good.runs + 5)

    assert stuck.runs == 1


async def test_stopping_waits_for_what_runs() -> None:
    release, finished = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        await release.wait()
        finished.set()

    counted = Counted(slow)
    scheduler = Scheduler([job("a", counted)], SystemClock())
    await scheduler.start()
    await counted.reached(1)

    stopping = asyncio.create_task(scheduler.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    release.set()
    await stopping

    assert finished.is_set()
    assert view(scheduler, "a").last_error == ""


async def test_nothing_begins_while_the_last_ones_finish() -> None:
    release = asyncio.Event()

    async def slow() -> None:
        await release.wait()

    first, other, metre = Counted(slow), Counted(), Counted()
    async with running(job("metre", metre)):
        scheduler = Scheduler([job("a", first), job("b", other)], SystemClock())
        await scheduler.start()
        await asyncio.gather(first.reached(1), other.reached(1))
        stopping = asyncio.create_task(scheduler.stop())
        await metre.reached(metre.runs + 1)
        runs = other.runs
        await metre.reached(metre.runs + 4)
        assert other.runs == runs
        release.set()
        await stopping


async def test_stopping_cancels_what_does_not_finish_in_time() -> None:
    cancelled = asyncio.Event()

    async def endless() -> None:
        try:
            await forever()
        finally:
            cancelled.set()

    counted = Counted(endless)
    async with running(job("a", counted), grace_seconds=0.01) as scheduler:
        await counted.reached(1)

    assert cancelled.is_set()
    assert view(scheduler, "a").last_error == "cancelled"


async def test_stopping_leaves_behind_what_ignores_its_cancellation() -> None:
    release, ended = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()

    counted = Counted(stubborn)
    async with asyncio.timeout(10), running(job("a", counted), grace_seconds=0.01):
        await counted.reached(1)

    assert not ended.is_set()
    release.set()
    await ended.wait()


async def test_nothing_runs_after_the_stop_and_a_second_stop_is_harmless() -> None:
    counted = Counted()
    async with running(job("a", counted)) as scheduler:
        await counted.reached(1)

    runs = counted.runs
    await scheduler.stop()

    assert view(scheduler, "a").next_at is None
    assert counted.runs == runs


async def test_a_paused_job_waits_and_a_resumed_one_goes_on() -> None:
    counted, other = Counted(), Counted()
    async with running(job("a", counted), job("b", other)) as scheduler:
        await counted.reached(1)

        scheduler.pause("a")
        await other.reached(other.runs + 1)
        runs = counted.runs
        await other.reached(other.runs + 3)
        assert counted.runs == runs
        assert (view(scheduler, "a").paused, view(scheduler, "a").next_at) == (True, None)

        scheduler.resume("a")
        await counted.reached(runs + 1)
        assert not view(scheduler, "a").paused


async def test_a_job_paused_before_the_start_stays_paused() -> None:
    counted, other = Counted(), Counted()
    scheduler = Scheduler([job("a", counted), job("b", other)], SystemClock())
    scheduler.pause("a")
    await scheduler.start()

    await other.reached(3)
    await scheduler.stop()

    assert counted.runs == 0


async def test_a_person_runs_a_job_now_even_a_paused_one() -> None:
    counted = Counted()
    async with running(job("a", counted, NEVER)) as scheduler:
        scheduler.pause("a")
        await scheduler.run("a")

    assert counted.runs == 1


async def test_running_a_job_that_runs_waits_for_it() -> None:
    release = asyncio.Event()

    async def slow() -> None:
        await release.wait()

    counted = Counted(slow)
    async with running(job("a", counted, NEVER)) as scheduler:
        first, second = asyncio.create_task(scheduler.run("a")), asyncio.create_task(scheduler.run("a"))
        await counted.reached(1)
        release.set()
        await asyncio.gather(first, second)

    assert counted.runs == 1


async def test_somebody_who_stops_waiting_does_not_stop_the_job() -> None:
    release = asyncio.Event()
    finished = asyncio.Event()

    async def slow() -> None:
        await release.wait()
        finished.set()

    counted = Counted(slow)
    async with running(job("a", counted, NEVER)) as scheduler:
        impatient = asyncio.create_task(scheduler.run("a"))
        await counted.reached(1)
        impatient.cancel()
        release.set()
        async with asyncio.timeout(10):
            await finished.wait()


@pytest.mark.parametrize("trigger", [Every(86_400), Daily("08:00")])
async def test_speed_shortens_every_wait(trigger: Every | Daily) -> None:
    counted = Counted()

    async with running(job("a", counted, trigger), speed=8_640_000):
        await counted.reached(2)


async def test_instants_shown_are_those_of_the_clock_in_use() -> None:
    start: Millis = 1_000_000
    async with running(job("a", Counted(), Every(3_600)), clock=ManualClock(start), speed=60) as scheduler:
        shown = view(scheduler, "a").next_at

    assert shown is not None
    # An hour of simulated time ahead, give or take what passed on the wall since the start, sped up.
    assert start + 3_600_000 - 600_000 < shown <= start + 3_600_000


async def test_a_daily_job_runs_at_its_time_in_its_zone() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    async with running(job("a", Counted(), Daily("08:15", zone))) as scheduler:
        shown = view(scheduler, "a").next_at

    assert shown is not None
    # Rounded, for the view is counted from two clocks read one after the other.
    at = datetime.fromtimestamp(round(shown / 1000), UTC).astimezone(zone)
    assert abs(at - at.replace(hour=8, minute=15, second=0)) <= timedelta(seconds=1)


async def test_an_unknown_job_is_named_with_the_known_ones() -> None:
    scheduler = Scheduler([job("a", Counted())], SystemClock())

    with pytest.raises(JobUnknown, match="'b' is not one of a"):
        await scheduler.run("b")
    with pytest.raises(JobUnknown):
        scheduler.pause("b")
    with pytest.raises(JobUnknown):
        scheduler.resume("b")


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="speed: 0 is not a number above 0"):
        Scheduler([], SystemClock(), speed=0)
