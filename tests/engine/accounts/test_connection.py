"""Accounts that come and go: tried until they answer, compared again after every interruption, once for many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from data.values import Mode
from engine.accounts.connection import LONGEST_PAUSE, attend, reach_first
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.exchanges.base import OrderReport, StreamRestored
from engine.runner import Runner
from engine.views import BotStatus
from tests.engine.fake_exchange import NOW, SYMBOL, FakeExchange
from tests.engine.live import Live, living
from tests.engine.test_accounts import bare

D = Decimal


class Counting(FakeExchange):
    """Counts comparisons, and how many are under way at once."""

    looks = 0
    at_once = 0
    most_at_once = 0

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return what rests, after a while."""
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        self.at_once -= 1
        return await super().open_orders(symbol)


@asynccontextmanager
async def attended(runner: Runner) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(attend(runner, account)) for account in runner.accounts.values()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_account_is_enough_to_begin_and_the_other_is_reached_later() -> None:
    clock = ManualClock(NOW)
    first, second = FakeExchange(clock, Mode.TESTNET), FakeExchange(clock)
    first.down = True
    async with bare([first, second], clock) as runner:
        await reach_first(runner)
        live = Live(runner, first, clock)
        assert [account.connected for account in runner.accounts.values()] == [False, True]
        async with attended(runner):
            await live.pass_time(30)
            assert not runner.first.connected
            first.down = False
            await live.pass_time(int(LONGEST_PAUSE))
            assert runner.first.connected


async def test_without_any_account_the_engine_keeps_trying() -> None:
    clock = ManualClock(NOW)
    exchange = FakeExchange(clock)
    exchange.down = True
    async with bare([exchange], clock) as runner:
        live = Live(runner, exchange, clock)
        reaching = asyncio.create_task(reach_first(runner))
        await live.pass_time(100)
        assert not reaching.done()
        exchange.down = False
        await live.pass_time(int(LONGEST_PAUSE))
        assert await reaching == ()
        assert runner.first.connected


async def test_an_interruption_leads_to_one_comparison_however_often_it_is_told() -> None:
    clock = ManualClock(NOW)
    exchange = Counting(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.deaf = True
        exchange.price(D(93))
        exchange.deaf = False
        exchange.looks = 0
        async with attended(live.runner):
            for _ in range(10):
                live.runner.post(StreamRestored(mode=Mode.SHADOW))
            await live.until(lambda: live.bot.books.fills == 4)
            await live.pass_time(1)
            assert exchange.looks == 1
            live.runner.post(StreamRestored(mode=Mode.SHADOW))
            await live.until(lambda: exchange.at_once == 1)
            for _ in range(10):
                live.runner.post(StreamRestored(mode=Mode.SHADOW))
            await live.until(lambda: exchange.looks == 3)
            await live.settle()
        assert (exchange.looks, exchange.most_at_once) == (3, 1), "what was told meanwhile is looked at once more"


async def test_a_difference_is_judged_before_the_next_round() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.stolen = D("0.5")
        async with attended(live.runner):
            await reconcile_all(live.runner)
            await live.pass_time(10)
            early = live.bot.status
            await live.pass_time(30)
            assert (early, live.bot.status) == (BotStatus.RUNNING, BotStatus.PAUSED), "balances may lag for a moment"


async def test_a_comparison_that_fails_is_made_again_before_the_next_round() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        async with attended(live.runner):
            live.exchange.down = True
            live.runner.post(StreamRestored(mode=Mode.SHADOW))
            await live.pass_time(5)
            assert not live.runner.first.connected
            live.exchange.deaf = True
            live.exchange.price(D(93))
            live.exchange.deaf = live.exchange.down = False
            await live.pass_time(10)
            assert live.runner.first.connected
            assert live.bot.books.fills == 4
            assert SYMBOL in live.runner.watched()
