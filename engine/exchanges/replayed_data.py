"""What a recording of bars can say of its market besides the price: bars of any length, the last day, funding."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from data.candles import CandleColumns
from data.market import Candle, MarketKind
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.values import ONE, ZERO, Millis
from engine.exchanges.base import (
    CandleMoved,
    Channel,
    ExchangeUnavailable,
    NotPossible,
    Observe,
    timeframe_millis,
)

_DAY: Millis = 86_400_000


class Recording:
    """Recorded bars of one market, played ``shift`` ms after their time; the first so many of them are known."""

    def __init__(self, candles: CandleColumns, length: Millis, shift: Millis) -> None:
        """``length`` is that of one bar."""
        self.candles, self.length = candles, length
        self.at = [at + shift for at in candles.at]

    def bar(self, index: int) -> Candle:
        """Return one recorded bar."""
        return self.joined(index, index + 1, self.at[index])

    def joined(self, first: int, stop: int, start: Millis) -> Candle:
        """Return the bars from ``first`` to before ``stop`` as one that opened at ``start``."""
        candles = self.candles
        return Candle(
            opened_at=start,
            open=candles.open[first],
            high=max(candles.high[first:stop]),
            low=min(candles.low[first:stop]),
            close=candles.close[stop - 1],
            volume=sum(candles.volume[first:stop], ZERO),
        )

    def newest(self, length: Millis, known: int) -> Iterator[Candle]:
        """Yield bars of ``length`` made of the known ones, newest first."""
        while known:
            start = self.at[known - 1] // length * length
            first = bisect_left(self.at, start, 0, known)
            yield self.joined(first, known, start)
            known = first

    def since(self, length: Millis, since: Millis, known: int) -> Iterator[Candle]:
        """Yield bars of ``length`` made of the known ones, from the first that opens at or after ``since`` on."""
        first = bisect_left(self.at, -(-since // length) * length, 0, known)
        while first < known:
            start = self.at[first] // length * length
            stop = bisect_left(self.at, start + length, first, known)
            yield self.joined(first, stop, start)
            first = stop

    def day(self, symbol: str, known: int, now: Millis) -> Day | None:
        """Return the 24 hours before ``now``, valued at the middle of each bar; None where no bar of them is known."""
        first = bisect_left(self.at, now - _DAY, 0, known)
        if first == known:
            return None
        whole, candles = self.joined(first, known, self.at[first]), self.candles
        middles = ((candles.high[each] + candles.low[each] + candles.close[each]) / 3 for each in range(first, known))
        volumes = candles.volume[first:known]
        return Day(
            symbol=symbol,
            last=whole.close,
            bid=None,
            ask=None,
            change=round(whole.close / whole.open - ONE, 6),
            high=whole.high,
            low=whole.low,
            volume=whole.volume,
            turnover=round(sum((a * b for a, b in zip(middles, volumes, strict=True)), ZERO), 8),
            at=now,
        )


class ReplayedData:
    """The part of an adapter that answers ``MarketData`` from a recording.

    Nobody recorded the book, trades or open interest: asked for them it refuses, rather than invent some.
    """

    _recording: Recording
    _symbol: str

    def __init__(self) -> None:
        """Show nothing yet."""
        self._streams: dict[Channel, Millis] = {}
        """Where the bar opened that was last told."""
        self._observer: Observe = lambda observed: None

    @abstractmethod
    def _known(self, symbol: str) -> int:
        """Return how many bars are known by now. Raises ``MarketUnknown``."""

    @abstractmethod
    def _settling(self) -> FundingRate | None:
        """Return what will be settled next; None on a spot market."""

    @abstractmethod
    def _instant(self) -> Millis:
        """Return the instant at which the market stands."""

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Return the last 24 hours, made of the bars that have closed."""
        known = self._known(self._symbol)
        if kind is not (MarketKind.SPOT if self._settling() is None else MarketKind.PERPETUAL):
            return {}
        day = self._recording.day(self._symbol, known, self._instant())
        return {} if day is None else {self._symbol: day}

    async def book(self, symbol: str, depth: int) -> Book:
        """Refuse."""
        self._known(symbol)
        raise NotPossible(f"{symbol}: a recording of bars holds no book")

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Refuse."""
        self._known(symbol)
        raise NotPossible(f"{symbol}: a recording of bars holds no trades")

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Return what is settled every eight hours. Raises ``NotPossible`` for a spot market."""
        self._known(symbol)
        rate = self._settling()
        if rate is None:
            raise NotPossible(f"{symbol} is no perpetual")
        return rate

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Refuse."""
        self._known(symbol)
        raise NotPossible(f"{symbol}: a recording of bars holds no open interest")

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return the first bars opened at or after ``since``, made of those that have closed."""
        known, length = self._known(symbol), self._multiple(timeframe)
        bars: list[Candle] = []
        for bar in self._recording.since(length, since, known):
            if len(bars) == limit:
                break
            bars.append(bar)
            await asyncio.sleep(0)  # a bar of a day may be made of many
        return bars

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream bars, as they are walked; there is nothing else to stream."""
        known, told = self._known(self._symbol), self._streams
        self._observer, self._streams = tell, {}
        newest = self._recording.at[known - 1] if known else 0
        for channel in channels:
            length = self._length_of(channel)
            if length:
                self._streams[channel] = told.get(channel, newest // length * length)
        return frozenset(self._streams)

    def _walked_bar(self, index: int) -> None:
        """Tell that a recorded bar is known from here on."""
        recording = self._recording
        opened_at = recording.at[index]
        now = opened_at + recording.length
        for channel, told in list(self._streams.items()):
            length = timeframe_millis(channel.timeframe)
            start = opened_at // length * length
            for bar in recording.since(length, told, index + 1):
                closed = bar.opened_at < start or now >= start + length
                self._observer(CandleMoved(channel=channel, candle=bar, closed=closed, at=now))
            if channel in self._streams:
                self._streams[channel] = start + length if now >= start + length else start

    def _length_of(self, channel: Channel) -> Millis:
        """Return the length of the bars of a channel; 0 where it cannot be streamed."""
        if channel.what != "candles" or channel.symbol != self._symbol:
            return 0
        length = timeframe_millis(channel.timeframe)
        return 0 if length % self._recording.length else length

    def _multiple(self, timeframe: str) -> Millis:
        length = timeframe_millis(timeframe)
        if length % self._recording.length:
            minutes = f"{self._recording.length / 60_000:g}"
            raise ExchangeUnavailable(f"{timeframe} is no multiple of {minutes} minutes, the bars of the recording")
        return length
