"""/agents."""

from __future__ import annotations

from commands.reply import Text
from tests.commands.library.stage import Stage, lines


async def test_the_state_of_each_and_a_button_for_the_ill_one() -> None:
    table = await Stage().table("/agents")
    assert table.rows[0] == ("risk", "well", "active, 5 s ago", "0", "watches drawdown")
    assert table.rows[1][:4] == ("grid", "ill", "–", "3")
    assert table.note == "grid: no prices"
    assert lines(table) == ["/agents restart grid", "/agents"]


async def test_restart() -> None:
    stage = Stage()
    assert isinstance(await stage.one("/agents restart grid"), Text)
    assert stage.agents.restarted == ["grid"]


async def test_an_unknown_agent_is_not_restarted() -> None:
    stage = Stage()
    failure = await stage.failure("/agents restart oracle")
    assert (failure.field, failure.value, failure.accepted) == ("name", "oracle", "risk, grid")
    assert stage.agents.restarted == []


async def test_no_agents_is_said() -> None:
    stage = Stage()
    stage.agents.known = []
    assert (await stage.table("/agents")).empty == "No agent is running."
