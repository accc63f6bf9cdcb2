"""Keeps the database small, saved and copied."""

from __future__ import annotations

from functools import partial

from scheduler.registry import Daily, Every, Job, JobContext

_HOUR = 3600.0
_DAY_HOURS = 24


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return the daily job, and one for the backups where they are not daily."""
    settings = context.settings
    hours = settings.storage.backup_interval_hours
    daily = Job(
        name="housekeeping",
        what="Keeps the database small, saved and copied",
        trigger=Daily(settings.scheduler.housekeeping_time),
        run=partial(_keep_house, context, copy=hours == _DAY_HOURS),
    )
    if hours == _DAY_HOURS:
        return (daily,)
    backup = Job(name="backup", what="Copies the database", trigger=Every(hours * _HOUR), run=context.back_up)
    return (daily, backup)


async def _keep_house(context: JobContext, *, copy: bool) -> None:
    # The copy comes after the clearing, so that it is small, and the log is folded in last. One that fails must not
    # keep the others from being done.
    steps = [context.save_state, context.prune, *([context.back_up] if copy else []), context.checkpoint]
    failed: list[Exception] = []
    for step in steps:
        try:
            await step()
        except Exception as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup("housekeeping", failed) if len(failed) > 1 else failed[0]
