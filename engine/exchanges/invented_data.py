"""What can be asked and streamed of an invented market besides prices."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from data.market import Candle, MarketKind
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.values import Millis
from engine.exchanges.base import (
    BookMoved,
    CandleMoved,
    Channel,
    ChannelBroken,
    MarketUnknown,
    NotPossible,
    Observe,
    Observed,
    TradesMade,
    timeframe_millis,
)
from engine.exchanges.invented_market import HOUR, InventedMarket
from engine.exchanges.invented_path import DAY, STEP

HISTORY: Millis = 120 * DAY
"""How far back candles reach, and how long a restarted account is carried forward."""
_SHOWN = 100
"""Levels of a streamed book."""
_MOST_STEPS, _MOST_BARS = 720, 1000
"""How much that nobody was shown is made up for in a stream."""


class InventedData:
    """The part of an adapter that answers ``MarketData`` from invented markets."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._streams: dict[Channel, _Stream] = {}
        self._observer: Observe = lambda observed: None

    @abstractmethod
    def _invented(self, symbol: str) -> InventedMarket:
        """Return a listed market. Raises ``MarketUnknown``."""

    @abstractmethod
    def _of_kind(self, kind: MarketKind) -> Sequence[InventedMarket]:
        """Return all markets of a kind."""

    @abstractmethod
    def _now_step(self) -> int:
        """Return the step at which the market stands."""

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Return the last 24 hours of all markets of a kind."""
        step, found = self._now_step(), {}
        for market in self._of_kind(kind):
            found[market.symbol] = market.day(step)
            await asyncio.sleep(0)  # a day not seen before takes some milliseconds to invent
        return found

    async def book(self, symbol: str, depth: int) -> Book:
        """Return the best ``depth`` levels of both sides, of which there are a hundred."""
        return self._invented(symbol).book(self._now_step(), depth)

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Return the newest trades between others, oldest first."""
        market, step = self._invented(symbol), self._now_step()
        return list(market.trades(max(step - limit, 0), step))[-limit:]

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Return what longs will pay at the next settlement. Raises ``NotPossible`` for a spot market."""
        return self._perpetual(symbol).funding_rate(self._now_step())

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Return the size of all open positions. Raises ``NotPossible`` for a spot market."""
        return self._perpetual(symbol).open_interest(self._now_step())

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return the first bars opened at or after ``since``, from at most 120 days back."""
        market, length, now = self._invented(symbol), timeframe_millis(timeframe), self._now_step() * STEP
        first = -(-max(since, now - HISTORY, 0) // length) * length
        bars = []
        for start in range(first, min(now, first + (limit - 1) * length) + 1, length):
            bars.append(market.candle(start, min(start + length, now)))
            if length >= HOUR:
                await asyncio.sleep(0)
        return bars

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream exactly these channels to ``tell``, from what stands now on; those of unlisted markets are none."""
        known, step, streams = self._streams, self._now_step(), {}
        for channel in sorted(channels):
            try:
                streams[channel] = known.get(channel) or _Stream(channel, self._invented(channel.symbol), step)
            except MarketUnknown:
                continue
        self._streams, self._observer = streams, tell
        return frozenset(streams)

    def _tell_observers(self) -> None:
        """Tell what happened since the last time."""
        step = self._now_step()
        for stream in list(self._streams.values()):
            for observed in stream.until(step):
                self._observer(observed)

    def _perpetual(self, symbol: str) -> InventedMarket:
        market = self._invented(symbol)
        if ":" not in symbol:
            raise NotPossible(f"{symbol} is no perpetual")
        return market


class _Stream:
    """One channel, and up to where it was told."""

    def __init__(self, channel: Channel, market: InventedMarket, step: int) -> None:
        self._channel, self._market = channel, market
        self._length = timeframe_millis(channel.timeframe) if channel.what == "candles" else 0
        self._told = step
        """The last step told."""

    def until(self, step: int) -> Iterator[Observed]:
        told, self._told, channel = self._told, step, self._channel
        if step <= told:
            return
        if channel.what == "candles":
            yield from self._bars(told * STEP, step * STEP)
        elif channel.what == "book":
            yield BookMoved(channel=channel, book=self._market.book(step, _SHOWN))
        else:
            if step - told > _MOST_STEPS:
                told = step - _MOST_STEPS
                yield ChannelBroken(channel=channel, at=step * STEP)
            if trades := tuple(self._market.trades(told + 1, step)):
                yield TradesMade(channel=channel, trades=trades)

    def _bars(self, told: Millis, now: Millis) -> Iterator[Observed]:
        length = self._length
        newest, first = now // length * length, told // length * length
        if newest - first > _MOST_BARS * length:
            first = newest - _MOST_BARS * length
            yield ChannelBroken(channel=self._channel, at=now)
        for start in range(first, newest + 1, length):
            candle, closed = self._market.candle(start, min(start + length, now)), start < newest
            yield CandleMoved(channel=self._channel, candle=candle, closed=closed, at=now)
