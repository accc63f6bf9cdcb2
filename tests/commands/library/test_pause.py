"""/pause."""

from __future__ import annotations

from commands.reply import Failure
from data.events import PauseBot
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, spec


async def test_one_tap_pauses_and_the_receipt_leads_back() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    card = await stage.card("/pause")
    assert card.title == "Bot 1 BTC/USDT paused"
    assert value(card, "Status") == "paused"
    assert lines(card)[0] == "/resume 1"
    (control,) = stage.desk.asked
    assert isinstance(control, PauseBot)
    assert (control.bot, control.by) == (1, "telegram:tim")


async def test_all_pauses_what_runs_and_leaves_the_rest() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1), bot_view(2, status=BotStatus.PAUSED), bot_view(3, spec("ETH/USDT"))))
    card = await stage.card("/pause all")
    assert card.title == "2 bots paused"
    assert [each.bot for each in stage.desk.asked if isinstance(each, PauseBot)] == [1, 3]
    assert (await stage.card("/pause all")).title == "Every bot is paused already; nothing changed"


async def test_several_bots_are_asked_about() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT"))))
    assert lines(await stage.card("/pause")) == ["/pause 1", "/pause 2", "/pause all"]
    assert stage.desk.asked == []


async def test_a_paused_bot_stays_as_it_is() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, status=BotStatus.PAUSED)))
    assert (await stage.card("/pause 1")).title == "Bot 1 BTC/USDT is paused; nothing changed"
    assert stage.desk.asked == []


async def test_a_refusal_is_a_failure() -> None:
    desk = FakeDesk(bot_view(1))
    desk.problem = "the bot is stopping"
    assert await Stage(desk=desk).one("/pause 1") == Failure(problem="the bot is stopping")


async def test_no_bots_and_wrong_bots() -> None:
    assert (await Stage().failure("/pause")).problem == "There is no running bot."
    assert (await Stage().failure("/pause all")).problem == "There is no running bot."
    assert (await Stage(desk=FakeDesk(bot_view(1))).failure("/pause 8")).field == "bot"
