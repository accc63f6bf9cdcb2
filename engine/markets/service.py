"""What may be asked about markets: answered from memory, from streams, or by one question however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import structlog

from data.bars import Bars
from data.cache.cache import Cache
from data.cache.metrics import CacheMetrics
from data.cache.words import Answer, Key
from data.market import MarketKind, Ticker
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.values import Millis
from engine.clock import Clock, SystemClock
from engine.exchanges.base import (
    CandleMoved,
    Channel,
    ChannelBroken,
    Exchange,
    ExchangeUnavailable,
    MarketUnknown,
    Observed,
)
from engine.markets.candles import Candles
from engine.markets.demand import Demand
from engine.markets.kinds import BOOK, DAYS, FUNDING_RATE, KINDS, OPEN_INTEREST, STATISTICS, TICKER, TRADES
from engine.statistics.description import MarketStatistics
from engine.statistics.service import Statistics

MOST_STREAMS = 200
HOURS = 1_500
"""Hourly bars that statistics are made of."""
TEND_SECONDS = 1.0
OBSERVE_AGAIN: Millis = 60_000
"""An exchange that was connected anew has forgotten what is streamed; it is told again so often."""
PREFETCHED = 4
"""Questions asked ahead of need in one round."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Stale(ExchangeUnavailable):
    """The exchange does not answer; ``answer`` is the last thing known, true ``age`` milliseconds ago."""

    def __init__(self, answer: Answer[Any], age: Millis, reason: str) -> None:
        """Say how old what is known is, and why nothing newer is."""
        super().__init__(f"{reason}; what is known is {age / 1000:.0f} s old")
        self.answer, self.age = answer, age


