"""Leaves a sign of life for whoever watches the process from outside."""

from __future__ import annotations

from scheduler.registry import Every, Job, JobContext


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return the job."""
    return (
        Job(
            name="heartbeat",
            what="Leaves a sign of life for the container's health check",
            trigger=Every(context.settings.scheduler.heartbeat_seconds),
            run=context.heartbeat,
        ),
    )
