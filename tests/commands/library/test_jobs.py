"""/jobs."""

from __future__ import annotations

import pytest

from tests.commands.library.stage import Stage, lines, value


async def test_next_last_and_errors() -> None:
    table = await Stage().table("/jobs", "olga")
    assert table.rows[0] == ("reconcile", "in 1 min", "4 min ago", "compares books and exchange")
    assert table.rows[1][:3] == ("digest", "in 20 h", "4 h ago, failed")
    assert table.note == "digest: Telegram did not answer"


async def test_run_pause_and_resume() -> None:
    stage = Stage()
    assert (await stage.card("/jobs run reconcile", "olga")).title == "reconcile has run"
    assert stage.jobs.ran == ["reconcile"]
    paused = await stage.card("/jobs pause digest", "olga")
    assert (value(paused, "Next"), lines(paused)[0]) == ("paused", "/jobs resume digest")
    resumed = await stage.card("/jobs resume digest", "olga")
    assert (value(resumed, "Next"), lines(resumed)[0]) == ("in 1 min", "/jobs pause digest")


@pytest.mark.parametrize(("line", "problem"), [("/jobs run", "Which job?"), ("/jobs run x", "There is no such job.")])
async def test_an_unknown_job_offers_the_known_ones(line: str, problem: str) -> None:
    failure = await Stage().failure(line, "olga")
    assert failure.problem == problem
    assert lines(failure) == ["/jobs run reconcile", "/jobs run digest"]


async def test_a_bad_word_lists_the_good_ones() -> None:
    assert (await Stage().failure("/jobs kill digest", "olga")).accepted.startswith("one of: pause, resume, run")


async def test_only_owners() -> None:
    assert (await Stage().failure("/jobs", "tim")).field == "role"
