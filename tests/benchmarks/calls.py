"""How often an exchange is asked when every bot and agent asks for itself, and when all ask one market service."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import msgspec
import structlog

from chatbot.app import App
from chatbot.folders import Folders
from chatbot.platform import Platform
from config.schema import Settings
from data.bars import Bars, bars_of
from data.cache.metrics import KindMetrics
from data.cache.words import Answer, Key, Record
from data.events import StartBot
from data.market import Market, MarketKind, Ticker
from data.values import Millis, Mode
from engine.clock import SystemClock
from engine.exchanges.ccxt_live import CcxtExchange
from engine.markets.service import MarketService
from engine.views import BotStatus
from scheduler.registry import JobContext
from tests.benchmarks.figures import Figure, Size, Target
from tests.benchmarks.loopback import KEY, SECRET, SYMBOLS, LoopbackExchange, loopback_exchange
from tests.soak.exchange import specs

BOTS, SECONDS = 20, 60.0
CYCLE_SECONDS, SLOW_CYCLES = 5.0, 6
"""Every bot looks at its price each cycle, and at everything else each so many of them."""
REDUCTION, HITS = Target(80, least=True), Target(85, least=True)
SETTLING = 60.0
"""Seconds until all bots must be at work."""
_ABOUT_MARKETS = re.compile(
    r"GET /f?api/v\d/(ticker/|klines|depth|trades|aggTrades|avgPrice|premiumIndex|openInterest|fundingInfo)"
)
SETTINGS = {
    "operation_mode": "testnet",
    "exchange": {"name": "binance"},
    "grid": {"spot": {"min_order_size_usd": 0}},
    "trading": {"max_concurrent_pairs": 40},
    # Whatever is traded here passes the screen, so that every market without a bot is looked at closely.
    "pair_selection": {
        "enabled": True, "min_volume_usd_24h": 1, "min_atr_perc_24h": 0, "max_adx": 100, "max_spread_perc": 100,
        "update_interval_hours": 1,
        "spot_pairs": {"min_liquidity_depth": 1}, "futures_pairs": {"min_open_interest_usd": 1},
    },
    "risk_management": {
        "max_bots": 1_000, "max_open_orders": 100_000, "max_orders_per_minute": 100_000,
        "max_order_notional": 10**9, "max_total_exposure": 10**9, "max_drawdown_perc": 100,
        "max_daily_loss_perc": 100,
        "spot_risk": {"max_asset_allocation_perc": 100, "min_stable_balance_perc": 0},
    },
    "chat": {"console": {"enabled": False}},
}  # fmt: skip


class Unserved(MarketService):
    """Passes every question straight to the exchange, as if nobody else had ever asked."""

    asked = 0

    async def ticker(self, symbol: str) -> Ticker:
        """Ask for the best prices."""
        self.asked += 1
        return await self._exchange.ticker(symbol)

    async def bars(self, symbol: str, timeframe: str, count: int, oldest: Millis | None = None) -> Answer[Bars]:
        """Ask for bars."""
        self.asked += 1
        at = self._clock.now()
        return Answer(bars_of(await self._exchange.candles(symbol, timeframe, count)), at, at)

    async def tend(self) -> None:
        """Stream nothing, ask for nothing ahead."""

    async def _get(self, key: Key, oldest: Millis | None = None) -> Answer[Any]:
        self.asked += 1
        at = self._clock.now()
        return Answer(await self._ask(key), at, at)


class Whole(App):
    """The program as it is composed, with one market service for all, or with none."""

    def __init__(self, home: Path, exchange: LoopbackExchange, *, shared: bool) -> None:
        """Put everything together below ``home``."""
        self._shared, self.looks, clock = shared, 0, SystemClock()
        # Without the service, nobody's questions profit from the prices that the engine streams for its bots.
        venue, self.apart = (
            CcxtExchange(clock=clock, mode=Mode.TESTNET, key=KEY, secret=SECRET, urls=exchange.urls) for _ in range(2)
        )
        super().__init__(Settings.model_validate(SETTINGS), Folders(home), [venue], clock, announce=lambda _: None)

    async def start(self, platforms: Sequence[Platform]) -> None:
        """Start everything."""
        await self.apart.open(lambda _: None)
        await super().start(platforms)

    async def stop(self) -> None:
        """Close everything."""
        await super().stop()
        await self.apart.close()

    def _make_data(self, record: Record | None = None) -> MarketService:
        if self._shared:
            return super()._make_data(record)
        return Unserved(self.apart, self.clock, streamed=lambda _: None, most_bytes=1 << 20, prefetch=False)

    def _job_context(self) -> JobContext:
        context = super()._job_context()

        async def tick(agent: str) -> None:
            self.looks += 1
            await context.tick_agent(agent)

        return msgspec.structs.replace(context, tick_agent=tick)

    def asked(self) -> int:
        """Return how often anybody asked about a market so far."""
        data = self.data
        return data.asked if isinstance(data, Unserved) else data.metrics().total.asked


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What came of letting all bots and agents ask for a while."""

    asked: int
    requests: int
    """About markets."""
    others: int
    """About orders, money and the exchange itself."""
    looks: int
    """Of agents."""
    busy: float
    """Processor seconds."""
    resident: float
    """MiB at the end, the exchange of the test included."""
    metrics: KindMetrics
    precision: float
    """Share of what was asked ahead since the start that was used in time."""


