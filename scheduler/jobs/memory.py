"""Gives memory back that large answers took for a moment: the C library keeps what was freed, in pieces, for good."""

from __future__ import annotations

import asyncio
import ctypes

from scheduler.registry import Every, Job, JobContext

SECONDS = 120.0
_MMAP_THRESHOLD = -3
"""As ``malloc.h`` numbers it."""
_LARGE = 128 * 1024
"""Bytes; the library's own first value, which it raises by itself until it is told one."""


def jobs(_: JobContext) -> tuple[Job, ...]:
    """Return the job, where the C library can be told: glibc can, musl and others have nothing of the kind."""
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        return ()
    return (
        Job(
            name="memory",
            what="Gives memory back that is not needed any more",
            trigger=Every(SECONDS),
            run=_give_back,
        ),
    )


async def _give_back() -> None:
    library = ctypes.CDLL(None)
    # What is large comes from the system and goes back there when it is freed. Left alone, the library puts the next
    # one of its size among what stays, and the heap grows around it.
    library.mallopt(_MMAP_THRESHOLD, _LARGE)
    # Beside the loop: going through the heap takes milliseconds, and ctypes lets others work meanwhile.
    await asyncio.to_thread(library.malloc_trim, 0)
