"""How often an exchange is asked when every bot asks for itself, and when all ask one market service."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import perf_counter, thread_time

import msgspec

from data.cache.metrics import KindMetrics
from data.events import TickerMoved
from data.market import Market, MarketKind, Ticker
from data.values import Mode
from engine.clock import SystemClock
from engine.exchanges.base import Exchange, Told
from engine.exchanges.ccxt_live import CcxtExchange
from engine.markets.service import MarketService
from tests.benchmarks.figures import Figure, Size, Target
from tests.benchmarks.loopback import KEY, SECRET, SYMBOLS, LoopbackExchange, loopback_exchange

BOTS, SECONDS = 20, 60.0
CYCLE_SECONDS, SLOW_CYCLES = 5.0, 6
"""Every bot looks at its price each cycle, and at everything else each so many of them."""
REDUCTION, HITS = Target(80, least=True), Target(85, least=True)


class Questions(msgspec.Struct, frozen=True):
    """What a bot and the agents that look after it want to know, each as a call."""

    price: Callable[[str], Awaitable[object]]
    bars: Callable[[str, str, int], Awaitable[object]]
    day: Callable[[MarketKind], Awaitable[object]]
    book: Callable[[str], Awaitable[object]]
    funding: Callable[[str], Awaitable[object]]
    interest: Callable[[str], Awaitable[object]]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What came of letting all bots ask for a while."""

    asked: int
    requests: int
    busy: float
    """Processor seconds."""
    resident: float
    """MiB."""
    hits: float = 0.0
    precision: float = 0.0
    prefetches: int = 0


async def look(market: Market, ask: Questions, cycle: int) -> int:
    """Ask what one bot asks in one cycle, and return how many questions those were."""
    await ask.price(market.symbol)
    if cycle % SLOW_CYCLES:
        return 1
    await ask.bars(market.symbol, "1m", 120)
    await ask.bars(market.symbol, "1h", 500)
    await ask.day(market.kind)
    await ask.book(market.symbol)
    if market.kind is MarketKind.SPOT:
        return 5
    await ask.funding(market.symbol)
    await ask.interest(market.symbol)
    return 7


async def _live(markets: Sequence[Market], ask: Questions, seconds: float) -> int:
    """Let every bot look once a cycle, none at the same moment as another."""

    async def bot(number: int) -> int:
        await asyncio.sleep(CYCLE_SECONDS * number / len(markets))
        asked, cycle, end = 0, number, begun + seconds
        while perf_counter() < end:
            asked += await look(markets[number], ask, cycle)
            cycle += 1
            await asyncio.sleep(CYCLE_SECONDS)
        return asked

    begun = perf_counter()
    return sum(await asyncio.gather(*(bot(number) for number in range(len(markets)))))


def _directly(exchange: Exchange) -> Questions:
    """Let every question go to the exchange, as a bot does that knows of no other."""
    return Questions(
        price=exchange.ticker,
        bars=exchange.candles,
        day=exchange.days,
        book=lambda symbol: exchange.book(symbol, 100),
        funding=exchange.funding_rate,
        interest=exchange.open_interest,
    )


def _served(service: MarketService) -> Questions:
    return Questions(
        price=service.ticker,
        bars=service.bars,
        day=service.days,
        book=service.book,
        funding=service.funding_rate,
        interest=service.open_interest,
    )


async def _run(exchange: LoopbackExchange, seconds: float, *, shared: bool) -> Ran:
    """Let all bots ask for a while: one service, or the exchange itself."""
    clock, tickers = SystemClock(), dict[str, Ticker]()
    venue = CcxtExchange(clock=clock, mode=Mode.TESTNET, key=KEY, secret=SECRET, urls=exchange.urls)
    await venue.open(lambda event: _note(tickers, event))
    service = MarketService(venue, clock, streamed=tickers.get, most_bytes=100_000_000)
    listed = [each for each in await venue.markets() if each.symbol in SYMBOLS]
    if shared:
        # As the engine does for the markets of its bots.
        await venue.subscribe(frozenset(SYMBOLS))
        service.start()
    chosen = [listed[number % len(listed)] for number in range(BOTS)]
    ask = _served(service) if shared else _directly(venue)
    # The first minute fills the memory; what is shown is how it goes on.
    await _live(chosen, ask, seconds)
    gc.collect()
    before, earlier, busy = exchange.requests(), service.metrics().total, thread_time()
    asked = await _live(chosen, ask, seconds)
    busy, requests, metrics = thread_time() - busy, exchange.requests() - before, _since(earlier, service)
    await service.stop()
    await venue.close()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    hits = {"hits": metrics.hit_rate + metrics.coalesced / max(1, metrics.asked), "precision": metrics.precision}
    return Ran(asked=asked, requests=requests, busy=busy, resident=resident, prefetches=metrics.prefetches, **hits)


def _since(earlier: KindMetrics, service: MarketService) -> KindMetrics:
    """Return what was counted since an earlier look."""
    names = ("hits", "misses", "coalesced", "prefetches", "prefetch_hits")
    total = service.metrics().total
    return KindMetrics(**{name: getattr(total, name) - getattr(earlier, name) for name in names})


def _note(tickers: dict[str, Ticker], event: Told) -> None:
    if isinstance(event, TickerMoved):
        tickers[event.ticker.symbol] = event.ticker


def measure(size: Size) -> Iterator[Figure]:
    """Let the same bots ask the same questions twice: each for itself, then all one service."""
    seconds = SECONDS if size is Size.FULL else 1.0
    with loopback_exchange() as exchange:
        naive, shared = (asyncio.run(_run(exchange, seconds, shared=each)) for each in (False, True))
    minute = 60 / seconds
    for name, ran in (("each bot for itself", naive), ("one service", shared)):
        yield Figure(name=f"questions, {name}", unit="1/min", values=(ran.asked * minute,))
        yield Figure(name=f"requests, {name}", unit="1/min", values=(ran.requests * minute,))
        yield Figure(name=f"processor, {name}", unit="ms/min", values=(ran.busy * 1_000 * minute,))
        yield Figure(name=f"resident at most, {name}", unit="MiB", values=(ran.resident,))
    fewer = 100 * (1 - shared.requests / max(1, naive.requests))
    full = size is Size.FULL
    yield Figure(name="requests saved", unit="%", values=(max(0.0, fewer),), target=REDUCTION if full else None)
    yield Figure(name="served without a request", unit="%", values=(100 * shared.hits,), target=HITS if full else None)
    yield Figure(name="asked ahead of need", unit="1/min", values=(shared.prefetches * minute,))
    yield Figure(name="of these used in time", unit="%", values=(100 * shared.precision,))
