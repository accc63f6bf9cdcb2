"""A market is proposed with a picture, started unasked where that is allowed, once, and stopped."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from commands.registry import Role
from data.advice import Advice, MarketProposed
from data.events import AdvicePosted
from data.values import round_to
from engine.selection.proposals import SELECTOR
from engine.views import BotStatus
from tests.scenarios.conversation import Conversation
from tests.scenarios.on_telegram import telegram
from tests.scenarios.world import World

D = Decimal
SYMBOL = "BTC/USDT"
ALLOWED = {"enabled": True, "open": {"enabled": True, "most_bots": 1, "most_investment": 600}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a fresh Batuta that may start one bot unasked."""
    return World(tmp_path, pair_selection=ALLOWED)


async def propose(world: World, investment: int = 500) -> None:
    """Let the selector have found the one market there is."""
    last, now = (await world.app.desk.ticker(SYMBOL)).last, world.clock.now()
    lower, upper = (round_to(last * D(share), D("0.01")) for share in ("0.9", "1.1"))
    what = MarketProposed(symbol=SYMBOL, lower=lower, upper=upper, levels=9, investment=D(investment))
    advice = Advice(
        agent=SELECTOR, what=what, confidence=D("0.8"), reason="5 of 5 criteria are met", evidence={"spread": "0.01 %"},
        expires_at=now + 60_000,
    )  # fmt: skip
    world.app.runner.post(AdvicePosted(at=now, advice=advice))
    await world.app.runner.settled()


async def test_a_proposal_comes_with_its_picture_and_what_was_started_of_it_can_be_stopped(
    world: World, chat: Conversation
) -> None:
    world.let_in(chat.identity, Role.OWNER)
    await propose(world)
    offer = await chat.expect("suits a grid")
    assert offer.picture is not None or any(each.picture for each in await chat.unread()), "there is no picture"
    await world.app.supervisor.tick(SELECTOR)
    await chat.expect("Bot 1 BTC/USDT was started unasked, as you allowed")
    assert world.active_bots() == [1]
    # What the button says; a terminal offers those of its last message alone.
    await chat.say("/stop 1")
    await chat.expect("sell or keep what is held?")
    await chat.tap("Stop, keep")
    await chat.expect("Can be confirmed until")
    await chat.tap("Stop and keep")
    await chat.expect("keeping what is held")
    (bot,) = world.app.desk.bots()
    assert bot.status in (BotStatus.STOPPING, BotStatus.STOPPED)


async def test_after_a_restart_the_same_proposal_starts_nothing_and_the_cap_is_used_up(tmp_path: Path) -> None:
    world = World(tmp_path, pair_selection=ALLOWED)
    async with telegram(world):
        await propose(world)
    world = World(tmp_path, pair_selection=ALLOWED)
    async with telegram(world):
        assert world.active_bots() == []
        await world.app.supervisor.tick(SELECTOR)
        assert world.active_bots() == [1]
    world = World(tmp_path, pair_selection=ALLOWED)
    async with telegram(world):
        await world.app.supervisor.tick(SELECTOR)
        await propose(world, 90)
        await world.app.supervisor.tick(SELECTOR)
        assert [each.by for each in world.app.desk.bots()] == [SELECTOR]
        (view,) = (each for each in world.app.supervisor.agents() if each.name == SELECTOR)
        said = [each.said for each in view.notes if each.subject == "proposal"]
        assert said == ["bot 1 was started", "bot 1 trades this market"]
