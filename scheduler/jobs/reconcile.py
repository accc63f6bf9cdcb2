"""Compares the books with the exchange every few minutes, as at start and after each reconnect."""

from __future__ import annotations

from scheduler.registry import Every, Job, JobContext


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return the job."""
    return (
        Job(
            name="reconcile",
            what="Compares the books with the exchange",
            trigger=Every(context.settings.scheduler.reconcile_seconds),
            run=context.reconcile,
        ),
    )
