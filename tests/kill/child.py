"""The engine as it is composed in production, in a process that dies at an instant it was told.

It opens the journal, rebuilds, connects, reconciles and trades until it is killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from data.advice import Advice, OrdersAdvised
from data.database import Database
from data.events import AdvicePosted, StartBot
from data.grids import GridSpec, Spacing
from data.market import Candle, Market, Ticker
from data.orders import Fill, OrderStatus
from data.values import ONE, Millis, Mode
from engine.accounts.reconcile import reconcile
from engine.core import Engine
from engine.exchanges.base import (
    Accepted,
    Balance,
    Emit,
    ExchangeUnavailable,
    OrderReport,
    Rejected,
    SpotOnly,
    Submitted,
)
from engine.risk import Approved, RiskLimits
from engine.runner import Runner, load_engine, save_checkpoint
from engine.state import freeze
from tests.engine.blind import Blind
from tests.kill import wire
from tests.kill.exchange import SYMBOL
from tests.kill.nursery import rear
from tests.kill.reaper import MortalJournal, Orders, Reaper

T = TypeVar("T")
LIMITS = RiskLimits(max_total_exposure=Decimal(20_000), stale_millis=1 << 50)
EPOCH: Millis = 1_700_000_000_000


class RemoteExchange(SpotOnly, Blind):
    """The exchange in the other process."""

    name = "kill"
    mode = Mode.SHADOW

    def __init__(self, port: int, reaper: Reaper) -> None:
        self._port, self._reaper = port, reaper
        self._number = 0
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self.now: Millis = EPOCH

    async def open(self, emit: Emit) -> None:
        """Connect."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 26)
        self._task = asyncio.get_running_loop().create_task(self._read(reader, emit))

    async def close(self) -> None:
        """Never happens: the process is killed."""

    async def _read(self, reader: asyncio.StreamReader, emit: Emit) -> None:
        while line := await reader.readline():
            heard = wire.heard(line)
            if isinstance(heard, wire.Push):
                emit(heard.event)
            else:
                self._waiting.pop(heard.number).set_result(heard.body)
        os.kill(os.getpid(), signal.SIGKILL)  # the test is over

    async def call(self, call: wire.Call, kind: type[T]) -> T:
        """Ask and wait for the answer."""
        if self._writer is None:
            raise ExchangeUnavailable("not connected")
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self._writer.write(msgspec.json.encode(wire.Request(self._number, call)) + b"\n")
        return msgspec.json.decode(await future, type=kind)

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, perhaps dying before or after."""
        self._reaper.pass_by("before_submit")
        # The two answers have no tag of their own: only a rejection says why.
        body = await self.call(wire.Submit(order.draft), dict[str, str])
        self._reaper.pass_by("after_submit")
        if "reason" in body:
            return msgspec.convert(body, Rejected)
        return msgspec.convert(body, Accepted)

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off."""
        await self.call(wire.Cancel(client_id), bool)

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Ask for one order."""
        found = await self.call(wire.Query(client_id), list[OrderReport] | OrderReport | None)  # type: ignore[arg-type]
        return found if isinstance(found, OrderReport) else None

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Ask for what rests."""
        return await self.call(wire.OpenOrders(), list[OrderReport])

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Ask for executions."""
        return await self.call(wire.Fills(since), list[Fill])

    async def balances(self) -> Sequence[Balance]:
        """Ask for what is held."""
        return await self.call(wire.Balances(), list[Balance])

    async def ticker(self, symbol: str) -> Ticker:
        """Ask for prices; the exchange's time is the only one there is."""
        ticker = await self.call(wire.Quote(), Ticker)
        self.now = ticker.at
        return ticker

    async def markets(self) -> Sequence[Market]:
        """Ask for the market."""
        return [await self.market(SYMBOL)]

    async def market(self, symbol: str) -> Market:
        """Ask for the market."""
        return await self.call(wire.ListMarket(), Market)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return nothing: nobody here draws."""
        return ()

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Do nothing: the ticker comes anyway."""

    async def clock_skew(self) -> int:
        """Return 0."""
        return 0


class ExchangeClock:
    """The exchange's time, as last heard; waiting is real."""

    def __init__(self, exchange: RemoteExchange) -> None:
        self._exchange = exchange

    def now(self) -> Millis:
        """Return the instant last heard."""
        return self._exchange.now

    async def sleep(self, seconds: float) -> None:
        """Wait, a hundred times faster."""
        await asyncio.sleep(seconds / 100)


async def live(orders: Orders) -> None:
    """Start, which is to recover; report; trade on."""
    reaper = Reaper(orders)
    journal = MortalJournal(Database(Path(orders.home) / "batuta.sqlite"))
    journal.reaper = reaper
    exchange = RemoteExchange(orders.port, reaper)
    engine: Engine = load_engine(journal, LIMITS)
    runner = Runner(engine, journal, [exchange], ExchangeClock(exchange))
    await runner.start("kill")
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.wait())  # whatever ends the engine ends the process
        group.create_task(trade(runner, exchange, orders.seed))


async def trade(runner: Runner, exchange: RemoteExchange, seed: int) -> None:
    """Reconcile, report, and do what the scheduler does in production, faster."""
    state = runner.engine.state
    await runner.connect()
    await runner.watch(SYMBOL, 10**9)
    await reconcile(runner, SYMBOL, Mode.SHADOW)
    if not state.bots:
        market = await exchange.market(SYMBOL)
        await runner.ask(StartBot(at=exchange.now, by="test", plan="the-plan", spec=SPEC, market=market))
    chance = random.Random(seed)
    if chance.random() < 0.5:
        save_checkpoint(runner)
    await report(runner, exchange, seed)
    while True:
        await asyncio.sleep(chance.uniform(0.005, 0.05))
        await reconcile(runner, SYMBOL, Mode.SHADOW)
        for bot in state.bots.values():
            runner.post(advice(bot.id, runner.clock.now()))
        if chance.random() < 0.2:
            await runner.settled()
            save_checkpoint(runner)
        if chance.random() < 0.1:
            await report(runner, exchange, seed)


async def report(runner: Runner, exchange: RemoteExchange, seed: int) -> None:
    """Let the market stand still, take in what is on its way, and say what the books say."""
    state = runner.engine.state
    await exchange.call(wire.Freeze(), type(None))
    unsure = (OrderStatus.INTENDED, OrderStatus.UNKNOWN, OrderStatus.CANCELLING)
    before = -1
    while state.sequence != before or any(order.status in unsure for order in state.orders.values()):
        before = state.sequence
        await asyncio.sleep(0.001)
        # Whatever was pushed before comes before the answer; and a slot may wait for just this tick.
        await runner.refresh([SYMBOL])
    trades = [fill.trade_id for fill in runner.journal.fills(None, 1_000_000)]
    await exchange.call(wire.Report(freeze(state).decode(), trades, seed), type(None))


def advice(bot: int, now: Millis) -> AdvicePosted:
    """Return the grid agent's advice to decide again."""
    said = Advice(
        agent="grid", what=OrdersAdvised(bot=bot), confidence=ONE, reason="test", evidence={}, expires_at=now + 60_000
    )
    return AdvicePosted(at=now, advice=said)


SPEC = GridSpec(
    symbol=SYMBOL,
    lower=Decimal(90),
    upper=Decimal(110),
    levels=41,
    spacing=Spacing.ARITHMETIC,
    investment=Decimal(10_000),
)


if __name__ == "__main__":
    rear(live)
