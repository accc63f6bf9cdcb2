"""A real runner over the fake exchange, with a clock that moves only when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from data.events import StartBot
from data.journal import Journal
from data.orders import OrderStatus
from data.values import Mode
from engine.accounts.reconcile import reconcile
from engine.clock import ManualClock
from engine.markets.service import MarketService
from engine.outcome import Outcome
from engine.risk import RiskLimits
from engine.runner import Runner, load_engine
from engine.state import Bot
from tests.engine.fake_exchange import NOW, SPEC, FakeExchange

LIMITS = RiskLimits(stale_millis=1 << 50)


def market_data(runner: Runner) -> MarketService:
    """Return a market service over the first exchange of a runner."""
    tickers = runner.engine.state.tickers
    return MarketService(runner.exchange, runner.clock, streamed=tickers.get, most_bytes=10_000_000)


class Live:
    """One running engine and what it talks to."""

    def __init__(self, runner: Runner, exchange: FakeExchange, clock: ManualClock) -> None:
        self.runner, self.exchange, self.clock = runner, exchange, clock
        self.outcomes: list[Outcome] = []
        runner.observers.append(self.outcomes.append)

    @property
    def bot(self) -> Bot:
        """Return the only bot."""
        return self.runner.engine.state.bots[1]

    def statuses(self) -> set[OrderStatus]:
        """Return the statuses of all live orders."""
        return {order.status for order in self.runner.engine.state.orders.values()}

    async def start_bot(self, mode: Mode = Mode.SHADOW, leverage: int = 1) -> Outcome:
        """Start the usual grid."""
        market = self.exchange.traded
        await self.runner.watch(market.symbol)
        spec = msgspec.structs.replace(SPEC, symbol=market.symbol, mode=mode, leverage=leverage)
        return await self.runner.ask(StartBot(at=self.clock.now(), by="t", spec=spec, market=market))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let everybody work until ``condition`` holds."""
        for _ in range(2_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("this never came true")

    async def settle(self) -> None:
        """Let everybody work until all orders rest or are gone."""
        await self.until(lambda: self.statuses() <= {OrderStatus.OPEN} and not self.runner.waiting)

    async def pass_time(self, seconds: int) -> None:
        """Let time pass, a second at a time."""
        for _ in range(seconds):
            self.clock.advance(1_000)
            for _ in range(20):
                await asyncio.sleep(0)


@asynccontextmanager
async def living(
    journal: Journal | None = None,
    exchange: FakeExchange | None = None,
    clock: ManualClock | None = None,
    limits: RiskLimits = LIMITS,
    others: Sequence[FakeExchange] = (),
) -> AsyncIterator[Live]:
    """Start an engine from ``journal`` as the program does, reconcile, and stop it in the end."""
    clock = clock or ManualClock(NOW)
    exchange = exchange or FakeExchange(clock)
    journal = journal or Journal.in_memory()
    runner = Runner(load_engine(journal, limits), journal, [exchange, *others], clock)
    live = Live(runner, exchange, clock)
    await runner.start("test")
    try:
        await runner.connect()
        for symbol in sorted(runner.watched()):
            await reconcile(runner, symbol, exchange.mode)
        yield live
    finally:
        await runner.stop()
