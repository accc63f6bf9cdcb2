"""Real money over real sockets: a loopback Binance, unmodified adapters, and a person at the console."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from chatbot.app import App
from chatbot.folders import Folders
from chatbot.platforms.console.platform import IDENTITY, ConsolePlatform
from chatbot.platforms.console.screen import Screen
from chatbot.venues import ModeUnavailable, admit, live_venue, market_kinds, open_venues
from commands.context import Person
from commands.registry import Role
from commands.reply import Card, Failure, Proposal, Reply, Table, Text
from config.schema import Settings
from config.secrets import Secrets
from data.orders import installation_of
from data.values import Mode
from engine.clock import SystemClock
from engine.views import BotStatus
from tests.servers.binance import BinanceServer

KEY, SECRET = "key-of-the-account", "secret-of-the-account"
SYMBOL, FUTURES = "ETH/USDT", "ETH/USDT:USDT"
SECRETS = Secrets(binance_api_key=SecretStr(KEY), binance_api_secret=SecretStr(SECRET))


def settings_of(server: BinanceServer, *kinds: str) -> Settings:
    return Settings.model_validate(
        {
            "operation_mode": "production",
            "exchange": {"urls": server.urls, "supported_markets": kinds or ("spot",)},
            "chat": {"price_tolerance_perc": 5},
            "paper": {"latency_ms": 0},
        }
    )


class Desk:
    """An engine for real money, and its owner at the console."""

    def __init__(self, app: App, console: ConsolePlatform, codes: list[str]) -> None:
        self.app, self.console, self.codes = app, console, codes

    async def say(self, line: str) -> Reply:
        """Type a line and return the only answer."""
        (reply,) = await self.console.say(line)
        return reply

    async def confirm(self, proposal: Proposal) -> Reply:
        """Tap, read the code on the server, type it."""
        asked = await self.say(proposal.confirm.line)
        if isinstance(asked, Text) and "one-time code" in asked.text:
            return await self.say(f"{proposal.confirm.line} {self.codes[-1].split()[-1]}")
        return asked

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds."""
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - what is waited for happens beyond a socket
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(server: BinanceServer, home: Path, *kinds: str) -> AsyncIterator[Desk]:
    """Start the whole program against ``server``, as `batuta run --mode production` does."""
    settings, folders, clock, codes = settings_of(server, *kinds), Folders(home), SystemClock(), list[str]()
    with open_venues(settings, SECRETS, folders, clock) as venues:
        await admit(venues[0], market_kinds(settings))
        app = App(settings, folders, venues, clock, announce=codes.append)
        app.people.put(Person(id=IDENTITY, name="Ana", role=Role.OWNER))
        console = ConsolePlatform(
            audience=app.audience, pictures=app.renderer, clock=clock, charts=folders.charts, screen=Screen()
        )
        await app.start([console])
        await app.ready.wait()
        try:
            yield Desk(app, console, codes)
        finally:
            await app.stop()


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    """Return an exchange with an account of 10,000 USDT."""
    async with BinanceServer(seed=3) as made:
        made.add_key(KEY, SECRET)
        made.spot.deposit("USDT", "10000")
        made.lift_limits()
        yield made


async def shadow_bot(desk: Desk) -> None:
    price = (await desk.app.desk.ticker(SYMBOL)).last
    plan = await desk.say(f"/grid {SYMBOL} {int(price * 96 / 100)} {int(price * 104 / 100)} 21 1000")
    assert isinstance(plan, Proposal)
    assert plan.card.mode is Mode.SHADOW
    receipt = await desk.confirm(plan)
    assert isinstance(receipt, Card), receipt
    await desk.until(lambda: len(desk.app.desk.fills(1, 9)) > 1)


