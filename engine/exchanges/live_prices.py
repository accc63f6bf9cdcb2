"""Tickers of a real exchange as they move: streamed where it can, asked for where a stream is missing or silent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal

import msgspec

from data.events import TickerMoved
from data.market import MarketKind, Ticker
from data.values import Millis
from engine.exchanges.base import Emit
from engine.exchanges.habits import Habits
from engine.exchanges.pacing import Lane
from engine.exchanges.public_feed import PublicFeed, Quote
from engine.exchanges.tasks import end, persist, spawn

FRESH: Millis = 5_000
"""How long best prices are fresh after they were told or asked for."""
MARK_LIFETIME: Millis = 60_000
"""How old a mark price may become; margin and liquidation then go by the last price, as where none is told."""
_SECOND_LOOK = 1.0
"""Seconds after which a stream must have told what an answer told: answers may overtake it."""


class LivePrices:
    """Follows any number of markets of one kind; each has its own streams, so that one never interrupts another.

    A ticker is dated by its bid and ask: news of the last price or the mark price make them no younger. A mark price
    that nobody renews does not live on because quotes still come.
    """

    def __init__(self, feed: PublicFeed, emit: Emit, habits: Habits) -> None:
        """Follow nothing yet."""
        self._feed, self._emit, self._clock = feed, emit, feed.client.clock
        self._silence, self._poll_pause = habits.silence_seconds, habits.poll_seconds
        self._mark_silence = habits.mark_silence_seconds
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._known: dict[str, Ticker] = {}
        """Of the markets that are followed, as their streams have told it so far."""
        self._heard: dict[str, Ticker] = {}
        """What the streams of quotes told last, or began from."""
        self._marked: dict[str, Millis] = {}
        """When mark prices were last told or asked for."""

    async def follow(self, symbols: frozenset[str]) -> None:
        """Emit tickers of exactly these markets."""
        for symbol in sorted(symbols - self._tasks.keys()):
            self._tasks[symbol] = [spawn(work, f"prices of {symbol}") for work in self._work(symbol)]
        gone = [self._tasks.pop(symbol) for symbol in self._tasks.keys() - symbols]
        # What is followed again later begins anew: a part of a ticker must not bring back the rest of an old one.
        for symbol in (self._known.keys() | self._heard.keys() | self._marked.keys()) - symbols:
            for kept in (self._known, self._heard, self._marked):
                kept.pop(symbol, None)
        await end([task for tasks in gone for task in tasks])

    async def close(self) -> None:
        """Stop following."""
        await self.follow(frozenset())

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices: those that the streams told last while they are fresh, and else by asking."""
        known = self._known.get(symbol)
        if known is None or self._since(known.at) > FRESH:
            return await self._ask(symbol)
        return msgspec.structs.replace(known, mark=self._living_mark(known))

    def _work(self, symbol: str) -> list[Coroutine[None, None, None]]:
        feed, clock = self._feed, self._clock
        if not feed.streams_quotes:
            return [persist(lambda: self._poll(symbol), clock)]
        work: list[Coroutine[None, None, None]] = [
            persist(lambda: self._listen(symbol), clock),
            persist(lambda: self._watch_silence(symbol), clock),
        ]
        if feed.streams_lasts:
            work.append(persist(lambda: self._listen_for(symbol, feed.next_last, self._last), clock))
        if feed.client.kind is MarketKind.PERPETUAL:
            work.append(persist(lambda: self._watch_marks(symbol), clock))
            if feed.streams_marks:
                work.append(persist(lambda: self._listen_for(symbol, feed.next_mark, self._mark), clock))
        return work

    async def _listen(self, symbol: str) -> None:
        ticker = await self._ask(symbol)  # a stream tells changes only
        if symbol in self._tasks:
            self._heard[symbol] = ticker
        self._tell(ticker)
        await self._feed.listen(symbol, self._hear)

    async def _listen_for(
        self,
        symbol: str,
        following: Callable[[str], Awaitable[Decimal | None]],
        take: Callable[[str, Decimal], None],
    ) -> None:
        while True:
            price = await following(symbol)
            if price is not None and symbol in self._known:
                take(symbol, price)

    async def _poll(self, symbol: str) -> None:
        self._tell(await self._ask(symbol))
        await self._clock.sleep(self._poll_pause)

    async def _watch_silence(self, symbol: str) -> None:
        """Ask when the stream says nothing; if it should have spoken, replace it."""
        asked = not self._feed.client.unsent
        await self._clock.sleep(self._silence)
        before = self._heard.get(symbol)
        if before is None or self._since(before.at) < self._silence * 1000:
            return
        ticker = await self._ask(symbol)
        self._tell(ticker)
        if (ticker.bid, ticker.ask) != (before.bid, before.ask):
            await self._clock.sleep(min(_SECOND_LOOK, self._silence))
            # What has not been asked for yet, or only just, says nothing for a good reason.
            if self._heard.get(symbol) is before and asked and not self._feed.client.unsent:
                await self._feed.client.drop_streams()

    async def _watch_marks(self, symbol: str) -> None:
        """Ask when nobody tells mark prices while the stream of quotes may well go on."""
        asked = not self._feed.client.unsent
        await self._clock.sleep(self._mark_silence)
        known, marked = self._known.get(symbol), self._marked.get(symbol)
        if known is None or (marked is not None and self._since(marked) < self._mark_silence * 1000):
            return
        price = await self._feed.mark(symbol, Lane.PRICES)
        if symbol not in self._known or self._marked.get(symbol) != marked:
            return  # the stream spoke meanwhile
        self._mark(symbol, price)
        if price != known.mark and self._feed.streams_marks and asked and not self._feed.client.unsent:
            await self._feed.client.drop_streams()

    async def _ask(self, symbol: str) -> Ticker:
        """Ask; where a stream told bid and ask, or the mark price, meanwhile, that is newer than the answer."""
        # Prices of markets that nobody follows are asked for out of curiosity.
        lane = Lane.PRICES if symbol in self._tasks else Lane.DATA
        heard, marked, begun = self._heard.get(symbol), self._marked.get(symbol), self._clock.now()
        mark = None
        if self._feed.client.kind is MarketKind.PERPETUAL:
            mark = await self._feed.mark(symbol, lane)
        quote = await self._feed.quote(symbol, lane)
        known = self._known.get(symbol)
        if known is not None and self._marked.get(symbol) != marked:
            mark = known.mark
        elif mark is not None and symbol in self._tasks:
            self._marked[symbol] = begun
        if known is None or self._heard.get(symbol) is heard:
            return self._moved(quote, mark)
        if mark != known.mark:
            known = self._known[symbol] = msgspec.structs.replace(known, mark=mark)
        return known

    def _since(self, at: Millis) -> float:
        """Return how long ago something was; for ever where our clock was set back since."""
        age = self._clock.now() - at
        return age if age >= 0 else math.inf

    def _hear(self, quote: Quote) -> None:
        ticker = self._moved(quote)
        if quote.symbol in self._tasks:
            self._heard[quote.symbol] = ticker
            self._tell(ticker)

    def _moved(self, quote: Quote, mark: Decimal | None = None) -> Ticker:
        known, now = self._known.get(quote.symbol), self._clock.now()
        # The last price is told more slowly than quotes: one outside of the spread is one that has passed.
        last = quote.last or min(max(known.last if known else quote.ask, quote.bid), quote.ask)
        mark = mark or (self._living_mark(known) if known else None)
        ticker = Ticker(quote.symbol, quote.bid, quote.ask, last, now, mark)
        if quote.symbol in self._tasks:
            self._known[quote.symbol] = ticker
        return ticker

    def _last(self, symbol: str, price: Decimal) -> None:
        known = self._known[symbol]
        if price != known.last:
            self._change(Ticker(symbol, known.bid, known.ask, price, known.at, self._living_mark(known)))

    def _mark(self, symbol: str, price: Decimal) -> None:
        known, self._marked[symbol] = self._known[symbol], self._clock.now()
        self._change(Ticker(symbol, known.bid, known.ask, known.last, known.at, price))

    def _living_mark(self, known: Ticker) -> Decimal | None:
        """Return the mark price of a ticker unless it was told or asked for too long ago."""
        marked = self._marked.get(known.symbol)
        return known.mark if marked is not None and self._since(marked) <= MARK_LIFETIME else None

    def _change(self, ticker: Ticker) -> None:
        self._known[ticker.symbol] = ticker
        self._tell(ticker)

    def _tell(self, ticker: Ticker) -> None:
        if ticker.symbol in self._tasks:
            self._emit(TickerMoved(ticker=ticker, at=self._clock.now()))
