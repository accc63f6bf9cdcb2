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
from data.cache.words import Answer, Key, Record
from data.market import MarketKind, Ticker
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.values import Millis
from engine.clock import Clock, SystemClock
from engine.exchanges.base import Channel, Exchange, ExchangeUnavailable, MarketUnknown, NotPossible
from engine.exchanges.live_prices import FRESH
from engine.markets.candles import Candles
from engine.markets.kinds import (
    BOOK,
    DAYS,
    FUNDING_RATE,
    KINDS,
    OPEN_INTEREST,
    STATISTICS,
    TICKER,
    TRADES,
)
from engine.markets.streams import MOST_LEVELS, MOST_TRADES, Dated, Streams
from engine.statistics.description import MarketStatistics
from engine.statistics.service import Statistics

HOURS = 1_500
"""Hourly bars that statistics are made of."""
TEND_SECONDS = 1.0
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
        longest: Millis | None = None,
        prefetch: bool = True,
        compress: bool = True,
        record: Record | None = None,
    ) -> None:
        """Ask ``exchange``. ``streamed`` returns the ticker of a market that the engine follows.

        ``most_bytes`` bounds all memory of the answers, besides the few MiB that streams keep; none of the exchange's
        is served when it is older than ``longest``, nor than its kind allows. ``record`` hears of every access and its
        size.
        """
        kinds = [each if longest is None or each.name == STATISTICS else each.within(longest) for each in KINDS]
        self._exchange, self._clock, self._followed = exchange, clock, streamed
        self._cache = Cache(
            kinds, now=clock.now, most_bytes=most_bytes, compress=compress, prefetch=prefetch, record=record
        )
        self._candles = Candles(exchange, self._cache, clock)
        self._streams = Streams(exchange, self._candles, clock)
        # Processes live in real time, whatever the engine's clock does.
        self._statistics = Statistics(SystemClock())
        self._task: asyncio.Task[None] | None = None

    # -- life

    def start(self) -> None:
        """Keep streams and answers ahead of need from here on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="market service")

    async def stop(self) -> None:
        """End it; what is streamed ends with the exchange."""
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
        await self._streams.tend()
        asked = 0
        for key in self._cache.due(self._clock.now()):
            try:
                await self._cache.refresh(key, partial(self._ask, key))
            except ExchangeUnavailable:
                return  # whoever needs it will ask, and be told why there is nothing
            except (MarketUnknown, NotPossible):
                continue  # this one never comes; it must not keep the others waiting
            asked += 1
            if asked == PREFETCHED:
                return

    # -- questions

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices, by their own date not older than five seconds where the exchange answers.

        Besides answers kept here, two keep a ticker each: the engine, that every step sees the same one without
        waiting, and the adapter, which puts it together from messages that tell a part of it. Both last as long.
        """
        key, known, now = Key(TICKER, symbol), self._followed(symbol), self._clock.now()
        if known is not None and known.at <= now:  # later: dated by a clock that was set back since
            self._cache.put(key, known, known.at)
        answer: Answer[Ticker] = await self._get(key)
        if answer.at < now and not 0 <= now - answer.value.at <= FRESH:
            # The adapter had been told it some seconds before it was asked.
            answer = await self._get(key, oldest=0)
        return answer.value

    async def bars(self, symbol: str, timeframe: str, count: int, oldest: Millis | None = None) -> Answer[Bars]:
        """Return the newest ``count`` bars, the unfinished one last, no older than ``oldest`` where that is given.

        Raises ValueError for a timeframe or count that cannot be.
        """
        try:
            answer = await self._candles.bars(symbol, timeframe, count, oldest)
        except ExchangeUnavailable as error:
            raise self._stale(self._candles.known(symbol, timeframe, count), error) from error
        self._streams.use(Channel("candles", symbol, timeframe))
        return answer

    async def days(self, kind: MarketKind) -> Answer[Mapping[str, Day]]:
        """Return the last 24 hours of every market of a kind."""
        return await self._get(Key(DAYS, "", kind.value))

    async def book(self, symbol: str, depth: int = 100) -> Answer[Book]:
        """Return the best ``depth`` levels of both sides."""
        channel, told = Channel("book", symbol), self._streams.book(symbol, depth)
        answer: Answer[Book] = await self._newest(Key(BOOK, symbol, str(depth)), channel, told)
        if depth <= MOST_LEVELS:
            self._streams.use(channel)
        return answer

    async def trades(self, symbol: str, limit: int = 100) -> Answer[tuple[PublicTrade, ...]]:
        """Return the newest trades between others, oldest first."""
        channel, told = Channel("trades", symbol), self._streams.trades(symbol, limit)
        key = Key(TRADES, symbol, str(limit))
        answer: Answer[tuple[PublicTrade, ...]] = await self._newest(key, channel, told)
        if limit <= MOST_TRADES:
            self._streams.use(channel)
        return answer

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
        return self._streams.channels

    # -- within

    async def _newest(self, key: Key, channel: Channel, told: Dated[T] | None) -> Answer[T]:
        """Return what a stream told last while that is fresh, and else an answer that is from after its last gap."""
        if told is not None:
            known = self._cache.peek(key)
            if known is None or known.at < told.at:
                self._cache.put(key, told.value, told.at)
        return await self._get(key, self._streams.doubt(channel))

    async def _get(self, key: Key, oldest: Millis | None = None) -> Answer[T]:
        try:
            return await self._cache.get(key, partial(self._ask, key), oldest=oldest)
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
