"""The chat platform is away for hours while bots trade: trading goes on, little is kept, what matters arrives once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from commands.registry import Role
from data.events import PauseBot, ResumeBot, StopBot
from data.outbox import OutboxRow
from engine.views import BotStatus
from tests.scenarios.conversation import until
from tests.scenarios.on_telegram import USER, TelegramConversation, telegram
from tests.scenarios.world import World

HOUR = 3_600
MINUTE = 60
HOURS_AWAY = 8
MOST_WAITING = 8
"""Messages that may wait for one person: of many fills one is left, of everything else the newest of its kind."""
Break = Callable[[TelegramConversation], Awaitable[None]]


async def refuse_connections(owner: TelegramConversation) -> None:
    """Let nobody listen any more."""
    await owner.server.stop()


async def break_the_gateway(owner: TelegramConversation) -> None:
    """Let a proxy answer for Telegram."""
    for method in ("*", "getUpdates"):
        owner.server.fail_next(method, 502, "Bad Gateway", times=1 << 30)
    owner.server.drop_connections()


async def flood(owner: TelegramConversation) -> None:
    """Ask for hours of patience with this chat."""
    owner.server.flood(USER, retry_after=(HOURS_AWAY + 1) * HOUR)


async def revoke(owner: TelegramConversation) -> None:
    """Give the bot another token."""
    for method in ("*", "getUpdates"):
        owner.server.fail_next(method, 401, "Unauthorized", times=1 << 30)
    owner.server.drop_connections()


async def repair(owner: TelegramConversation) -> None:
    """Let Telegram work again."""
    owner.server.mend()
    if not owner.server.running:
        await owner.server.start()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a fresh Batuta."""
    return World(tmp_path)


@pytest.fixture
async def owner(world: World) -> AsyncIterator[TelegramConversation]:
    """Return the owner on Telegram, with a bot that trades."""
    async with telegram(world) as conversation:
        world.let_in(conversation.identity, Role.OWNER)
        price = (await world.app.desk.ticker("SOL/USDT")).last
        await conversation.say(f"/grid SOL/USDT {int(price * 80 / 100)} {int(price * 120 / 100)} 80 2000")
        await conversation.expect("Can be confirmed until")
        await conversation.tap("Start")
        await conversation.expect("started with")
        await until(lambda: world.app.desk.bots()[0].status is BotStatus.RUNNING or None, lambda: "it does not run")
        await pass_time(world, MINUTE)
        await conversation.expect("Initial buy")
        await until(lambda: not waiting(world) or None, lambda: f"still waiting: {waiting(world)}")
        yield conversation


async def settled(world: World) -> None:
    """Let everything happen that is due."""
    await world.app.runner.settled()
    for _ in range(20):
        await asyncio.sleep(0)


async def pass_time(world: World, seconds: int) -> None:
    """Let time pass minute by minute, as the engine lives it."""
    for _ in range(seconds // MINUTE):
        world.clock.advance(MINUTE * 1000)
        await settled(world)


def waiting(world: World) -> list[OutboxRow]:
    """Return what waits for anybody."""
    return world.app.outbox.pending()


@pytest.mark.parametrize("break_it", [refuse_connections, break_the_gateway, flood, revoke])
async def test_bots_trade_on_without_a_chat_and_what_matters_arrives_once_and_in_order(
    owner: TelegramConversation, world: World, break_it: Break
) -> None:
    runner, desk = world.app.runner, world.app.desk
    before, tasks, most = len(desk.fills(1, 10_000)), len(asyncio.all_tasks()), 0
    read = len(await owner.unread())
    await break_it(owner)
    for turn in range(HOURS_AWAY):
        await pass_time(world, HOUR)
        control = PauseBot if turn % 2 else ResumeBot
        await runner.ask(control(at=world.clock.now(), by="engine", bot=1))
        await settled(world)
        most = max(most, len(waiting(world)))
    made = len(desk.fills(1, 10_000)) - before
    assert made > 30, "it went on trading"
    assert most <= MOST_WAITING
    assert len(asyncio.all_tasks()) <= tasks + 2
    await runner.ask(StopBot(at=world.clock.now(), by="engine", bot=1, sell=False))
    await settled(world)

    left = waiting(world)
    await repair(owner)
    await pass_time(world, 90 * MINUTE)
    await until(lambda: not waiting(world) or None, lambda: f"still waiting: {waiting(world)}")
    told = [each.text.splitlines()[0].removeprefix("SHADOW · ") for each in (await owner.unread())[read:]]
    became = [world.app.outbox.get(each.id) for each in left]
    assert {each.reason for each in became if each is not None and each.dropped_at} <= {"expired"}
    assert len(told) == sum(each is not None and each.delivered_at is not None for each in became), told
    assert told[0].startswith("Bot 1 SOL/USDT stopped"), f"what is critical comes first: {told}"
    assert told[-1] == "Bot 1 SOL/USDT paused", f"the newest news is told last: {told}"
    fills = [int(each.split()[0]) for each in told if "fills on 1 SOL/USDT" in each]
    assert len(fills) <= 2, "many fills are one message"
    assert 0 < sum(fills) <= made


async def test_a_revoked_token_is_named_in_the_log_now_and_then(
    owner: TelegramConversation, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await revoke(owner)
    named = "Telegram does not accept TELEGRAM_BOT_TOKEN; @BotFather shows the right one"

    def look() -> bool | None:
        world.clock.advance(1000)
        return named in caplog.text or None

    await until(look, lambda: caplog.text)
    await pass_time(world, 2 * HOUR)
    assert caplog.text.count(named) <= 14, "not with every attempt"
    assert owner.server.token.partition(":")[2] not in caplog.text


async def test_a_lost_answer_costs_one_message_said_twice_and_no_more(
    owner: TelegramConversation, world: World
) -> None:
    # Telegram has no key by which a message that is sent again could be known: twice is better than never.
    await owner.unread()
    await world.app.runner.ask(StopBot(at=world.clock.now(), by="engine", bot=1, sell=False))
    owner.server.lose_answer("sendMessage")
    await pass_time(world, 10 * MINUTE)
    told = [each.text for each in await owner.unread() if "stopped" in each.text]
    assert 1 <= len(told) <= 2
