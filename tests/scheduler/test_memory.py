"""Memory that was freed in pieces goes back to the system."""

from __future__ import annotations

import os
from pathlib import Path

from scheduler.registry import collect
from tests.scheduler.jobs import context

BLOCK, COUNT = 16_384, 4_000


def resident() -> int:
    """Return the bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_what_was_freed_between_what_is_kept_is_given_back() -> None:
    blocks: list[bytes | None] = [b"x" * BLOCK for _ in range(COUNT)]
    blocks[::2] = [None] * (COUNT // 2)
    before = resident()

    await next(job for job in collect(context([])) if job.name == "memory").run()

    assert before - resident() > BLOCK * COUNT // 4
    assert blocks[1] is not None
