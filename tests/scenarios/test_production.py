"""From simulated to real money and back, in a chat: what is asked, what it takes, and what stays on the exchange."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from chatbot.app import App
from commands.registry import Role
from config.schema import Settings
from data.orders import installation_of
from data.values import Mode
from engine.exchanges.base import Exchange, Rights
from engine.exchanges.simulated import SimulatedExchange
from engine.views import BotStatus
from tests.scenarios.conversation import Seen
from tests.scenarios.on_console import ConsoleConversation, console
from tests.scenarios.world import World

SYMBOL = "SOL/USDT"


class RealVenue(SimulatedExchange):
    """An account that takes itself for one of real money, with a key whose rights a test sets."""

    mode = Mode.PRODUCTION
    key = Rights(spot=True, perpetual=True, withdraw=False, transfer=False, bound_to_address=False)

    async def rights(self) -> Rights | None:
        """Return what the key may do."""
        return self.key


class RealWorld(World):
    """A Batuta that was started for real money."""

    real: RealVenue
    shadow: SimulatedExchange

    def __init__(self, home: Path) -> None:
        """Lay it out; nothing is armed."""
        super().__init__(home, "", operation_mode="production")

    def venues(self, settings: Settings) -> Sequence[Exchange]:
        """Return the real account and the shadow beside it, on the same prices."""
        balances = settings.paper.initial_balances
        self.real = RealVenue(clock=self.clock, balances=balances, seed=5)
        self.shadow = SimulatedExchange(clock=self.clock, balances=balances, seed=5)
        return [self.real, self.shadow]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until ``condition`` holds."""
        async with asyncio.timeout(20):
            while not condition():
                self.clock.advance(1_000)
                await asyncio.sleep(0)

    async def resting(self) -> list[str]:
        """Return the client ids of what rests on the real account."""
        return [each.client_id for each in await self.real.open_orders(SYMBOL)]

    def restarted(self) -> App:
        """Return a new engine on the same home and the same accounts."""
        return App(
            self.app.settings, self.folders, [self.real, self.shadow], self.clock, announce=self.announced.append
        )


@pytest.fixture
def world(tmp_path: Path) -> RealWorld:
    """Return a fresh Batuta for real money."""
    return RealWorld(tmp_path)


@pytest.fixture
async def chat(world: RealWorld) -> AsyncIterator[ConsoleConversation]:
    """Return its owner at the console."""
    async with console(world) as conversation:
        world.let_in(conversation.identity, Role.OWNER)
        yield conversation


async def shadow_bot(chat: ConsoleConversation, world: RealWorld) -> None:
    """Start a grid in shadow mode and let it trade a little."""
    price = (await world.app.desk.ticker(SYMBOL)).last
    await chat.say(f"/grid {SYMBOL} {int(price * 97 / 100)} {int(price * 103 / 100)} 31 1000")
    assert "SHADOW" in (await chat.expect("Can be confirmed until")).text
    await chat.tap("Start")
    await chat.expect("Bot 1 SOL/USDT started")
    await world.until(lambda: len(world.app.desk.fills(1, 9)) > 4)


async def with_code(chat: ConsoleConversation, world: RealWorld, label: str) -> None:
    """Confirm what was shown last, with the code that is printed on the server."""
    await chat.tap(label)
    asked = await chat.expect("A one-time code was printed on the server")
    plan = re.search(r"/confirm (\w+) CODE", asked.text)
    assert plan is not None
    await chat.say(f"/confirm {plan[1]} {world.announced[-1].split()[-1]}")


async def move_to_production(chat: ConsoleConversation, world: RealWorld) -> Seen:
    await chat.say("/mode production bot=1 cap=1500")
    plan = await chat.expect("Can be confirmed until")
    await with_code(chat, world, "Move to production")
    await chat.expect("Bot 2 SOL/USDT trades real money with 1000.00 USDT")
    return plan


async def test_a_bot_goes_from_shadow_to_production_and_real_money_is_taken_back_with_one_tap(
    chat: ConsoleConversation, world: RealWorld
) -> None:
    await chat.say("/mode")
    assert "does not move: production is not armed" in (await chat.expect("Real money")).text
    await chat.say("/mode production cap=1500")
    refused = await chat.expect("Production cannot be armed")
    assert "no shadow bot has traded here yet" in refused.text
    await shadow_bot(chat, world)
    assert await world.resting() == []

    plan = await move_to_production(chat, world)
    for words in ("PRODUCTION", "Arms production", "up to 1500.00 USDT", "If price falls to", "works from anywhere"):
        assert words in plan.text
    await world.until(lambda: world.app.desk.bots()[0].status is BotStatus.RUNNING)
    await world.until(lambda: len(world.app.desk.bots()[0].orders) > 20)
    state = world.app.runner.engine.state
    assert world.active_bots() == [2]
    assert {installation_of(each) for each in await world.resting()} == {state.tag}
    assert state.armed == {Mode.PRODUCTION: Decimal(1500)}

    await chat.say("/mode")
    await chat.tap("Back to shadow")
    await chat.expect("Production is disarmed")
    await world.until(lambda: not world.app.desk.bots()[0].orders)
    assert await world.resting() == []
    assert state.bots[2].status is BotStatus.PAUSED
    assert state.bots[2].books.base > 0, "what it holds stays"
    await chat.say("/resume 2")
    await chat.expect("production is not armed")


async def test_a_restart_keeps_what_a_person_has_armed(chat: ConsoleConversation, world: RealWorld) -> None:
    await shadow_bot(chat, world)
    await move_to_production(chat, world)
    await world.until(lambda: world.app.desk.bots()[0].status is BotStatus.RUNNING)
    await world.app.stop()
    world.app = world.restarted()
    await world.app.start([])
    await world.app.ready.wait()
    assert world.app.desk.engine().caps == {Mode.PRODUCTION: Decimal(1500)}
    assert world.app.desk.bots()[0].status is BotStatus.RUNNING


async def test_a_key_that_may_withdraw_by_now_disarms_at_the_next_start(
    chat: ConsoleConversation, world: RealWorld
) -> None:
    await shadow_bot(chat, world)
    await move_to_production(chat, world)
    await world.until(lambda: world.app.desk.bots()[0].status is BotStatus.RUNNING)
    await world.app.stop()
    world.real.key = msgspec.structs.replace(world.real.key, withdraw=True)
    world.app = world.restarted()
    await world.app.start([])
    await world.app.ready.wait()
    assert world.app.desk.engine().caps == {}
    assert world.app.desk.bots()[0].status is BotStatus.PAUSED


async def test_doctor_names_what_is_wrong(chat: ConsoleConversation, world: RealWorld) -> None:
    await chat.say("/doctor")
    told = (await chat.expect("Nothing is wrong")).text
    assert "⚠ Network address: the key works from anywhere" in told
    world.real.key = msgspec.structs.replace(world.real.key, withdraw=True, spot=False)
    await chat.say("/doctor")
    told = (await chat.expect("things are wrong")).text
    assert "✘ Withdrawals: the key may take money away. Make a key without that right." in told
    assert "✘ Right to trade: the production key may not trade spot" in told


async def test_a_key_that_gets_the_right_to_withdraw_meanwhile_disarms_at_the_next_look(
    chat: ConsoleConversation, world: RealWorld
) -> None:
    await shadow_bot(chat, world)
    await move_to_production(chat, world)
    world.real.key = msgspec.structs.replace(world.real.key, withdraw=True)
    await world.app.scheduler.run("reconcile")
    assert world.app.desk.engine().caps == {}
    assert any(b"may withdraw money; production is disarmed" in each.body for each in world.app.outbox.pending())
