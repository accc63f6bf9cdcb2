"""Tells the exchanges that the engine lives; without that they cancel its orders on perpetuals, if told to."""

from __future__ import annotations

from scheduler.registry import Every, Job, JobContext

SIGNS = 3
"""Signs of life within one countdown: one or two may get lost."""


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return the job, where a countdown is wanted."""
    seconds = context.settings.exchange.dead_man_seconds
    if not seconds:
        return ()
    return (
        Job(
            name="hold_alive",
            what="Keeps the exchange from cancelling orders on perpetuals",
            trigger=Every(seconds / SIGNS),
            run=context.hold_alive,
        ),
    )
