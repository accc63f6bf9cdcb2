"""Sends the summary of the day, at a time in the time zone of the chat."""

from __future__ import annotations

from scheduler.registry import Daily, Job, JobContext


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return the job."""
    settings = context.settings
    return (
        Job(
            name="daily_digest",
            what="Sends the summary of the day",
            trigger=Daily(settings.scheduler.digest_time, settings.chat.zone),
            run=context.send_digest,
        ),
    )
