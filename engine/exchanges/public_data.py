"""What may be asked of the markets of a real exchange besides prices: days, books, trades, funding, open interest."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from data.market import Candle, MarketKind
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.values import Millis
from engine.exchanges.base import Channel, ExchangeUnavailable, NotPossible, Observe, timeframe_millis
from engine.exchanges.ccxt_markets import contract_size, decimal, tradable
from engine.exchanges.ccxt_observations import to_book, to_day, to_trades
from engine.exchanges.habits import Habits
from engine.exchanges.live_channels import LiveChannels
from engine.exchanges.public_feed import PublicFeed

_READ_AT_ONCE = 50
_MOST_ROWS = 1000
"""Bars, levels or trades that one call asks for."""


class PublicData:
    """Answers about one kind of market. Every method may raise ``ExchangeUnavailable``, and ``NotPossible`` where the
    exchange has no such call; those about one market raise ``MarketUnknown``.

    Everything is dated by our own clock but trades and bars, which keep the time of the exchange.
    """

    def __init__(self, feed: PublicFeed, habits: Habits) -> None:
        """Ask through ``feed``, and stream over connections of our own."""
        self._feed, self._client = feed, feed.client
        self.channels = LiveChannels(feed, habits)

    async def days(self) -> dict[str, Day]:
        """Ask for the last 24 hours of all tradable markets, in one call."""
        self._need("fetchTickers", "sums up the day of all markets")
        found, now = await self._tickers(), self._client.clock.now()
        markets, kind = self._client.ccxt.markets, self._client.kind
        days: dict[str, Day] = {}
        for ticker in found:
            market = markets.get(ticker["symbol"])
            if market is not None and tradable(market, kind):
                day = to_day(ticker, contract_size(market), now)
                if day is not None:
                    days[day.symbol] = day
        return days

    async def book(self, symbol: str, depth: int) -> Book:
        """Ask for the best levels of both sides."""
        self._need("fetchOrderBook", "tells its book")
        with self._feed.naming(symbol):
            told = await self._client.read("fetch_order_book", symbol, self._asked_depth(depth), tries=1)
        return to_book(self._client.ccxt.market(symbol), told, depth, self._client.clock.now())

    async def trades(self, symbol: str, limit: int) -> list[PublicTrade]:
        """Ask for the newest trades between others, oldest first."""
        self._need("fetchTrades", "tells its trades")
        with self._feed.naming(symbol):
            told = await self._client.read("fetch_trades", symbol, None, min(limit, _MOST_ROWS), tries=1)
        return to_trades(self._client.ccxt.market(symbol), told)[-limit:]

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Ask what longs will pay at the next settlement."""
        self._perpetual(symbol)
        self._need("fetchFundingRate", "tells funding before it is settled")
        with self._feed.naming(symbol):
            told = await self._client.read("fetch_funding_rate", symbol, tries=1)
        if told["fundingRate"] is None:
            raise ExchangeUnavailable(f"{self._feed.name} tells no funding of {symbol}")
        next_at = told.get("fundingTimestamp") or told.get("nextFundingTimestamp")
        return FundingRate(
            symbol=symbol,
            rate=decimal(told["fundingRate"]),
            next_at=int(next_at) if next_at else None,
            mark=decimal(told.get("markPrice")) or None,
            at=self._client.clock.now(),
        )

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Ask for the size of all open positions, valued at the mark price where the exchange tells no value."""
        self._perpetual(symbol)
        self._need("fetchOpenInterest", "tells open interest")
        with self._feed.naming(symbol):
            told = await self._client.read("fetch_open_interest", symbol, tries=1)
        size = contract_size(self._client.ccxt.market(symbol))
        quantity, notional = decimal(told.get("openInterestAmount")) * size, decimal(told.get("openInterestValue"))
        if notional and not quantity:
            quantity = notional / await self._feed.mark(symbol)
        elif quantity and not notional:
            notional = quantity * await self._feed.mark(symbol)
        return OpenInterest(symbol=symbol, quantity=quantity, notional=notional, at=self._client.clock.now())

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> list[Candle]:
        """Ask for the first ``limit`` bars opened at or after ``since``, oldest first, in as many calls as it takes."""
        length = timeframe_millis(timeframe)
        if timeframe not in (self._client.ccxt.timeframes or {}):
            raise NotPossible(f"{self._feed.name} has no bars of {timeframe}")
        bars: list[Candle] = []
        while len(bars) < limit:
            page = await self._feed.candles(symbol, timeframe, min(limit - len(bars), _MOST_ROWS), since)
            new = [bar for bar in page if bar.opened_at >= since]
            bars += new
            if not new or new[-1].opened_at + length > self._client.clock.now():
                break
            since = new[-1].opened_at + length
        return bars[:limit]

    async def _tickers(self) -> list[Any]:
        call, ccxt = self._client.part.tickers, self._client.ccxt
        if not call:
            return list((await self._client.read("fetch_tickers", tries=1)).values())
        found = []
        for number, row in enumerate(await self._client.read(call, name="fetch_tickers", tries=1)):
            if number % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            found.append(ccxt.parse_ticker(row))
        return found

    def _asked_depth(self, depth: int) -> int:
        offered = self._client.part.depths
        return next((each for each in offered if each >= depth), offered[-1] if offered else min(depth, _MOST_ROWS))

    def _need(self, call: str, what: str) -> None:
        if not self._client.ccxt.has.get(call):
            raise NotPossible(f"{self._feed.name} is no exchange that {what}")

    def _perpetual(self, symbol: str) -> None:
        if self._client.kind is MarketKind.SPOT:
            raise NotPossible(f"{symbol} is no perpetual")


class LiveData:
    """The part of an adapter that answers ``MarketData`` from feeds of a real exchange, one for each kind of market."""

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Return the last 24 hours of all markets of a kind, asked for in one call; none where there are no such."""
        data = self._all_data().get(kind)
        return await data.days() if data is not None else {}

    async def book(self, symbol: str, depth: int) -> Book:
        """Return the best ``depth`` levels of both sides."""
        return await self._data(symbol).book(symbol, depth)

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Return the newest trades between others, oldest first."""
        return await self._data(symbol).trades(symbol, limit)

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Return what longs will pay at the next settlement."""
        return await self._data(symbol).funding_rate(symbol)

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Return the size of all open positions."""
        return await self._data(symbol).open_interest(symbol)

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return the first ``limit`` bars opened at or after ``since``, oldest first, the unfinished one included."""
        return await self._data(symbol).candles_since(symbol, timeframe, since, limit)

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream exactly these channels to ``tell``; return those that are streamed. Unlisted markets are none."""
        streamed: frozenset[Channel] = frozenset()
        for data in self._all_data().values():
            streamed |= await data.channels.observe(channels - streamed, tell)
        return streamed

    @abstractmethod
    def _all_data(self) -> Mapping[MarketKind, PublicData]:
        """Return who answers, by the kind of market. Raises ``ExchangeUnavailable``."""

    @abstractmethod
    def _data(self, symbol: str) -> PublicData:
        """Return who answers about a market. Raises ``MarketUnknown`` and ``ExchangeUnavailable``."""
