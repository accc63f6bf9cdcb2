"""Statistics on demand, without holding up the event loop or its memory: made in a worker that goes when idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from typing import Any

from data.bars import Bars
from engine.clock import Clock
from engine.statistics.crossings import HORIZON_DAYS, SPACINGS
from engine.statistics.description import MarketStatistics, describe
from engine.statistics.series import TooFewBars
from engine.statistics.worker import Answer, Failed, Worker


class StatisticsUnavailable(Exception):
    """No statistics could be made; the message says why. Asking again later may help."""


class Statistics:
    """The statistics of markets. One worker process at most, which does one job at a time."""

    def __init__(self, clock: Clock, *, idle_seconds: float = 120.0, limit_seconds: float = 60.0) -> None:
        """Start nothing yet; the worker ends ``idle_seconds`` after a job, and is killed ``limit_seconds`` into one."""
        self._clock, self._idle_seconds, self._limit_seconds = clock, idle_seconds, limit_seconds
        self._worker: Worker | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def worker_pid(self) -> int | None:
        """Return the process id of the worker, or None while there is none."""
        return None if self._worker is None else self._worker.pid

    async def of(
        self, bars: Bars, spacings: tuple[float, ...] = SPACINGS, horizon_days: int = HORIZON_DAYS
    ) -> MarketStatistics:
        """Return everything about ``bars``, the same as ``describe`` in this process.

        Raises ``TooFewBars`` when more bars are needed and ``StatisticsUnavailable`` when the worker failed.
        """
        return await self.call(describe, bars, spacings, horizon_days)

    async def call(self, function: Callable[..., Answer], *given: object) -> Answer:
        """Return ``function(*given)``, a function of a module, called in the worker. Raises as ``of`` does."""
        async with self._turn:
            self._stay()
            try:
                answer = await self._attempt(function, *given)
            finally:
                self._wait_for_idleness()
        if isinstance(answer, Failed):
            raise TooFewBars(answer.error) if answer.too_few else StatisticsUnavailable(answer.error)
        return answer

    async def close(self) -> None:
        """End the worker; what is being made fails, and so does every later call."""
        self._closed = True
        self._stay()
        await self._drop()

    async def _attempt(self, function: Callable[..., Answer], *given: object) -> Answer | Failed:
        # One that dies may have been killed for the memory it took a moment ago; one that dies twice means the job.
        for _ in range(2):
            worker = await self._running()
            try:
                return await self._limited(worker, function, *given)
            except BrokenExecutor:
                await self._drop()
                self._refuse_if_closed()
        raise StatisticsUnavailable("the statistics worker died twice")

    async def _limited(self, worker: Worker, function: Callable[..., Answer], *given: object) -> Answer | Failed:
        job = asyncio.wrap_future(worker.submit(function, *given))
        limit = asyncio.create_task(self._clock.sleep(self._limit_seconds))
        try:
            waiting: set[asyncio.Future[Any]] = {job, limit}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if job.done():
                return job.result()
        finally:
            limit.cancel()
            if not job.done():
                # Too late, or nobody waits any more: a worker at work on it would keep the next one waiting.
                job.cancel()
                await self._drop()
        raise StatisticsUnavailable(f"the statistics took longer than {self._limit_seconds:g} s")

    async def _running(self) -> Worker:
        self._refuse_if_closed()
        if self._worker is None:
            try:
                worker = await asyncio.to_thread(Worker)
            except (BrokenExecutor, OSError) as error:
                raise StatisticsUnavailable(f"the statistics worker did not start: {error}") from error
            self._worker = worker
            if self._closed:
                await self._drop()
                self._refuse_if_closed()
        return self._worker

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StatisticsUnavailable("the statistics are closed")

    async def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.shield(asyncio.to_thread(worker.kill))

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _wait_for_idleness(self) -> None:
        if self._worker is not None and not self._closed:
            self._idle = asyncio.create_task(self._rest(self._worker), name="statistics worker idle")

    async def _rest(self, worker: Worker) -> None:
        await self._clock.sleep(self._idle_seconds)
        self._idle = None
        if self._worker is worker:
            self._worker = None
            worker.end()
