"""The clockwork: runs jobs at their times, shows how they fare, and lets them finish when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN, SchedulerEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from data.values import Millis
from engine.clock import Clock, SystemClock
from engine.desk import JobView
from scheduler.registry import Daily, Every, Job

GRACE_SECONDS = 20.0
CANCEL_SECONDS = 2.0
"""How long a cancelled job may take to end before it is left behind."""
LATE_SECONDS = 3600
"""A daily job that could not run in time still does within this; later it waits for the next day."""
SHORTEST_SECONDS = 0.25
DAY_SECONDS = 86_400.0
WATCH_SECONDS, STEP_MILLIS = 1.0, 1_000
"""How often it is looked whether the system clock was set back, and from how much on that matters."""
log = logging.getLogger(__name__)


class JobUnknown(LookupError):
    """There is no job of that name."""


class _Entry:
    """One job and how it fares."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.paused = False
        self.task: asyncio.Task[None] | None = None
        self.last_at: Millis | None = None
        self.last_error = ""


class Scheduler:
    """Runs jobs in the event loop that started it. A job never overlaps itself and never stops the others."""

    def __init__(
        self,
        jobs: Sequence[Job],
        clock: Clock,
        *,
        speed: float = 1.0,
        grace_seconds: float = GRACE_SECONDS,
        cancel_seconds: float = CANCEL_SECONDS,
        wall: Clock | None = None,
    ) -> None:
        """Take the jobs; with simulated time ``speed`` says how many of its seconds pass in a real one.

        ``wall`` is the clock of the system, by which the library underneath knows when a job is due.
        """
        if speed <= 0:
            raise ValueError(f"speed: {speed} is not a number above 0")
        self._clock, self._speed, self._wall = clock, speed, wall or SystemClock()
        self._grace, self._patience = grace_seconds, cancel_seconds
        self._entries = {job.name: _Entry(job) for job in jobs}
        self._wheel = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1})
        self._stopped = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._wheel.add_listener(self._note_stop, EVENT_SCHEDULER_SHUTDOWN)

    async def start(self) -> None:
        """Begin; an interval job first runs after one interval."""
        self._stopped.clear()
        # It announces each run of each job, which would drown the log.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        for name, entry in self._entries.items():
            daily = isinstance(entry.job.trigger, Daily)
            self._wheel.add_job(
                self._fire,
                self._trigger(entry.job.trigger),
                args=(entry,),
                id=name,
                name=name,
                misfire_grace_time=LATE_SECONDS if daily else None,
            )
            if entry.paused:
                self._wheel.pause_job(name)
        self._wheel.start()
        self._watch = asyncio.create_task(self._watch_the_wall(), name="wall clock")

    async def stop(self) -> None:
        """Start nothing more, let running jobs finish within the grace, then cancel them. Safe to call twice."""
        if not self._wheel.running:
            return
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        # The library cancels what still runs when it shuts down, so that comes last.
        self._wheel.pause()
        await self._drain()
        self._wheel.shutdown(wait=False)
        await self._stopped.wait()

    def jobs(self) -> tuple[JobView, ...]:
        """Return all jobs; instants are those of the clock the engine lives by."""
        return tuple(
            JobView(
                name=name,
                what=entry.job.what,
                next_at=self._next_at(name),
                last_at=entry.last_at,
                last_error=entry.last_error,
                paused=entry.paused,
            )
            for name, entry in self._entries.items()
        )

    async def run(self, name: str) -> None:
        """Run a job now and wait for its end, or for the end of the run under way. Raises ``JobUnknown``."""
        await self._fire(self._find(name))

    def pause(self, name: str) -> None:
        """Keep a job from running by itself. Raises ``JobUnknown``."""
        self._find(name).paused = True
        if self._wheel.running:
            self._wheel.pause_job(name)

    def resume(self, name: str) -> None:
        """Let a paused job run again; what it missed is not made up for. Raises ``JobUnknown``."""
        self._find(name).paused = False
        if self._wheel.running:
            self._wheel.resume_job(name)

    async def _fire(self, entry: _Entry) -> None:
        # The work is a task of its own: whoever stops waiting for it does not stop it.
        if entry.task is None:
            entry.task = asyncio.create_task(self._work(entry), name=f"job {entry.job.name}")
        await asyncio.wait({entry.task})

    async def _work(self, entry: _Entry) -> None:
        entry.last_at = self._clock.now()
        try:
            await entry.job.run()
        except asyncio.CancelledError:
            entry.last_error = "cancelled"
            raise
        except Exception as error:
            entry.last_error = f"{type(error).__name__}: {error}"
            log.exception("Job %s failed", entry.job.name)
        else:
            entry.last_error = ""
        finally:
            entry.task = None

    async def _drain(self) -> None:
        running = {entry.task for entry in self._entries.values() if entry.task is not None}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self._grace)
        for task in late:
            log.warning("Cancelling %s, which did not finish within %g s", task.get_name(), self._grace)
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self._patience)

    def _trigger(self, trigger: Every | Daily) -> BaseTrigger:
        if isinstance(trigger, Daily) and self._speed == 1:
            hour, minute = trigger.time.split(":")
            return CronTrigger(hour=int(hour), minute=int(minute), timezone=trigger.zone)
        # Simulated days have no time of day on the wall; one of their lengths between two runs is what is left.
        seconds = trigger.seconds if isinstance(trigger, Every) else DAY_SECONDS
        return IntervalTrigger(seconds=max(seconds / self._speed, SHORTEST_SECONDS), timezone=UTC)

    async def _watch_the_wall(self) -> None:
        # The library waits for an instant on the wall clock. Set back two hours, it would wait two hours longer.
        ticking = asyncio.get_running_loop()
        ahead = self._wall.now() - ticking.time() * 1000
        while True:
            await self._wall.sleep(WATCH_SECONDS)
            before, ahead = ahead, self._wall.now() - ticking.time() * 1000
            if before - ahead > STEP_MILLIS:
                log.warning("The system clock was set back by %.0f s", (before - ahead) / 1000)
                self._begin_anew()

    def _begin_anew(self) -> None:
        """Let every interval job that waits come after one interval from now; the library was told of a later time."""
        for name, entry in self._entries.items():
            trigger, found = self._trigger(entry.job.trigger), self._wheel.get_job(name)
            if isinstance(trigger, IntervalTrigger) and found is not None and found.next_run_time is not None:
                at = datetime.fromtimestamp(SystemClock().now() / 1000, UTC) + trigger.interval
                self._wheel.modify_job(name, next_run_time=min(at, found.next_run_time))

    def _next_at(self, name: str) -> Millis | None:
        found = self._wheel.get_job(name) if self._wheel.running else None
        if found is None or found.next_run_time is None:
            return None
        wall = SystemClock().now()
        ahead = int(found.next_run_time.timestamp() * 1000) - wall
        return self._clock.now() + int(ahead * self._speed)

    def _note_stop(self, _: SchedulerEvent) -> None:
        self._stopped.set()

    def _find(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise JobUnknown(f"job: {name!r} is not one of {', '.join(self._entries)}")
        return entry