class MarketService:
    """Serves agents, commands, charts and plans; what it serves is dated, and never older than its kind allows.

    Every method raises ``ExchangeUnavailable`` when there is no answer, as ``Stale`` when an older one is known, and
    ``MarketUnknown``. Values are shared: nobody may change them.
    """

    def __init__(
        self,
        exchange: Exchange,
        clock: Clock,
        *,
        streamed: Callable[[str], Ticker | None],
        most_bytes: int,
        prefetch: bool = True,
        compress: bool = True,
        record: Callable[[Key, int], None] | None = None,
    ) -> None:
        """Ask ``exchange``. ``streamed`` returns the ticker of a market that the engine follows.

        ``most_bytes`` bounds all memory of the answers; ``record`` hears of every access and its size.
        """
        self._exchange, self._clock, self._streamed = exchange, clock, streamed
        self._cache = Cache(
            KINDS, now=clock.now, most_bytes=most_bytes, compress=compress, prefetch=prefetch, record=record
        )
        self._candles = Candles(exchange, self._cache, clock)
        self._demand = Demand(MOST_STREAMS)
        # Processes live in real time, whatever the engine's clock does.
        self._statistics = Statistics(SystemClock())
        self._wanted: frozenset[Channel] = frozenset()
        self._channels: frozenset[Channel] = frozenset()
        self._observed_at: Millis = clock.now()
        self._task: asyncio.Task[None] | None = None

    # -- life

    def start(self) -> None:
        """Keep streams and answers ahead of need from here on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="market service")

    async def stop(self) -> None:
        """End it, with its streams."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._statistics.close()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(TEND_SECONDS)
            try:
                await self.tend()
            except Exception:
                # Whatever goes wrong here costs speed, never an answer.
                log.exception("market_service_round_failed")

    async def tend(self) -> None:
        """Stream what is wanted often, no longer stream what is not, and ask for what will be wanted soon."""
        now = self._clock.now()
        wanted = self._demand.wanted(now)
        if wanted != self._wanted or now - self._observed_at >= OBSERVE_AGAIN:
            try:
                self._channels = await self._exchange.observe(wanted, self._observed)
                self._wanted, self._observed_at = wanted, now
            except ExchangeUnavailable as error:
                log.warning("channels_unavailable", reason=str(error))
            except MarketUnknown as error:
                # Gone since it was asked for: it must not keep the others from being streamed.
                self._demand.forget(error.symbol)
        for key in self._cache.due(self._clock.now())[:PREFETCHED]:
            try:
                await self._cache.refresh(key, partial(self._ask, key))
            except (ExchangeUnavailable, MarketUnknown):
                return  # whoever needs it will ask, and be told why there is nothing

    # -- questions

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices, not older than five seconds."""
        key, known = Key(TICKER, symbol), self._streamed(symbol)
        if known is not None:
            self._cache.put(key, known, known.at)
        answer: Answer[Ticker] = await self._get(key)
        return answer.value

    async def bars(self, symbol: str, timeframe: str, count: int, oldest: Millis | None = None) -> Answer[Bars]:
        """Return the newest ``count`` bars, the unfinished one last, no older than ``oldest`` where that is given.

        Raises ValueError for a timeframe or count that cannot be.
        """
        try:
            answer = await self._candles.bars(symbol, timeframe, count, oldest)
        except ExchangeUnavailable as error:
            raise self._stale(self._candles.known(symbol, timeframe, count), error) from error
        self._demand.use(Channel("candles", symbol, timeframe), self._clock.now())
        return answer

    async def days(self, kind: MarketKind) -> Answer[Mapping[str, Day]]:
        """Return the last 24 hours of every market of a kind."""
        return await self._get(Key(DAYS, "", kind.value))

    async def book(self, symbol: str, depth: int = 100) -> Answer[Book]:
        """Return the best ``depth`` levels of both sides."""
        return await self._get(Key(BOOK, symbol, str(depth)))

    async def trades(self, symbol: str, limit: int = 100) -> Answer[tuple[PublicTrade, ...]]:
        """Return the newest trades between others, oldest first."""
        return await self._get(Key(TRADES, symbol, str(limit)))

    async def funding_rate(self, symbol: str) -> Answer[FundingRate]:
        """Return what longs of a perpetual will pay at the next settlement. Raises ``NotPossible`` on spot."""
        return await self._get(Key(FUNDING_RATE, symbol))

    async def open_interest(self, symbol: str) -> Answer[OpenInterest]:
        """Return the size of all open positions of a perpetual. Raises ``NotPossible`` on spot."""
        return await self._get(Key(OPEN_INTEREST, symbol))

    def metrics(self) -> CacheMetrics:
        """Return how well memory serves."""
        return self._cache.metrics()

    async def statistics(self, symbol: str) -> Answer[MarketStatistics]:
        """Return what two months of hourly bars say about a market.

        Raises also ``TooFewBars`` for a young market, and ``StatisticsUnavailable``.
        """
        return await self._get(Key(STATISTICS, symbol))

    @property
    def channels(self) -> frozenset[Channel]:
        """Return what is streamed, besides the tickers that the engine follows."""
        return self._channels

    # -- within

    async def _get(self, key: Key) -> Answer[T]:
        try:
            return await self._cache.get(key, partial(self._ask, key))
        except ExchangeUnavailable as error:
            raise self._stale(self._cache.peek(key), error) from error

    def _stale(self, known: Answer[T] | None, error: ExchangeUnavailable) -> ExchangeUnavailable:
        if known is None or isinstance(error, Stale):
            return error
        return Stale(known, known.age(self._clock.now()), str(error))

    def _ask(self, key: Key) -> Awaitable[Any]:
        exchange, symbol, detail = self._exchange, key.subject, key.detail
        match key.kind:
            case "ticker":
                return exchange.ticker(symbol)
            case "days":
                return exchange.days(MarketKind(detail))
            case "book":
                return exchange.book(symbol, int(detail))
            case "trades":
                return self._trades(symbol, int(detail))
            case "funding_rate":
                return exchange.funding_rate(symbol)
            case "open_interest":
                return exchange.open_interest(symbol)
            case "statistics":
                return self._describe(symbol)
            case "candles":
                return self._candles.refreshed(symbol, detail)
            case kind:
                raise AssertionError(f"{kind} is not asked for here")

    async def _trades(self, symbol: str, limit: int) -> tuple[PublicTrade, ...]:
        return tuple(await self._exchange.trades(symbol, limit))

    async def _describe(self, symbol: str) -> MarketStatistics:
        bars = (await self.bars(symbol, "1h", HOURS)).value
        # The bar that is unfinished would count as one of little movement.
        return await self._statistics.of(bars.part(stop=-1))

    def _observed(self, news: Observed) -> None:
        match news:
            case CandleMoved():
                self._candles.moved(news)
            case ChannelBroken():
                self._candles.broken(news)
            case _:
                pass  # books and trades are not streamed: nobody wants them often enough
