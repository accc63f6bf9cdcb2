"""One market of a live adapter, of which an observer hears bars, book and trades."""

from __future__ import annotations

from data.observations import Book
from engine.exchanges.base import Channel
from tests.contracts.live_venues import LiveVenue
from tests.contracts.observer import Observer, check_bars
from tests.contracts.venues import MINUTE


class Watched:
    """Streams what it is told to, and checks what was told."""

    def __init__(self, venue: LiveVenue, observer: Observer) -> None:
        self.venue, self.observer = venue, observer
        self.bars = Channel("candles", venue.symbol, "1m")
        self.book, self.trades = Channel("book", venue.symbol), Channel("trades", venue.symbol)

    async def begin(self, *channels: Channel) -> None:
        """Stream, and wait until what happens is told."""
        assert await self.venue.exchange.observe(frozenset(channels), self.observer.hear) == set(channels)
        for channel in channels:
            await self.venue.streaming(channel)
        if self.book in channels:
            await self.observer.until(lambda: self.observer.books(self.book) or None)

    async def broken(self, channel: Channel, before: int = 0) -> None:
        """Wait until a channel is said to be broken once more."""
        await self.observer.until(lambda: self.observer.breaks(channel) > before or None)

    async def bar(self) -> None:
        """Let a minute pass, trade in the next one and wait until a bar is told to have closed."""
        before = len(self.observer.closed(self.bars))
        await self.venue.next_bar()
        await self.observer.until(lambda: len(self.observer.closed(self.bars)) > before or None)

    async def check_bars(self) -> None:
        """Assert that bars were told as the exchange tells them when asked."""
        told = self.observer.closed(self.bars)
        check_bars(self.observer.bars(self.bars), MINUTE)
        asked = await self.venue.exchange.candles_since(self.venue.symbol, "1m", told[0].opened_at, len(told))
        wrong = [(one, other) for one, other in zip(asked, told, strict=True) if one != other]
        assert not wrong

    async def check_book(self) -> Book:
        """Wait until the book is told as it stands; none was told that could not be."""
        asked = await self.venue.exchange.book(self.venue.symbol, 100)
        wanted = sides(asked)
        await self.observer.until(lambda: sides(self.observer.books(self.book)[-1]) == wanted or None)
        books = self.observer.books(self.book)
        assert all(book.bids[0].price < book.asks[0].price for book in books)
        return books[-1]


def sides(book: Book) -> tuple[object, object]:
    """Return both sides of a book, without their date."""
    return book.bids, book.asks
