"""What is streamed because it is wanted often: which channels, what they told last, and since when that is in doubt."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import structlog

from data.observations import Book, PublicTrade
from data.values import Millis
from engine.clock import Clock
from engine.exchanges.base import (
    BookMoved,
    CandleMoved,
    Channel,
    ChannelBroken,
    Exchange,
    ExchangeUnavailable,
    MarketUnknown,
    Observed,
    TradesMade,
)
from engine.markets.candles import Candles
from engine.markets.demand import Demand, Worth

OBSERVE_AGAIN: Millis = 60_000
"""An exchange that was connected anew has forgotten what is streamed; it is told again so often."""
MOST_LEVELS = 100
"""Levels that a streamed book has at most; who wants more has to ask."""
MOST_TRADES = 300
"""Trades that are kept of a stream at most."""
WORTH = {
    "candles": Worth(often=2, most=200),
    # A question for trades is among the dearest there are, and what a stream of them tells is small.
    "trades": Worth(often=10, most=20),
    # A book is told ten times a second. Taking that in is as much work as five answers every second (the benchmark
    # ``books``), and however often a book is used, it is asked for every other second at most. So a stream makes a book
    # fresher and never cheaper: what bars are for two uses, a book is for many, and few have one at a time.
    "book": Worth(often=20, most=8),
}

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Dated(NamedTuple, Generic[T]):
    """Something that a stream told, and when."""

    value: T
    at: Millis


class Streams:
    """Streams what is used often, and keeps the newest book and the newest trades of each channel.

    What is dated later than now was told before our clock was set back, nobody knows how long ago: it is not shown.
    """

    def __init__(self, exchange: Exchange, candles: Candles, clock: Clock) -> None:
        """Stream nothing yet; bars go to ``candles``."""
        self._exchange, self._candles, self._clock = exchange, candles, clock
        self._demand = Demand(WORTH)
        self._wanted: frozenset[Channel] = frozenset()
        self._observed_at: Millis = clock.now()
        self.channels: frozenset[Channel] = frozenset()
        """What is streamed."""
        self._books: dict[Channel, Book] = {}
        self._trades: dict[Channel, Dated[deque[PublicTrade]]] = {}
        self._broken: dict[Channel, Millis] = {}
        """Since when channels that told nothing since are said to be broken."""

    def use(self, channel: Channel) -> None:
        """Count one use."""
        self._demand.use(channel, self._clock.now())

    async def tend(self) -> None:
        """Stream what is wanted often, and no longer what is not."""
        now = self._clock.now()
        wanted = self._demand.wanted(now)
        if wanted == self._wanted and now - self._observed_at < OBSERVE_AGAIN:
            return
        self._keep(wanted)
        try:
            self.channels = await self._exchange.observe(wanted, self._heard)
            self._wanted, self._observed_at = wanted, now
        except ExchangeUnavailable as error:
            log.warning("channels_unavailable", reason=str(error))
        except MarketUnknown as error:
            # Gone since it was asked for: it must not keep the others from being streamed.
            self._demand.forget(error.symbol)
        self._keep(self.channels)

    def book(self, symbol: str, depth: int) -> Dated[Book] | None:
        """Return the best ``depth`` levels as they were told last; None where fewer are known, or a gap was since."""
        book = self._books.get(Channel("book", symbol))
        if book is None or book.at > self._clock.now() or min(len(book.bids), len(book.asks)) < depth:
            return None
        if max(len(book.bids), len(book.asks)) > depth:
            book = Book(symbol=symbol, bids=book.bids[:depth], asks=book.asks[:depth], at=book.at)
        return Dated(book, book.at)

    def trades(self, symbol: str, limit: int) -> Dated[tuple[PublicTrade, ...]] | None:
        """Return the newest ``limit`` trades, oldest first; None where fewer were told since the last gap."""
        told = self._trades.get(Channel("trades", symbol))
        if told is None or told.at > self._clock.now() or len(told.value) < limit:
            return None
        return Dated(tuple(islice(told.value, len(told.value) - limit, None)), told.at)

    def doubt(self, channel: Channel) -> Millis | None:
        """Return the age from which on answers about a channel are from before it broke; None where it did not."""
        broken = self._broken.get(channel)
        return None if broken is None else max(0, self._clock.now() - broken)

    def _heard(self, news: Observed) -> None:
        channel = news.channel
        if isinstance(news, CandleMoved):
            self._candles.moved(news)
        elif isinstance(news, ChannelBroken):
            self._candles.broken(news)
            self._books.pop(channel, None)
            self._trades.pop(channel, None)
            self._broken[channel] = news.at
        elif isinstance(news, BookMoved):
            self._broken.pop(channel, None)
            self._books[channel] = news.book
        elif isinstance(news, TradesMade):
            self._broken.pop(channel, None)
            known = self._trades.get(channel)
            kept = deque(maxlen=MOST_TRADES) if known is None else known.value
            kept.extend(news.trades)
            self._trades[channel] = Dated(kept, self._clock.now())

    def _keep(self, channels: frozenset[Channel]) -> None:
        """Forget what channels told that are no longer streamed: they would not tell of a gap."""
        self._candles.keep(channels)
        self._books = {channel: book for channel, book in self._books.items() if channel in channels}
        self._trades = {channel: told for channel, told in self._trades.items() if channel in channels}
        self._broken = {channel: at for channel, at in self._broken.items() if channel in channels}
