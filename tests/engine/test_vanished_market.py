"""A bot whose market the exchange no longer lists: it harms nobody, trades nothing, and can be let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec

from data.events import PauseBot, ResumeBot, StartBot, StopBot
from data.journal import Journal
from data.market import Market, Ticker
from data.orders import Fill, RefusalCode
from data.values import Millis
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.core import Engine
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, OrderReport
from engine.exchanges.simulated import SimulatedExchange
from engine.recording import rebuild
from engine.runner import Runner, load_engine
from engine.state import freeze
from engine.views import BotStatus
from tests.engine.accounts.test_connection import attended
from tests.engine.fake_exchange import NOW, SPEC, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, Live, living

D = Decimal


class Shrinking(FakeExchange):
    """Lists its market until it is gone."""

    gone = False

    async def market(self, symbol: str) -> Market:
        """Return the market while it is listed."""
        if self.gone:
            raise MarketUnknown(symbol)
        return await super().market(symbol)


def status(live: Live) -> BotStatus:
    return live.bot.status


@asynccontextmanager
async def paused_and_gone() -> AsyncIterator[tuple[Live, Shrinking, Journal]]:
    """Start again with a paused bot that holds base, on an exchange that has dropped its market meanwhile."""
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Shrinking(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
        await live.until(lambda: not live.bot.live)
    exchange.gone = True
    exchange.submits.clear()
    runner = Runner(load_engine(journal, LIMITS), journal, [exchange], clock)
    await runner.start("t")
    try:
        await runner.connect()
        await reconcile_all(runner)
        yield Live(runner, exchange, clock), exchange, journal
    finally:
        await runner.stop()


async def test_resumed_it_waits_for_a_price_and_sends_nothing() -> None:
    async with paused_and_gone() as (live, exchange, journal):
        resumed = await live.runner.ask(ResumeBot(at=NOW, by="t", bot=1))
        assert resumed.problem == ""
        assert {each.code for each in resumed.refused} == {RefusalCode.PRICE_MISSING}
        assert len(resumed.refused) == 10
        for _ in range(3):
            before = live.runner.engine.state.sequence
            await reconcile_all(live.runner)
            await live.runner.settled()
            assert live.runner.engine.state.sequence == before, "waiting leaves nothing in the journal"
        assert exchange.submits == []
        assert live.runner.first.connected
        again = Engine(LIMITS)
        rebuild(again, journal.read())
        assert freeze(again.state) == freeze(live.runner.engine.state)


async def test_listed_again_it_goes_on_where_it_was() -> None:
    async with paused_and_gone() as (live, exchange, _):
        await live.runner.ask(ResumeBot(at=NOW, by="t", bot=1))
        exchange.gone = False
        await reconcile_all(live.runner)
        await live.settle()
        assert len(live.bot.live) == len(exchange.matching.orders(SYMBOL)) == 10
        assert live.bot.status is BotStatus.RUNNING


async def test_it_can_be_stopped_with_what_it_holds() -> None:
    async with paused_and_gone() as (live, exchange, _):
        base = live.bot.books.base
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=False))
        assert (live.bot.status, live.bot.stop_price) == (BotStatus.STOPPED, live.bot.start_price)
        assert live.bot.books.base == base > 0
        assert exchange.submits == []


async def test_a_sale_that_waits_for_a_price_which_never_comes_can_be_given_up() -> None:
    async with paused_and_gone() as (live, exchange, _):
        stopping = await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        assert [each.code for each in stopping.refused] == [RefusalCode.PRICE_MISSING]
        await reconcile_all(live.runner)
        await live.runner.settled()
        assert status(live) is BotStatus.STOPPING
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=False))
        assert status(live) is BotStatus.STOPPED
        assert live.bot.books.base > 0
        assert exchange.submits == []


class Fading(FakeExchange):
    """Still lists its market from memory, and tells no price of it any more."""

    faded = False

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price while there is one."""
        if self.faded:
            raise MarketUnknown(symbol)
        return await super().ticker(symbol)


