"""Jobs are found by their file and do what the context lets them."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from config.schema import Settings
from scheduler.registry import Daily, Every, Job, collect, discover
from tests.scheduler.jobs import STEPS, context


def jobs(settings: Settings | None = None) -> dict[str, Job]:
    """Return the jobs of a harmless context by name."""
    return {job.name: job for job in collect(context([], settings=settings))}


def test_every_module_makes_jobs() -> None:
    single = {"daily_digest", "equity_snapshot", "heartbeat", "housekeeping", "memory", "reconcile"}
    assert set(discover()) == {"agent_ticks", "hold_alive", *single}
    assert list(jobs()) == sorted(["agent_grid", "agent_risk", *single])
    assert all(job.what for job in jobs().values())


def test_the_settings_say_when() -> None:
    settings = Settings.model_validate(
        {"chat": {"time_zone": "Europe/Lisbon"}, "storage": {"backup_interval_hours": 6}}
    )

    assert {name: job.trigger for name, job in jobs(settings).items()} == {
        "agent_grid": Every(60),
        "agent_risk": Every(30),
        "backup": Every(6 * 3600),
        "daily_digest": Daily("08:00", ZoneInfo("Europe/Lisbon")),
        "equity_snapshot": Every(300),
        "heartbeat": Every(10),
        "housekeeping": Daily("03:30", UTC),
        "memory": Every(120),
        "reconcile": Every(300),
    }


def test_signs_of_life_are_given_three_times_within_a_countdown() -> None:
    settings = Settings.model_validate({"exchange": {"dead_man_seconds": 600}})

    assert "hold_alive" not in jobs()
    assert jobs(settings)["hold_alive"].trigger == Every(200)


async def test_together_the_jobs_do_everything_the_context_offers() -> None:
    done: list[str] = []

    for job in collect(context(done, settings=Settings.model_validate({"exchange": {"dead_man_seconds": 600}}))):
        await job.run()

    assert sorted(done) == sorted([*STEPS, "tick grid", "tick risk"])


async def test_housekeeping_goes_on_after_a_step_that_fails() -> None:
    done: list[str] = []
    keep = next(job for job in collect(context(done, failing=("prune",))) if job.name == "housekeeping")

    with pytest.raises(OSError, match="prune: disk is full"):
        await keep.run()

    assert done == ["save_state", "prune", "back_up", "checkpoint"]


async def test_housekeeping_tells_of_every_step_that_failed() -> None:
    keep = next(job for job in collect(context([], failing=("prune", "back_up"))) if job.name == "housekeeping")

    with pytest.raises(ExceptionGroup) as failed:
        await keep.run()

    assert [str(each) for each in failed.value.exceptions] == ["prune: disk is full", "back_up: disk is full"]


async def test_backups_are_made_once_where_they_are_a_job_of_their_own() -> None:
    done: list[str] = []
    settings = Settings.model_validate({"storage": {"backup_interval_hours": 6}})

    for job in collect(context(done, settings=settings)):
        await job.run()

    assert done.count("back_up") == 1


def test_two_jobs_of_one_name_are_refused() -> None:
    given = context([])
    twice = given.__class__(
        **{name: getattr(given, name) for name in given.__struct_fields__ if name != "agents"},
        agents=given.agents * 2,
    )

    with pytest.raises(ValueError, match="agent_grid, agent_risk is taken twice"):
        collect(twice)
