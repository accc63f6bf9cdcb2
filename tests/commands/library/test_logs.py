"""/logs."""

from __future__ import annotations

import pytest

from commands.reply import Failure, Text
from tests.commands.library.stage import Stage


async def test_the_newest_lines() -> None:
    stage = Stage()
    reply = await stage.one("/logs 3 warning", "olga")
    assert isinstance(reply, Text)
    assert reply.text == "line 0\nline 1\nline 2"
    assert stage.logs.asked == [(3, "WARNING")]


async def test_no_such_lines_is_said() -> None:
    reply = await Stage().one("/logs 3 error", "olga")
    assert isinstance(reply, Text)
    assert reply.text == "The log has no such lines."


async def test_never_where_others_read() -> None:
    stage = Stage()
    (reply,) = await stage.say("/logs", "olga", private=False)
    assert isinstance(reply, Failure)
    assert stage.logs.asked == []


@pytest.mark.parametrize("line", ["/logs 0", "/logs 1000", "/logs some"])
async def test_a_bad_count_says_what_is_accepted(line: str) -> None:
    assert (await Stage().failure(line, "olga")).accepted == "a whole number, at least 1, at most 200"


async def test_without_a_log_it_says_so() -> None:
    assert (await Stage(logged=False).failure("/logs", "olga")).problem == "No log is kept here."
