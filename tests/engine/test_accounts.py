"""Several accounts under one engine: orders go where they belong, and one that is down stops none of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from data.database import Database
from data.equity import EquityStore
from data.events import OrderRejected, PauseBot, RejectReason, ResumeBot
from data.journal import Journal
from data.values import Mode
from engine.accounts.account import NoAccount
from engine.accounts.reconcile import LASTING, reconcile
from engine.accounts.statement import RECENT
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.exchanges.base import ExchangeUnavailable
from engine.front_desk import FrontDesk
from engine.runner import Runner, load_engine
from engine.views import BotStatus
from tests.engine.fake_exchange import NOW, SPEC, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, Live, living, market_data

D = Decimal
BOTH = msgspec.structs.replace(LIMITS, armed=(Mode.SHADOW, Mode.TESTNET))


class Two(Live):
    """An engine with a testnet account, which people see and bot 1 trades on, and a shadow account for bot 2."""

    def __init__(self, live: Live, shadow: FakeExchange) -> None:
        super().__init__(live.runner, live.exchange, live.clock)
        self.shadow = shadow

    def at_work(self) -> list[BotStatus]:
        """Return the status of every bot."""
        return [bot.status for bot in self.runner.engine.state.bots.values()]


@asynccontextmanager
async def two() -> AsyncIterator[Two]:
    clock = ManualClock(NOW)
    first, second = FakeExchange(clock, Mode.TESTNET), FakeExchange(clock)
    async with living(exchange=first, clock=clock, limits=BOTH, others=[second]) as live:
        both = Two(live, second)
        for mode in (Mode.TESTNET, Mode.SHADOW):
            await both.start_bot(mode)
            await both.settle()
        yield both


@asynccontextmanager
async def bare(
    exchanges: Sequence[FakeExchange], clock: ManualClock, journal: Journal | None = None, tag: str = ""
) -> AsyncIterator[Runner]:
    """Start an engine that has not connected yet."""
    journal = journal or Journal.in_memory()
    runner = Runner(load_engine(journal, BOTH), journal, exchanges, clock, tag=tag)
    await runner.start("t")
    try:
        yield runner
    finally:
        await runner.stop()


async def test_orders_and_cancels_leave_for_the_account_of_their_bot() -> None:
    async with two() as both:
        assert {each.split("-")[1] for each in both.exchange.submits} == {"1"}
        assert {each.split("-")[1] for each in both.shadow.submits} == {"2"}
        assert len(both.exchange.submits) == len(both.shadow.submits) == 11
        await both.runner.ask(PauseBot(at=NOW, by="t", bot=2))
        await both.until(lambda: len(both.shadow.cancels) == 10)
        assert both.exchange.cancels == []


async def test_the_same_market_is_compared_for_each_account_by_itself() -> None:
    async with two() as both:
        both.shadow.deaf = True
        both.shadow.price(D(93))
        both.shadow.deaf = False
        assert (await reconcile(both.runner, SYMBOL, Mode.TESTNET)).recovered_fills == 0
        assert (await reconcile(both.runner, SYMBOL, Mode.SHADOW)).recovered_fills == 3
        await both.settle()
        bots = both.runner.engine.state.bots
        assert (bots[1].books.fills, bots[2].books.fills) == (1, 4)


async def test_a_gap_pauses_the_bots_of_its_account_alone() -> None:
    async with two() as both:
        both.shadow.stolen = D("0.5")
        for _ in range(2):
            for mode in (Mode.TESTNET, Mode.SHADOW):
                await reconcile(both.runner, SYMBOL, mode)
            both.clock.advance(LASTING)
        assert both.at_work() == [BotStatus.RUNNING, BotStatus.PAUSED]


@pytest.mark.parametrize("down", [Mode.TESTNET, Mode.SHADOW])
async def test_an_account_that_is_down_does_not_stop_the_other(down: Mode) -> None:
    async with two() as both:
        exchange = both.exchange if down is Mode.TESTNET else both.shadow
        exchange.down = True
        with pytest.raises(ExchangeUnavailable):
            await reconcile_all(both.runner)
        connected = {account.mode: account.connected for account in both.runner.accounts.values()}
        assert connected == {mode: mode is not down for mode in (Mode.TESTNET, Mode.SHADOW)}
        exchange.down = False
        await reconcile_all(both.runner)
        assert all(account.connected for account in both.runner.accounts.values())


async def test_people_see_each_account_by_itself() -> None:
    async with two() as both:
        await reconcile_all(both.runner)
        desk = FrontDesk(
            both.runner,
            EquityStore(Database.in_memory()),
            market_data(both.runner),
            version="1",
            mode=Mode.TESTNET,
            max_bots=5,
        )
        both.shadow.down = True
        with pytest.raises(ExchangeUnavailable):
            await reconcile_all(both.runner)
        view = desk.engine()
        assert (view.mode, view.connected) == (Mode.TESTNET, True)
        assert [(each.mode, each.connected) for each in view.accounts] == [
            (Mode.TESTNET, True),
            (Mode.SHADOW, False),
        ]
        both.clock.advance(RECENT)
        assert {each.mode for each in await desk.assets()} == {Mode.TESTNET}, "what answers is shown"
        both.shadow.down = False
        books = both.runner.engine.state.bots[2].books
        held = {(each.mode, each.asset): each.in_bots for each in await desk.assets()}
        assert held[Mode.SHADOW, "AAA"] == books.base
        assert held[Mode.SHADOW, "USDT"] == books.cash
        both.exchange.down = True
        both.clock.advance(RECENT)
        with pytest.raises(ExchangeUnavailable):
            await desk.assets()


async def test_prices_come_from_the_first_account() -> None:
    async with two() as both:
        both.shadow.price(D(105))
        await both.runner.settled()
        assert both.runner.engine.state.tickers[SYMBOL].last == D(100), "a test environment is another market"
        both.exchange.price(D(101))
        await both.runner.settled()
        assert both.runner.engine.state.tickers[SYMBOL].last == D(101)


async def test_an_account_on_the_same_market_stands_in_for_prices_until_the_first_is_reached() -> None:
    clock = ManualClock(NOW)
    real, shadow = FakeExchange(clock, Mode.PRODUCTION), FakeExchange(clock)
    real.down = True
    async with bare([real, shadow], clock) as runner:
        with pytest.raises(ExchangeUnavailable):
            await runner.connect(Mode.PRODUCTION)
        await runner.connect(Mode.SHADOW)
        shadow.price(D(105))
        await runner.settled()
        assert runner.engine.state.tickers[SYMBOL].last == D(105)
        await runner.refresh([SYMBOL])
        real.down = False
        await runner.connect(Mode.PRODUCTION)
        await reconcile_all(runner)
        shadow.price(D(106))
        real.price(D(107))
        await runner.settled()
        assert runner.engine.state.tickers[SYMBOL].last == D(107)


async def test_a_mode_without_an_account_is_named() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    async with living(journal, clock=clock, limits=BOTH) as live:
        await live.start_bot()
        await live.settle()
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
        await live.until(lambda: not live.bot.live)
    exchange = FakeExchange(clock, Mode.TESTNET)
    async with bare([exchange], clock, journal) as runner:
        live = Live(runner, exchange, clock)
        await runner.connect()
        with pytest.raises(NoAccount, match="no account for shadow bots"):
            runner.account(Mode.SHADOW)
        desk = FrontDesk(
            runner, EquityStore(Database.in_memory()), market_data(runner), version="1", mode=Mode.TESTNET, max_bots=5
        )
        (problem,) = (await desk.plan(SPEC)).problems
        assert (problem.field, problem.accepted) == ("mode", "testnet")
        await runner.ask(ResumeBot(at=NOW, by="t", bot=1))
        await runner.settled()
        rejected = [each.event for each in live.outcomes if isinstance(each.event, OrderRejected)]
        assert {each.reason for each in rejected} == {RejectReason.UNAUTHORISED}
        assert (len(rejected), exchange.submits, live.bot.live) == (10, [], [])


async def test_orders_carry_the_tag_of_the_installation() -> None:
    clock = ManualClock(NOW)
    exchange = FakeExchange(clock)
    async with bare([exchange], clock, tag="ab12cd") as runner:
        await runner.connect()
        live = Live(runner, exchange, clock)
        await live.start_bot()
        await live.settle()
        assert exchange.submits[0] == "btab12cd-1-1-ib1"
        assert {each.partition("-")[0] for each in exchange.submits} == {"btab12cd"}
