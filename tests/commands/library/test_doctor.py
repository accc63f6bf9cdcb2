"""/doctor."""

from __future__ import annotations

from commands.reply import Text
from engine.accounts.findings import Check, Finding, Grade
from tests.commands.library.stage import Stage, lines


async def text_of(stage: Stage) -> list[str]:
    reply = await stage.one("/doctor")
    assert isinstance(reply, Text)
    assert lines(reply) == ["/doctor", "/status", "/mode"]
    return reply.text.splitlines()


async def test_what_is_wrong_comes_first_one_line_each_with_what_to_do() -> None:
    stage = Stage()
    assert (await text_of(stage))[0] == "All is well."
    stage.examiner.found.append(Finding(check=Check.ADDRESS, grade=Grade.WARNING))
    assert (await text_of(stage))[0] == "Nothing is wrong, but something may become so."
    stage.examiner.found.append(Finding(check=Check.LISTED, grade=Grade.BAD, facts={"bot": "1", "symbol": "A/B"}))
    told = await text_of(stage)
    assert told[0] == "1 thing is wrong."
    assert told[1] == "✘ Market: bot 1: the exchange no longer lists A/B. Stop the bot and keep its coins."
    assert told[2].startswith("⚠ Network address: ")
    assert [each[0] for each in told[3:]] == ["✔", "✔", "✔"]


async def test_only_who_may_trade_is_told_and_only_where_something_can_be_checked() -> None:
    assert (await Stage().failure("/doctor", "vera")).field == "role"
    assert (await Stage(examined=False).failure("/doctor")).problem == "Nothing can be checked here."