async def test_a_market_that_is_gone_before_its_list_is_renewed_ends_no_comparison() -> None:
    clock = ManualClock(NOW)
    exchange = Fading(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.faded = True
        (report,) = await reconcile_all(live.runner)
        assert report.symbol == SYMBOL


@asynccontextmanager
async def two_bots(exchange: SimulatedExchange, clock: ManualClock) -> AsyncIterator[tuple[Runner, str, str]]:
    """Run bots on two markets of a simulated account, and name these."""
    journal = Journal.in_memory()
    runner = Runner(load_engine(journal, LIMITS), journal, [exchange], clock)
    await runner.start("t")
    try:
        await runner.connect()
        first, second = sorted(market.symbol for market in await exchange.markets() if not market.perpetual)[:2]
        for symbol in (first, second):
            await runner.watch(symbol)
            last, market = (await exchange.ticker(symbol)).last, await exchange.market(symbol)
            spec = msgspec.structs.replace(SPEC, symbol=symbol, lower=last * D("0.8"), upper=last * D("1.2"))
            assert not (await runner.ask(StartBot(at=NOW, by="t", spec=spec, market=market))).problem
        yield runner, first, second
    finally:
        await runner.stop()


class HalfGone(SimulatedExchange):
    """Drops one of its markets after telling that it lists it."""

    gone = ""

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return own executions on a market that is still there."""
        if symbol == self.gone:
            raise MarketUnknown(symbol)
        return await super().fills(symbol, since)


async def test_a_market_that_goes_during_a_comparison_keeps_no_other_from_being_compared() -> None:
    clock = ManualClock(NOW)
    exchange = HalfGone(clock=clock, balances={"USDT": D(10_000)}, seed=1)
    async with two_bots(exchange, clock) as (runner, first, second):
        exchange.gone = first
        reports = await reconcile_all(runner)
        assert [report.symbol for report in reports] == [second]
        assert runner.first.connected


class HalfSilent(SimulatedExchange):
    """Answers nothing about one of its markets."""

    silent = ""
    asked = 0

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return what rests, unless asked about the silent market."""
        self.asked += 1
        if symbol == self.silent:
            raise ExchangeUnavailable("that symbol cannot be answered for")
        return await super().open_orders(symbol)


async def test_a_market_that_does_not_answer_keeps_no_other_from_being_compared() -> None:
    clock = ManualClock(NOW)
    exchange = HalfSilent(clock=clock, balances={"USDT": D(10_000)}, seed=1)
    async with two_bots(exchange, clock) as (runner, first, second):
        exchange.silent = first
        reports = await reconcile_all(runner)
        assert [report.symbol for report in reports] == [second]
        assert runner.first.connected
        assert runner.first.interrupted.is_set(), "the silent market is looked at again soon"


async def test_a_market_that_does_not_answer_is_asked_about_ever_more_slowly() -> None:
    clock = ManualClock(NOW)
    exchange = HalfSilent(clock=clock, balances={"USDT": D(10_000)}, seed=1)
    async with two_bots(exchange, clock) as (runner, first, _), attended(runner):
        exchange.silent, exchange.asked = first, 0
        runner.first.interrupted.set()
        for _ in range(180):
            clock.advance(1_000)
            for _ in range(20):
                await asyncio.sleep(0)
        assert 8 < exchange.asked < 30, "each comparison asks about both markets"


class Unpriced(FakeExchange):
    """Tells no price, as of a halted market that nobody bids on."""

    quoting = True

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price while there is one."""
        if not self.quoting:
            raise ExchangeUnavailable(f"{symbol} has no bid or no ask")
        return await super().ticker(symbol)


async def test_the_books_of_a_market_without_a_price_are_compared() -> None:
    clock = ManualClock(NOW)
    exchange = Unpriced(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.quoting = False
        exchange.deaf = True
        exchange.price(D(93))
        (report,) = await reconcile_all(live.runner)
        assert report.symbol == SYMBOL
        assert live.bot.books.fills == 4
        assert live.runner.first.connected
