"""Pictures in, PNG bytes out, drawn in a worker process that comes when needed and goes when idle."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context, parent_process

import msgspec

from chatbot.charts.words import Words, translated
from commands.reply import GridPicture, PnlSeries

Picture = PnlSeries | GridPicture


class ChartFailed(Exception):
    """No picture could be drawn; the words of the caption must do."""


class _Job(msgspec.Struct, frozen=True):
    picture: Picture
    words: Words


def render(picture: Picture, words: Words | None = None) -> bytes:
    """Draw ``picture`` in this process and return the PNG, 1080 × 1350 pixels. Imports matplotlib."""
    if isinstance(picture, PnlSeries):
        from chatbot.charts import pnl

        return pnl.draw(picture, words or translated()).png()
    from chatbot.charts import grid

    return grid.draw(picture, words or translated()).png()


def _begin() -> None:
    # Ctrl-C reaches the whole terminal; the engine decides when its worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # An engine that was killed cannot end its worker, and the worker would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _ready() -> int:
    from chatbot.charts import grid, pnl

    _ = grid, pnl
    return os.getpid()


def _work(job: bytes) -> bytes | str:
    # Messages, not exceptions, come back: an exception that cannot be unpickled would break the whole pool.
    try:
        task = msgspec.msgpack.decode(job, type=_Job)
        return render(task.picture, task.words)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


class _Worker:
    def __init__(self) -> None:
        # Spawned, never forked: the engine has threads, sockets and a journal open.
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)
        try:
            self.pid = self._pool.submit(_ready).result()
        except BaseException:
            self.end()
            raise

    async def draw(self, job: bytes, timeout_seconds: float) -> bytes | str:
        future = self._pool.submit(_work, job)
        return await asyncio.wait_for(asyncio.wrap_future(future), timeout_seconds)

    def end(self) -> None:
        self._pool.shutdown(wait=False)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.end()


class Renderer:
    """Draws pictures without holding up the event loop or its memory."""

    def __init__(self, *, idle_seconds: float = 120.0, timeout_seconds: float = 30.0) -> None:
        """Start nothing yet; the worker ends after ``idle_seconds`` without work and is killed after a time-out."""
        self._idle_seconds, self._timeout_seconds = idle_seconds, timeout_seconds
        self._worker: _Worker | None = None
        self._starting = asyncio.Lock()
        self._busy = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def worker_pid(self) -> int | None:
        """Return the process id of the worker, or None while there is none."""
        return None if self._worker is None else self._worker.pid

    async def png(self, picture: Picture) -> bytes:
        """Return the PNG of ``picture``; raise ChartFailed when it cannot be drawn."""
        job = msgspec.msgpack.encode(_Job(picture, translated()))
        self._busy += 1
        self._stop_waiting()
        try:
            answer = await self._attempt(job)
        finally:
            self._busy -= 1
            self._wait_for_idleness()
        if isinstance(answer, str):
            raise ChartFailed(f"the chart could not be drawn: {answer}")
        return answer

    async def close(self) -> None:
        """End the worker; pictures being drawn fail, and so does every later one."""
        self._closed = True
        self._stop_waiting()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    async def _attempt(self, job: bytes) -> bytes | str:
        for _ in range(2):
            worker = await self._running()
            try:
                return await worker.draw(job, self._timeout_seconds)
            except TimeoutError:
                self._drop(worker)
                worker.kill()
                raise ChartFailed(f"the chart took longer than {self._timeout_seconds:g} s") from None
            except BrokenExecutor:
                self._drop(worker)
        raise ChartFailed("the chart worker died twice")

    async def _running(self) -> _Worker:
        async with self._starting:
            if self._closed:
                raise ChartFailed("the charts are closed")
            if self._worker is None:
                try:
                    worker = await asyncio.to_thread(_Worker)
                except (BrokenExecutor, OSError, ImportError) as error:
                    raise ChartFailed(f"the chart worker did not start: {error}") from error
                if self._closed:
                    worker.kill()
                    raise ChartFailed("the charts are closed")
                self._worker = worker
            return self._worker

    def _drop(self, worker: _Worker) -> None:
        if self._worker is worker:
            self._worker = None
        worker.end()

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _wait_for_idleness(self) -> None:
        if self._busy == 0 and self._worker is not None:
            self._stop_waiting()
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._rest)

    def _rest(self) -> None:
        worker, self._worker, self._idle = self._worker, None, None
        if worker is not None:
            worker.end()
