"""Work that goes on in the background: begun, repeated for ever, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable

import structlog

from engine.clock import Clock
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown

_MINUTE = 60_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0

log = structlog.get_logger(__name__)


def spawn(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    """Run an adapter's work in a task of its own; should it fail, the loop's exception handler hears of it at once."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_complain)
    return task


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they are gone."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def together(*works: Coroutine[None, None, None]) -> None:
    """Do works at the same time until one of them ends or fails; that ends the others, and what it raised is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(tasks)


async def persist(attempt: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Repeat ``attempt`` for ever; pause after a failure, longer after each one in a row."""
    pause = _FIRST_PAUSE
    while True:
        started = clock.now()
        try:
            await attempt()
            pause = _FIRST_PAUSE
        except (ExchangeUnavailable, MarketUnknown):
            if clock.now() - started > _MINUTE:
                pause = _FIRST_PAUSE  # it worked for a while before it broke
            await clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        except Exception:
            # One message that nobody understands must not end for ever what listens to all others.
            log.exception("attempt_broke_off")
            await clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": f"the task {task.get_name()} ended", "exception": error, "task": task}
        task.get_loop().call_exception_handler(context)