async def look(market: Market, ask: MarketService, cycle: int) -> None:
    """Ask what one bot's chart and indicators ask in one cycle."""
    await ask.ticker(market.symbol)
    if cycle % SLOW_CYCLES:
        return
    await ask.bars(market.symbol, "1m", 120)
    await ask.bars(market.symbol, "1h", 500)
    await ask.days(market.kind)
    await ask.book(market.symbol)
    if market.kind is MarketKind.PERPETUAL:
        await ask.funding_rate(market.symbol)
        await ask.open_interest(market.symbol)


async def _live(markets: Sequence[Market], ask: MarketService, seconds: float) -> None:
    """Let every bot look once a cycle, none at the same moment as another."""

    async def bot(number: int) -> None:
        await asyncio.sleep(CYCLE_SECONDS * number / len(markets))
        cycle, end = number, begun + seconds
        while perf_counter() < end:
            await look(markets[number], ask, cycle)
            cycle += 1
            await asyncio.sleep(CYCLE_SECONDS)

    begun = perf_counter()
    await asyncio.gather(*(bot(number) for number in range(len(markets))))


async def _run(exchange: LoopbackExchange, home: Path, bots: int, seconds: float, *, shared: bool) -> Ran:
    """Let bots trade, agents look, and both ask about their markets: one service, or the exchange itself."""
    app = Whole(home, exchange, shared=shared)
    await app.start([])
    await app.ready.wait()
    try:
        markets = await _start_bots(app, bots)
        # The first minute fills the memory; what is shown is how it goes on.
        await _live(markets, app.data, seconds)
        gc.collect()
        before, asked, looks = exchange.requests(), app.asked(), app.looks
        earlier, busy = app.data.metrics().total, thread_time()
        await _live(markets, app.data, seconds)
        busy, calls = thread_time() - busy, exchange._server.calls[before:]
        about = sum(_ABOUT_MARKETS.match(each) is not None for each in calls)
        return Ran(
            asked=app.asked() - asked, requests=about, others=len(calls) - about, looks=app.looks - looks, busy=busy,
            resident=_resident(), metrics=_since(earlier, app.data),
            precision=app.data.metrics().total.precision,
        )  # fmt: skip
    finally:
        await app.stop()


async def _start_bots(app: App, bots: int) -> list[Market]:
    """Start so many grids on the ten markets, and wait until they are at work; return the market of each."""
    markets, state = [], app.runner.engine.state
    for spec in [each for each in specs(BOTS + 3) if each.symbol in SYMBOLS][-bots:]:
        plan = await app.desk.plan(spec)
        outcome = await app.desk.ask(StartBot(at=app.clock.now(), by="measured", spec=spec, market=plan.market))
        if outcome.problem:
            raise ValueError(f"{spec.symbol}: {outcome.problem}")
        markets.append(plan.market)
    async with asyncio.timeout(SETTLING):
        while any(bot.status is not BotStatus.RUNNING for bot in state.bots.values()):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.05)
    return markets


def _since(earlier: KindMetrics, service: MarketService) -> KindMetrics:
    """Return what was counted since an earlier look."""
    names = ("hits", "misses", "coalesced", "prefetches")
    total = service.metrics().total
    return KindMetrics(**{name: getattr(total, name) - getattr(earlier, name) for name in names})


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _measured(bots: int, seconds: float, *, shared: bool) -> Ran:
    # Each side has an exchange of its own: what one leaves on the account would be a stranger's to the other.
    with loopback_exchange() as exchange, tempfile.TemporaryDirectory() as home:
        return asyncio.run(_run(exchange, Path(home), bots, seconds, shared=shared))


def measure(size: Size) -> Iterator[Figure]:
    """Let the same bots and agents ask the same questions twice: each for itself, then all one service."""
    full = size is Size.FULL
    bots, seconds = (BOTS, SECONDS) if full else (3, 1.0)
    with structlog.testing.capture_logs():
        naive, shared = (_measured(bots, seconds, shared=each) for each in (False, True))
    minute = 60 / seconds
    for name, ran in (("each for itself", naive), ("one service", shared)):
        yield Figure(name=f"questions about markets, {name}", unit="1/min", values=(ran.asked * minute,))
        yield Figure(name=f"requests about markets, {name}", unit="1/min", values=(ran.requests * minute,))
        yield Figure(name=f"other requests, {name}", unit="1/min", values=(ran.others * minute,))
        yield Figure(name=f"looks of agents, {name}", unit="1/min", values=(ran.looks * minute,))
        yield Figure(name=f"processor, {name}", unit="ms/min", values=(ran.busy * 1_000 * minute,))
        yield Figure(name=f"resident, {name}", unit="MiB", values=(ran.resident,))
    fewer, served = 100 * (1 - shared.requests / max(1, naive.requests)), shared.metrics
    yield Figure(name="requests saved", unit="%", values=(max(0.0, fewer),), target=REDUCTION if full else None)
    hits = 100 * (served.hit_rate + served.coalesced / max(1, served.asked))
    yield Figure(name="served without a request", unit="%", values=(hits,), target=HITS if full else None)
    yield Figure(name="asked ahead of need", unit="1/min", values=(served.prefetches * minute,))
    yield Figure(name="of all asked ahead, used in time", unit="%", values=(100 * shared.precision,))
