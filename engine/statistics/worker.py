"""The worker process in which statistics are made: spawned when needed, gone when told."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context, parent_process
from typing import TypeVar

import msgspec

from engine.statistics.series import TooFewBars

Answer = TypeVar("Answer")


class Failed(msgspec.Struct, frozen=True):
    """An error in the worker. A message and no exception: one that cannot be unpickled would break the pool."""

    error: str
    too_few: bool = False
    """Whether more bars would cure it."""


class Worker:
    """One process that does one job at a time. Starting it holds up the caller's thread for a second."""

    def __init__(self) -> None:
        """Spawn the process. Raises ``BrokenExecutor`` or OSError when it does not come up."""
        # Spawned, never forked: the engine has threads, sockets and a journal open.
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)
        try:
            self.pid = self._pool.submit(os.getpid).result()
        except BaseException:
            self.end()
            raise

    def submit(self, function: Callable[..., Answer], *given: object) -> Future[Answer | Failed]:
        """Call ``function(*given)``, a function of a module, in the process.

        The answer raises ``BrokenExecutor`` when the process dies.
        """
        return self._pool.submit(_guarded, function, given)

    def end(self) -> None:
        """Let the process end by itself."""
        self._pool.shutdown(wait=False)

    def kill(self) -> None:
        """End the process now, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._pool.shutdown(wait=True)


def _guarded(function: Callable[..., Answer], given: tuple[object, ...]) -> Answer | Failed:
    try:
        return function(*given)
    except TooFewBars as error:
        return Failed(str(error), too_few=True)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}")


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