async def test_the_ceremony_puts_orders_on_the_exchange_and_one_tap_takes_them_off(
    server: BinanceServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path) as desk:
        server.walk(["ETHUSDT"], seed=5, interval_seconds=0.02, volatility=0.002)
        await shadow_bot(desk)
        assert server.orders_sent() == 0
        plan = await desk.say("/mode production bot=1 cap=1500")
        assert isinstance(plan, Proposal), plan
        receipt = await desk.confirm(plan)
        assert isinstance(receipt, Card), receipt
        assert re.match(r"Bot 2 ETH/USDT trades real money with 1000.00 USDT", receipt.title)
        state = desk.app.runner.engine.state
        await desk.until(lambda: state.bots[2].status is BotStatus.RUNNING and len(state.bots[2].live) > 10)
        real = desk.app.runner.accounts[Mode.PRODUCTION].exchange
        resting = await real.open_orders(SYMBOL)
        assert {installation_of(each.client_id) for each in resting} == {state.tag}
        assert state.armed == {Mode.PRODUCTION: Decimal(1500)}

        await desk.say("/mode shadow")
        await desk.until(lambda: not state.bots[2].live)
        assert list(await real.open_orders(SYMBOL)) == []
        assert state.bots[2].status is BotStatus.PAUSED
    assert not server.mistakes


async def test_a_neutral_grid_on_a_perpetual_is_planned_started_and_shown(
    server: BinanceServer, tmp_path: Path
) -> None:
    server.usdm.deposit(Decimal(5_000))
    async with running(server, tmp_path, "spot", "futures") as desk:
        server.walk(["ETHUSDT"], seed=5, interval_seconds=0.02, volatility=0.002)
        await shadow_bot(desk)
        plan = await desk.say("/mode production cap=6000")
        assert isinstance(plan, Proposal), plan
        await desk.confirm(plan)
        price = (await desk.app.desk.ticker(FUTURES)).last
        line = f"/grid {FUTURES} {int(price * 96 / 100)} {int(price * 104 / 100)} 15 2000 direction=neutral leverage=2"
        plan = await desk.say(line)
        assert isinstance(plan, Proposal), plan
        assert plan.card.mode is Mode.PRODUCTION
        labels = [field.label for field in plan.card.fields]
        assert {"Position", "Liquidation below", "Liquidation above", "Stop on the exchange"} <= set(labels)
        receipt = await desk.confirm(plan)
        while isinstance(receipt, Proposal):
            receipt = await desk.confirm(receipt)  # the price has moved too far meanwhile
        assert isinstance(receipt, Card), receipt
        state = desk.app.runner.engine.state
        await desk.until(lambda: state.bots[2].status is BotStatus.RUNNING and state.bots[2].books.base != 0)
        positions = await desk.say("/positions")
        assert isinstance(positions, Table)
        assert [row[0] for row in positions.rows] == [FUTURES]
        refused = await desk.say("/transfer 4999 futures spot")
        assert isinstance(refused, Failure), "what the bot counts on stays"
        for right, answer in (("read", Failure), ("transfer", Card)):
            server.keyring.keys[KEY].rights.add(right)
            moved = await desk.say("/transfer 100 futures spot")
            assert isinstance(moved, Proposal)
            done = await desk.confirm(moved)
            assert isinstance(done, answer), done


async def test_what_is_wrong_with_the_key_is_said_before_anything_is_armed(
    server: BinanceServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path) as desk:
        key = server.keyring.keys[KEY]
        key.rights.add("withdraw")
        key.restricted = False
        server.clock_offset = 5_000
        told = await desk.say("/doctor")
        assert isinstance(told, Text)
        for words in (
            "✘ Withdrawals: the key may take money away. Make a key without that right.",
            "⚠ Network address: the key works from anywhere.",
            "ms from that of binance",
        ):
            assert words in told.text, told.text
        key.rights.discard("spot")
        told = await desk.say("/doctor")
        assert isinstance(told, Text)
        assert "✘ Right to trade: the production key may not trade spot" in told.text
        refused = await desk.say("/mode production cap=100")
        assert isinstance(refused, Card)
        assert refused.title.startswith("Production cannot be armed")


@pytest.mark.parametrize(
    ("rights", "secret", "words"),
    [
        (("read", "spot", "withdraw"), SECRET, "production: the key may take money away"),
        (("read", "spot"), "another secret", "production: the exchange does not accept it for production"),
    ],
)
async def test_a_key_that_must_not_be_used_is_refused_at_the_start(
    server: BinanceServer, rights: tuple[str, ...], secret: str, words: str
) -> None:
    server.add_key(KEY, secret, *rights)
    settings = settings_of(server)
    with pytest.raises(ModeUnavailable, match=words):
        await admit(live_venue(settings, SECRETS, SystemClock()), market_kinds(settings))
