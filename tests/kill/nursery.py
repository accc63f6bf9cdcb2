"""A process that imports everything once and forks a child for every order: seen from the test, and from within."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

import msgspec
import structlog

from tests.kill.reaper import Orders

ROOT = Path(__file__).parents[2]


class Nursery:
    """Children of one module, one at a time; what they write to standard error is kept in a file."""

    def __init__(self, module: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._module, self._log, self._environment = module, log, environment
        self._process: asyncio.subprocess.Process | None = None

    async def open(self) -> None:
        """Start the process, which waits for orders."""
        with self._log.open("wb") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )

    async def born(self, orders: Orders) -> int:
        """Have a child made and return its process id."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(orders) + b"\n")
        return await self._number()

    async def died(self) -> int:
        """Wait for the end of the child and return how it ended, signals as negative numbers."""
        return await self._number()

    async def close(self) -> None:
        """End the process, and its child wherever that is: also where nobody will ever answer it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    def last_words(self) -> str:
        """Return the end of what the children wrote."""
        return self._log.read_text()[-3000:]

    async def _number(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


def rear(live: Callable[[Orders], Coroutine[None, None, None]]) -> None:
    """Fork a child for every line of orders, say its process id, wait for its end, and say how it ended."""
    # Standard output belongs to the protocol with the test.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    gc.freeze()
    for line in sys.stdin:
        orders = msgspec.json.decode(line, type=Orders)
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(live(orders))
            except BaseException:
                traceback.print_exc()
            os._exit(3)
        print(child, flush=True)  # noqa: T201 - the protocol with the test
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
