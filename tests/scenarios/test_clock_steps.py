"""The system clock is set two hours back or ahead below a running engine: it trades on, and trusts nothing old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from chatbot.app import App
from chatbot.folders import Folders
from chatbot.platforms.console.platform import IDENTITY, ConsolePlatform
from chatbot.platforms.console.screen import Screen
from chatbot.venues import open_venues
from commands.context import Person
from commands.registry import Role
from config.schema import Settings
from config.secrets import Secrets
from data.events import StartBot
from data.grids import GridSpec
from data.orders import installation_of
from data.values import Millis, Mode
from engine.accounts.upkeep import reconcile_all
from engine.clock import SystemClock
from engine.exchanges.ccxt_live import CcxtExchange
from engine.views import BotStatus
from tests.soak.exchange import KEY, SECRET, Exchange

D = Decimal
SYMBOL = "ETH/USDT"
HOUR: Millis = 3_600_000
PATIENCE = 20.0
SPEC = GridSpec(symbol=SYMBOL, mode=Mode.TESTNET, lower=D(2_300), upper=D(2_700), levels=21, investment=D(5_000))


class SteppedClock(SystemClock):
    """The system's clock, which somebody sets."""

    off: Millis = 0

    def now(self) -> Millis:
        """Return what the clock shows now."""
        return super().now() + self.off


class Desk:
    """An engine on a test account whose clock is in the test's hand."""

    def __init__(self, app: App, clock: SteppedClock, exchange: Exchange) -> None:
        self.app, self.clock, self.exchange = app, clock, exchange
        self.account, self.market = exchange.server.spot.account(), exchange.server.market("ETHUSDT")

    async def until(self, condition: Callable[[], bool], words: str) -> None:
        """Wait until ``condition`` holds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - what is waited for happens beyond a socket
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(words) from None

    def fall(self, percent: int) -> None:
        """Let price fall, through lines of the grid."""
        price = (self.market.bid * (100 - percent) / 100).quantize(self.market.spec.tick)
        self.market.move(price, price + self.market.spec.tick)

    def asked_for_time(self) -> int:
        """Return how often the exchange was asked what time it is."""
        return self.exchange.server.calls.count("GET /api/v3/time")

    def resting(self) -> set[str]:
        """Return the client ids of our orders on the exchange."""
        return {each.client_id for each in self.account.open() if installation_of(each.client_id) is not None}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Return a running engine with a grid at rest."""
    exchange, clock, folders = Exchange(seed=3), SteppedClock(), Folders(tmp_path)
    async with exchange.server as server:
        server.lift_limits()
        settings = Settings.model_validate(
            {"operation_mode": "testnet", "exchange": {"urls": server.urls, "supported_markets": ["spot"]}}
        )
        secrets = Secrets.model_validate({"binance_testnet_api_key": KEY, "binance_testnet_api_secret": SECRET})
        with open_venues(settings, secrets, folders, clock) as venues:
            app = App(settings, folders, venues, clock, announce=lambda _: None)
            app.people.put(Person(id=IDENTITY, name="Ana", role=Role.OWNER))
            console = ConsolePlatform(
                audience=app.audience, pictures=app.renderer, clock=clock, charts=folders.charts, screen=Screen()
            )
            await app.start([console])
            await app.ready.wait()
            exchange_of_bots = venues[0]
            assert isinstance(exchange_of_bots, CcxtExchange)
            for branch in exchange_of_bots._branches.values():
                # The library signs by the system's time, which nobody may set for a test.
                branch.account.ccxt.milliseconds = clock.now
            plan = await app.desk.plan(SPEC)
            await app.desk.ask(StartBot(at=clock.now(), by="test", spec=SPEC, market=plan.market))
            made = Desk(app, clock, exchange)
            await made.until(lambda: len(made.resting()) >= 19, "the grid does not rest")
            try:
                yield made
            finally:
                await app.stop()


@pytest.mark.parametrize("hours", [-2, 2])
async def test_bots_trade_on_and_each_order_is_signed_by_the_time_of_the_exchange(desk: Desk, hours: int) -> None:
    state, before = desk.app.runner.engine.state, len(desk.account.trades)

    def whole() -> bool:
        known, resting = set(state.orders), desk.resting()
        return len(desk.account.trades) > before and known == resting and len(resting) >= 20

    asked = desk.asked_for_time()
    desk.clock.off = hours * HOUR
    desk.fall(3)
    await desk.until(whole, "the grid is not whole again")
    measured = desk.asked_for_time()
    assert measured > asked, "the exchange refused a time and was asked for its own"
    before = len(desk.account.trades)
    desk.fall(2)
    await desk.until(whole, "the grid is not whole a second time")
    assert desk.asked_for_time() == measured, "it was refused once and never again"
    (report,) = await reconcile_all(desk.app.runner)
    assert not report.gap
    assert state.bots[1].status is BotStatus.RUNNING
    assert desk.account.doubled == []
    assert desk.exchange.server.mistakes == []


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_price_from_before_the_clock_was_set_is_not_served_as_new(desk: Desk, hours: int) -> None:
    await desk.app.data.ticker(SYMBOL)
    desk.exchange.server.faults.add("silence", "*@*", count=None)
    desk.fall(1)
    desk.clock.off = hours * HOUR
    told = await desk.app.data.ticker(SYMBOL)
    assert told.bid == desk.market.bid


async def test_an_answer_from_before_the_clock_was_set_back_is_asked_for_once_more_and_then_kept(desk: Desk) -> None:
    def asked() -> int:
        return sum("klines" in call for call in desk.exchange.server.calls)

    await desk.app.data.bars(SYMBOL, "1h", 24)
    before = asked()
    await desk.app.data.bars(SYMBOL, "1h", 24)
    assert asked() == before, "it is kept"
    desk.clock.off = -2 * HOUR
    answer = await desk.app.data.bars(SYMBOL, "1h", 24)
    assert asked() > before
    assert answer.at <= desk.clock.now()
    once = asked()
    await desk.app.data.bars(SYMBOL, "1h", 24)
    assert asked() == once
