"""The worker: same results, one process, started when needed, gone when idle, replaced when it dies, ended on close."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.clock import ManualClock, SystemClock
from engine.statistics.description import describe
from engine.statistics.series import TooFewBars
from engine.statistics.service import Statistics, StatisticsUnavailable
from tests.engine.statistics.paths import bars_along, walk

BARS = bars_along(walk(24 * 60, 0.006, 3))


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        kill_itself()
    return os.getpid()


def wait_for_ever() -> None:
    threading.Event().wait()


def raise_strangely() -> None:
    raise RuntimeError("something strange")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(pid: int) -> bool:
    """Wait until a process is gone; a test's time limit ends one that never goes."""
    while alive(pid):  # noqa: ASYNC110 - nobody tells when a process is gone
        await asyncio.sleep(0.01)
    return True


@pytest_asyncio.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def statistics(clock: ManualClock) -> AsyncIterator[Statistics]:
    made = Statistics(clock, idle_seconds=60, limit_seconds=30)
    yield made
    await made.close()


async def test_results_are_the_same_in_and_out_of_the_worker(statistics: Statistics) -> None:
    assert statistics.worker_pid is None
    told = await statistics.of(BARS)
    assert told == describe(BARS)
    assert statistics.worker_pid not in {None, os.getpid()}


async def test_all_are_served_by_one_process(statistics: Statistics) -> None:
    pids = await asyncio.gather(*(statistics.call(os.getpid) for _ in range(5)))
    assert set(pids) == {statistics.worker_pid}


async def test_an_idle_worker_ends_and_a_new_one_comes_when_needed(statistics: Statistics, clock: ManualClock) -> None:
    first = await statistics.call(os.getpid)
    await asyncio.sleep(0)
    clock.advance(59_000)
    await asyncio.sleep(0)
    assert statistics.worker_pid == first
    # A job in between starts the wait anew.
    assert await statistics.call(os.getpid) == first
    await asyncio.sleep(0)
    clock.advance(59_000)
    await asyncio.sleep(0)
    assert statistics.worker_pid == first
    clock.advance(1_000)
    await asyncio.sleep(0)
    assert statistics.worker_pid is None
    assert await gone(first)
    assert await statistics.call(os.getpid) != first


async def test_a_worker_killed_while_idle_is_replaced(statistics: Statistics) -> None:
    first = await statistics.call(os.getpid)
    os.kill(first, signal.SIGKILL)
    assert await statistics.call(os.getpid) != first


async def test_a_worker_killed_at_work_is_tried_once_more(statistics: Statistics, tmp_path: Path) -> None:
    assert await statistics.call(die_once, tmp_path / "mark") == statistics.worker_pid


async def test_a_job_that_always_kills_its_worker_fails_in_words_and_the_next_is_served(statistics: Statistics) -> None:
    with pytest.raises(StatisticsUnavailable, match="died twice"):
        await statistics.call(kill_itself)
    assert await statistics.call(os.getpid) == statistics.worker_pid


async def test_a_job_without_end_is_ended_and_the_next_is_served(statistics: Statistics, clock: ManualClock) -> None:
    first = await statistics.call(os.getpid)
    stuck = asyncio.create_task(statistics.call(wait_for_ever))
    for _ in range(5):
        await asyncio.sleep(0)
    clock.advance(30_000)
    with pytest.raises(StatisticsUnavailable, match="longer than 30 s"):
        await stuck
    assert not alive(first)
    assert await statistics.call(os.getpid) != first


async def test_a_job_nobody_waits_for_any_more_does_not_hold_up_the_next(statistics: Statistics) -> None:
    await statistics.call(os.getpid)
    stuck = asyncio.create_task(statistics.call(wait_for_ever))
    for _ in range(5):
        await asyncio.sleep(0)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert await statistics.call(os.getpid) == statistics.worker_pid


async def test_errors_come_back_in_words(statistics: Statistics) -> None:
    with pytest.raises(StatisticsUnavailable, match="RuntimeError: something strange"):
        await statistics.call(raise_strangely)
    with pytest.raises(TooFewBars, match="24 hours"):
        await statistics.of(BARS.part(0, 10))


async def test_closing_ends_the_worker_and_what_it_does() -> None:
    statistics = Statistics(SystemClock())
    pid = await statistics.call(os.getpid)
    stuck = asyncio.create_task(statistics.call(wait_for_ever))
    for _ in range(5):
        await asyncio.sleep(0)
    await statistics.close()
    assert not alive(pid)
    with pytest.raises(StatisticsUnavailable, match="closed"):
        await stuck
    with pytest.raises(StatisticsUnavailable, match="closed"):
        await statistics.of(BARS)
    await statistics.close()


def test_importing_the_statistics_pulls_in_no_heavy_library() -> None:
    modules = "crossings description readings recommend regime reversion service stationarity volatility worker".split()
    script = f"import sys\nfor name in {modules}: __import__('engine.statistics.' + name)\n"
    script += "print(sorted({'arch', 'statsmodels', 'scipy', 'pandas', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
