"""/resume."""

from __future__ import annotations

from data.events import ResumeBot
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines
from tests.commands.worlds import bot_view, spec


async def test_the_only_paused_bot_is_meant() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT"), status=BotStatus.PAUSED)))
    card = await stage.card("/resume")
    assert card.title == "Bot 2 ETH/USDT resumed"
    assert lines(card)[0] == "/pause 2"
    assert [type(each) for each in stage.desk.asked] == [ResumeBot]


async def test_all_resumes_what_is_paused() -> None:
    paused = (bot_view(1, status=BotStatus.PAUSED), bot_view(2, status=BotStatus.PAUSED))
    stage = Stage(desk=FakeDesk(*paused, bot_view(3)))
    card = await stage.card("/resume all")
    assert card.title == "2 bots resumed"
    assert lines(card) == ["/pause all", "/bots"]
    assert (await stage.card("/resume all")).title == "No bot is paused; nothing changed"


async def test_a_running_bot_stays_as_it_is() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    assert (await stage.card("/resume 1")).title == "Bot 1 BTC/USDT is running; nothing changed"
    assert stage.desk.asked == []


async def test_nothing_paused_is_said_without_asking_which() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1), bot_view(2)))
    assert (await stage.card("/resume")).title == "No bot is paused; nothing changed"
