"""Nervous fingers, two people, old buttons: exactly one effect, and a clear word for whoever came second."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from chatbot.app import App
from commands.context import Person
from commands.dispatch import Request
from commands.registry import Role
from commands.reply import Button, Card, Failure, Proposal, Reply
from tests.scenarios.conftest import PLATFORMS
from tests.scenarios.conversation import Conversation
from tests.scenarios.on_console import console
from tests.scenarios.on_telegram import TelegramConversation, telegram
from tests.scenarios.test_chat import grid_line, start_grid
from tests.scenarios.test_production import RealWorld, shadow_bot
from tests.scenarios.world import World


@pytest.fixture(params=["telegram", "discord"])
async def owner(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Conversation]:
    """Return an owner in a chat with buttons that stay."""
    async with PLATFORMS[request.param](world) as conversation:
        world.let_in(conversation.identity, Role.OWNER)
        yield conversation


class Taps:
    """What two owners send at the same instant, from one platform, past any chat."""

    def __init__(self, world: World, platform: str) -> None:
        """Let Ana and Bob in."""
        self._app, self._platform, self._count = world.app, platform, 0
        for name in ("ana", "bob"):
            world.app.people.put(Person(id=f"{platform}:{name}", name=name, role=Role.OWNER))

    async def at_once(self, *taps: tuple[str, str]) -> Sequence[Reply]:
        """Send (name, line) of everybody at once and return the answers."""
        answers = await asyncio.gather(*(self._app.dispatcher.handle(self._request(*each)) for each in taps))
        return [reply for (reply,) in answers]

    async def plan(self, name: str, line: str) -> Proposal:
        """Ask for a plan."""
        (plan,) = await self.at_once((name, line))
        assert isinstance(plan, Proposal), plan
        return plan

    def _request(self, name: str, line: str) -> Request:
        self._count += 1
        return Request(
            platform=self._platform, user_id=name, user_name=name, chat_id="1", private=False, line=line,
            update_id=str(self._count), sent_at=self._app.clock.now(),
        )  # fmt: skip


@pytest.fixture(params=["telegram", "discord"])
async def taps(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Taps]:
    """Return two owners of a running engine."""
    await world.app.start([])
    await world.app.ready.wait()
    yield Taps(world, request.param)
    await world.app.stop()


async def test_a_proposal_tapped_twice_starts_one_bot(owner: Conversation, world: World) -> None:
    line = await grid_line(world)
    await owner.push(Card(title="A pair suits a grid", fields=(), buttons=(Button("See the plan", line),)))
    await owner.expect("A pair suits a grid")
    await owner.tap("See the plan")
    await owner.expect("Can be confirmed until")
    await owner.tap_again()
    await owner.expect("Can be confirmed until")
    assert world.active_bots() == []
    await owner.tap("Start")
    await owner.expect("started with 1000.00 USDT")
    await owner.tap_again()
    await owner.expect("This plan was confirmed before")
    assert world.active_bots() == [1]


async def test_a_stop_button_of_a_bot_that_was_stopped_says_so(owner: Conversation, world: World) -> None:
    await start_grid(owner, world)
    await owner.push(Card(title="Price left the range", fields=(), buttons=(Button("End it", "/stop 1 keep"),)))
    await owner.expect("Price left the range")
    await owner.tap("End it")
    await owner.expect("Can be confirmed until")
    await owner.tap("End it")
    await owner.expect("Can be confirmed until")
    await owner.tap("Stop")
    await owner.expect("Bot 1 BTC/USDT stopped")
    assert world.active_bots() == []
    sequence = world.app.journal.last_sequence
    await owner.tap_again()
    await owner.expect("This plan was confirmed before")
    await owner.tap("End it")
    await owner.expect("Bot 1 BTC/USDT is stopped.")
    assert world.app.journal.last_sequence == sequence


async def test_a_button_from_before_a_restart_does_nothing_and_says_so(world: World) -> None:
    async with telegram(world) as owner:
        world.let_in(owner.identity, Role.OWNER)
        await owner.say(await grid_line(world))
        await owner.expect("Can be confirmed until")
        await world.app.stop()
        world.app = App(
            world.app.settings, world.folders, world.venues(world.app.settings), world.clock,
            announce=world.announced.append,
        )  # fmt: skip
        again = TelegramConversation(world, owner.server)
        await world.app.start([again.platform])
        await world.app.ready.wait()
        await again.tap("Start")
        await again.expect("There is no such plan. Nothing was done.")
        assert world.active_bots() == []


async def test_two_people_on_one_button_at_once_start_one_bot(taps: Taps, world: World) -> None:
    plan = await taps.plan("ana", await grid_line(world))
    hers, his = await taps.at_once(("ana", plan.confirm.line), ("bob", plan.confirm.line))
    assert isinstance(hers, Card), hers
    assert isinstance(his, Failure)
    assert "Nothing was done." in his.problem
    assert world.active_bots() == [1]


async def test_two_plans_for_the_same_confirmed_at_once_are_not_both_carried_out(taps: Taps, world: World) -> None:
    line = await grid_line(world)
    first, second = await taps.plan("ana", line), await taps.plan("bob", line)
    answers = await taps.at_once(("ana", first.confirm.line), ("bob", second.confirm.line))
    assert world.active_bots() == [1]
    (asked,) = [each for each in answers if isinstance(each, Proposal)]
    assert "please confirm again" in asked.card.note


async def test_a_plan_that_expires_between_two_taps_runs_once(taps: Taps, world: World) -> None:
    plan = await taps.plan("ana", await grid_line(world))
    world.clock.advance(world.app.settings.chat.plan_expiry_seconds * 1000)
    late, later = await taps.at_once(("ana", plan.confirm.line), ("ana", plan.confirm.line))
    for each in (late, later):
        assert isinstance(each, Failure)
        assert each.problem == "This plan has expired. Nothing was done."
    assert world.active_bots() == []


async def test_a_code_that_arms_real_money_works_once(tmp_path: Path) -> None:
    world = RealWorld(tmp_path)
    async with console(world) as chat:
        world.let_in(chat.identity, Role.OWNER)
        await shadow_bot(chat, world)
        await chat.say("/mode production cap=1500")
        await chat.expect("Can be confirmed until")
        await chat.tap("Arm production")
        asked = (await chat.expect("A one-time code was printed on the server")).text
        line = f"{re.findall(r'/confirm [a-z0-9]+', asked)[0]} {world.announced[-1].split()[-1]}"
        await chat.say(line)
        await chat.expect("Production is armed")
        await chat.say(line)
        await chat.expect("This plan was confirmed before")
        await chat.say("/mode shadow")
        await chat.expect("Production is disarmed")
        await chat.say(line)
        await chat.expect("This plan was confirmed before")
        assert world.app.desk.engine().caps == {}
        kinds = [type(each.event).__name__ for each in world.app.journal.read()]
        assert kinds.count("ArmMode") == 1
