"""One streamed channel of a real exchange: what it told, whether it lags, and how it is left."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from data.market import Candle
from data.observations import Book, PublicTrade
from data.values import Millis
from engine.exchanges.base import BookMoved, CandleMoved, Channel, ChannelBroken, Observe, TradesMade
from engine.exchanges.ccxt_observations import to_book, to_candle, to_trades
from engine.exchanges.faults import Unavailable
from engine.exchanges.habits import Habits
from engine.exchanges.public_feed import PublicFeed
from engine.exchanges.stream_order import BarOrder, TradeOrder
from engine.exchanges.tasks import together

LEVELS = 100
"""Levels of a streamed book."""
_TRIES, _PAUSE = 4, 0.25
"""How often, and after how many seconds, bars are asked for until the exchange has what its stream told."""
_MOST_BARS = 1000


class Stream(ABC):
    """A channel that ccxt keeps open; ``listen`` ends only by raising what broke it."""

    def __init__(self, feed: PublicFeed, channel: Channel, tell: Observe, silence_seconds: float) -> None:
        """Tell ``tell`` what is new."""
        self.channel, self.silence_seconds = channel, silence_seconds
        self.heard = 0
        """Messages so far."""
        self._feed, self._client, self._tell = feed, feed.client, tell

    @abstractmethod
    async def listen(self) -> None:
        """Take in what the stream tells, until it breaks."""

    @abstractmethod
    async def behind(self) -> bool:
        """Ask, and return whether the stream should have told something. What the answer tells is told here."""

    @abstractmethod
    async def leave(self) -> None:
        """Have the exchange send no more, where ccxt can ask for that."""

    @abstractmethod
    def broke(self) -> None:
        """Hear that the stream broke: it may have missed something."""

    async def _leave(self, name: str, *args: object) -> None:
        if self._client.ccxt.has.get(f"unWatch{name}"):
            calls = {"OHLCV": "un_watch_ohlcv", "OrderBook": "un_watch_order_book"}
            await self._client.watch(calls.get(name, "un_watch_trades_for_symbols"), *args, {})


class BarStream(Stream):
    """Bars. Messages are read as they come over the wire where ``quirks`` can, and else as ccxt gathers them."""

    def __init__(self, feed: PublicFeed, channel: Channel, tell: Observe, length: Millis, habits: Habits) -> None:
        """Tell of bars of ``length``."""
        super().__init__(feed, channel, tell, habits.silence_seconds)
        self._order, self._length = BarOrder(length), length
        self._messages: deque[tuple[Candle, bool]] = deque()
        self._arrived = asyncio.Event()

    async def listen(self) -> None:
        """Take in bars, asking for those that were missed before going on."""
        await together(self._keep(), self._take_in())

    async def leave(self) -> None:
        """Have the exchange send no more bars of this length."""
        await self._leave("OHLCV", self.channel.symbol, self.channel.timeframe)

    def broke(self) -> None:
        """Forget what waits: what it told is asked for when the next message comes."""
        self._messages.clear()

    def hear(self, candle: Candle, *, closed: bool) -> None:
        """Hear one message."""
        self.heard += 1
        self._put(candle, closed=closed)

    async def behind(self) -> bool:
        """Ask for the newest bars; those without a trade need not have been told."""
        bars = await self._feed.candles(self.channel.symbol, self.channel.timeframe, 2)
        behind, known = self._order.behind(bars), self._order.moving
        for bar in bars:
            self._put(bar, closed=bar is not bars[-1])
        if known is not None and bars and known == bars[-1]:
            self._say(known, closed=False)  # still so
        return behind

    def _put(self, candle: Candle, *, closed: bool) -> None:
        self._messages.append((candle, closed))
        self._arrived.set()

    async def _keep(self) -> None:
        channel, direct = self.channel, self._client.quirks.bar is not None
        while True:
            with self._feed.naming(channel.symbol):
                rows = await self._client.watch("watch_ohlcv", channel.symbol, channel.timeframe)
            for row in () if direct else rows:
                self.hear(to_candle(row), closed=False)

    async def _take_in(self) -> None:
        while True:
            while self._messages:
                candle, closed = self._messages.popleft()
                await self._fill(candle.opened_at)
                if self._order.take(candle, closed=closed):
                    self._say(candle, closed=closed)
            self._arrived.clear()
            await self._arrived.wait()

    async def _fill(self, opened_at: Millis) -> None:
        """Ask for the bars up to one that opened, and tell how they ended."""
        for attempt in range(_TRIES):
            since = self._order.missing(opened_at)
            if since is None:
                return
            if attempt:
                await self._client.clock.sleep(_PAUSE * attempt)
            limit = min((opened_at - since) // self._length + 2, _MOST_BARS)
            bars = await self._feed.candles(self.channel.symbol, self.channel.timeframe, limit, since)
            for bar in bars:
                # What the answer does not show to be followed by another bar may still be moving.
                over = bar.opened_at < min(opened_at, bars[-1].opened_at)
                if over and self._order.take(bar, closed=True):
                    self._say(bar, closed=True)
        raise Unavailable(f"{self.channel}: the bars before the newest are not told")

    def _say(self, candle: Candle, *, closed: bool) -> None:
        self._tell(CandleMoved(channel=self.channel, candle=candle, closed=closed, at=self._client.clock.now()))


class BookStream(Stream):
    """The best levels of a book that ccxt builds from a snapshot and what follows it without a hole."""

    def __init__(self, feed: PublicFeed, channel: Channel, tell: Observe, habits: Habits) -> None:
        """Tell of the best levels."""
        super().__init__(feed, channel, tell, habits.silence_seconds)
        self._told: Book | None = None

    async def listen(self) -> None:
        """Take in the book; where levels run out that the snapshot held, build it anew."""
        symbol = self.channel.symbol
        while True:
            with self._feed.naming(symbol):
                book = self._known(await self._client.watch("watch_order_book", symbol))
            self.heard += 1
            if book.bids and book.asks and book.bids[0].price >= book.asks[0].price:
                await self.leave()
                raise Unavailable(f"{self.channel}: the bid is not below the ask")
            told, self._told = self._told, book
            if told is None or (told.bids, told.asks) != (book.bids, book.asks):
                self._tell(BookMoved(channel=self.channel, book=book))
            if self._short(book):
                await self.leave()

    async def leave(self) -> None:
        """Have the exchange send no more of this book."""
        await self._leave("OrderBook", self.channel.symbol)

    def broke(self) -> None:
        """Forget the book."""
        self._told = None

    async def behind(self) -> bool:
        """Ask for as many levels as were told; a market that is gone says so itself, and harms no other stream."""
        symbol, known = self.channel.symbol, self._told
        if known is None and self._client.asking:
            return False
        now = self._client.clock.now()
        with self._feed.naming(symbol):
            told = await self._client.read("fetch_order_book", symbol, LEVELS, tries=1)
        if self._told is not known:
            return False  # the stream spoke meanwhile, and what it told is newer than the answer
        if known is None:
            return True
        asked = to_book(self._client.ccxt.market(symbol), told, LEVELS, now)
        if (asked.bids[: len(known.bids)], asked.asks[: len(known.asks)]) != (known.bids, known.asks):
            return True
        self._told = msgspec.structs.replace(known, at=now)
        self._tell(BookMoved(channel=self.channel, book=self._told))
        return False

    def _known(self, told: Mapping[str, Any]) -> Book:
        """Return the best levels of those that cannot have others between them that nobody told."""
        symbol = self.channel.symbol
        book = to_book(self._client.ccxt.market(symbol), told, LEVELS, self._client.clock.now())
        low, high = self._reach
        return msgspec.structs.replace(
            book,
            bids=tuple(level for level in book.bids if low is None or level.price >= low),
            asks=tuple(level for level in book.asks if high is None or level.price <= high),
        )

    def _short(self, book: Book) -> bool:
        """Return whether the levels that the snapshot held run out."""
        low, high = self._reach
        return (low is not None and len(book.bids) < LEVELS) or (high is not None and len(book.asks) < LEVELS)

    @property
    def _reach(self) -> tuple[Decimal | None, Decimal | None]:
        return self._client.reach.get(self.channel.symbol, (None, None))


class TradeStream(Stream):
    """Trades between others, each told once."""

    def __init__(self, feed: PublicFeed, channel: Channel, tell: Observe, habits: Habits) -> None:
        """Tell of trades."""
        super().__init__(feed, channel, tell, habits.trade_silence_seconds)
        self._order = TradeOrder(numbered=feed.client.quirks.trades_numbered)

    async def listen(self) -> None:
        """Take in trades; where some are missing, say so."""
        while True:
            trades = await self._feed.next_trades(self.channel.symbol)
            self.heard += 1
            self._take(trades)

    async def leave(self) -> None:
        """Have the exchange send no more trades of this market."""
        await self._leave("TradesForSymbols", [self.channel.symbol])

    def broke(self) -> None:
        """Doubt that the next trade follows the last one."""
        self._order.doubt()

    async def behind(self) -> bool:
        """Ask for the newest trade."""
        symbol = self.channel.symbol
        with self._feed.naming(symbol):
            told = await self._client.read("fetch_trades", symbol, None, 1, tries=1)
        trades = to_trades(self._client.ccxt.market(symbol), told)
        behind = bool(trades) and self._order.behind(trades[-1])
        if behind:
            self._take(trades[-1:])
        return behind

    def _take(self, trades: list[PublicTrade]) -> None:
        new, missed = self._order.take(trades)
        if missed:
            self._tell(ChannelBroken(channel=self.channel, at=self._client.clock.now()))
        if new:
            self._tell(TradesMade(channel=self.channel, trades=tuple(new)))
