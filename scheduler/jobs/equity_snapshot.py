"""Adds a point to the equity curve of every active bot."""

from __future__ import annotations

from scheduler.registry import Every, Job, JobContext


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return the job."""
    return (
        Job(
            name="equity_snapshot",
            what="Adds a point to the equity curves",
            trigger=Every(context.settings.scheduler.equity_snapshot_seconds),
            run=context.snapshot_equity,
        ),
    )
