"""What was seen of the process as time passed, and whether its memory is flat."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.table import Table

from tests.soak.engine import Sample

FLAT = 12.0
"""MiB an hour that memory may seem to grow by: samples are noisy, and half an hour is short."""
_HEADINGS = ("s", "RSS MiB", "tasks", "sockets", "run", "orders", "inbox", "entries", "disk MiB", "requests", "faults")


class Seen(msgspec.Struct, frozen=True):
    """One sample, and what can be seen from without."""

    seconds: float
    inside: Sample
    disk: float
    """MiB of journal."""
    requests: int
    faults: int


def slope(seen: Sequence[Seen]) -> float:
    """Return by how many MiB an hour memory grew over the second half, as the straight line nearest to it says."""
    half = [(each.seconds / 3600, each.inside.resident) for each in seen[len(seen) // 2 :]]
    hours, memory = [sum(column) / len(half) for column in zip(*half, strict=True)]
    spread = sum((at - hours) ** 2 for at, _ in half)
    return sum((at - hours) * (mib - memory) for at, mib in half) / spread if spread else 0.0


def verdict(seen: Sequence[Seen]) -> str:
    """Return in words whether memory is flat."""
    start, middle, end = (seen[place].inside.resident for place in (0, len(seen) // 2, -1))
    grown = slope(seen)
    flat, hourly = "flat" if grown <= FLAT else "GROWING", f"{grown:+.1f} MiB/h in the second half"
    return f"memory {flat}: {start:.1f} MiB, {middle:.1f} half-way, {end:.1f} at the end; {hourly}"


def table(seen: Sequence[Seen]) -> Table:
    """Return all samples."""
    shown = Table(title="one engine under faults", title_justify="left")
    for heading in _HEADINGS:
        shown.add_column(heading, justify="right")
    for each in seen:
        inside = each.inside
        counts = (inside.tasks, inside.sockets, inside.bots, inside.orders, inside.waiting, inside.entries)
        row = [f"{each.seconds:.0f}", f"{inside.resident:.1f}", *(f"{count:,}" for count in counts)]
        shown.add_row(*row, f"{each.disk:.1f}", f"{each.requests:,}", f"{each.faults:,}")
    return shown
