"""Walking candles: the path a bar is taken to have followed, and what it fills on the way.

A bar says four prices and not their order. The path taken is open → nearer extreme → other extreme → close: a bar that
closes up is taken to have made its low first, one that closes down its high. Rules, each on the safe side:

- a buy fills if the low is *below* its price, a sell if the high is *above* (touching is not enough);
- fills are at the order's own price; what the bar opens beyond fills first, also at its own price;
- orders placed after a bar opened can fill from the next bar on, so a slot has at most one leg per bar;
- a level at which something else happens (a stop) is reached on the path: at its price, or at the open if beyond it;
- the price of a fill on the path is a price seen: what the fill itself brought within reach happens there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from data.events import OrderUpdate, TickerMoved
from data.market import Candle, Market, Ticker
from data.values import Millis
from engine.exchanges.book import Book, Resting
from engine.exchanges.matching import Matching

Deliver = Callable[[TickerMoved | OrderUpdate], None]
Bands = Callable[[], Iterable[tuple[Decimal, Decimal]]]


class CandleWalk:
    """Leads one market of a ``Matching`` along candles and delivers what happens, in order."""

    def __init__(self, matching: Matching, market: Market, deliver: Deliver, bands: Bands) -> None:
        """``bands`` returns the open price intervals in which a tick interests nobody; ticks outside are delivered."""
        self._matching, self._symbol, self._tick = matching, market.symbol, market.filters.price_tick
        self._deliver, self._bands = deliver, bands
        self._book: Book = matching.book(market.symbol)
        self._position = Decimal(0)
        self._at: Millis = 0
        self._opened: Millis = 0
        self._newest = 0

    def start(self, price: Decimal, at: Millis) -> None:
        """Put the market at ``price``."""
        self._position, self._at = price, at
        self._tell(price, at)

    def bar(self, candle: Candle, closed_at: Millis) -> None:
        """Walk one bar; nothing but the close is told when no order fills and no band is left."""
        low, high, book = candle.low, candle.high, self._book
        buys, sells = book.buys, book.sells
        if (buys and buys[-1][0] > low) or (sells and sells[0][0] < high) or self._loud(low, high):
            for _ in self._walk(candle, candle.opened_at):
                pass
        self._close(candle.close, closed_at)

    def steps(self, candle: Candle, at: Millis) -> Iterator[None]:
        """Walk one bar that is known only since ``at``, pausing after each thing told so that others may answer it."""
        yield from self._walk(candle, at)
        self._close(candle.close, at)
        yield

    def _loud(self, low: Decimal, high: Decimal) -> bool:
        return any(low <= band_low or high >= band_high for band_low, band_high in self._bands())

    def _walk(self, candle: Candle, at: Millis) -> Iterator[None]:
        self._at, self._opened, self._newest = at, candle.opened_at, self._matching.newest
        up = candle.close >= candle.open
        extremes = (candle.low, candle.high) if up else (candle.high, candle.low)
        yield from self._gap(candle.open)
        self._tell(candle.open, self._at)
        yield
        for price in (*extremes, candle.close):
            yield from self._leg(price)

    def _close(self, price: Decimal, at: Millis) -> None:
        self._position = price
        self._tell(price, at)

    def _gap(self, price: Decimal) -> Iterator[None]:
        """Fill what the bar opens beyond; nothing was seen between the last close and the open."""
        down = price < self._position
        for falling in (down, not down):
            while (resting := self._next_order(price, falling=falling)) is not None:
                self._fill(resting)
                yield
        self._position = price

    def _leg(self, target: Decimal) -> Iterator[None]:
        falling = target < self._position
        while True:
            resting = self._next_order(target, falling=falling)
            stop = self._next_stop(target, falling=falling)
            price = resting.order.draft.price if resting else None
            if stop is not None and (price is None or (stop >= price if falling else stop <= price)):
                self._position = stop
                self._tell(stop, self._at)
                yield
            elif resting is not None:
                self._fill(resting)
                yield
                if self._loud(self._position, self._position):
                    self._tell(self._position, self._at)
                    yield
            else:
                break
        self._position = target

    def _next_order(self, target: Decimal, *, falling: bool) -> Resting | None:
        """Return the next order on the way to ``target`` that rested before the bar began."""
        if falling:
            for price, rank, resting in reversed(self._book.buys):
                if price <= target:
                    return None
                if -rank <= self._newest and resting.order.at <= self._opened:
                    return resting
            return None
        for price, rank, resting in self._book.sells:
            if price >= target:
                return None
            if rank <= self._newest and resting.order.at <= self._opened:
                return resting
        return None

    def _next_stop(self, target: Decimal, *, falling: bool) -> Decimal | None:
        """Return the next price on the way to ``target`` where a band may be left, beyond where the path is."""
        here, stops = self._position, self._stops(target, falling=falling)
        if falling:
            return max((stop for stop in stops if stop < here), default=None)
        return min((stop for stop in stops if stop > here), default=None)

    def _stops(self, target: Decimal, *, falling: bool) -> Iterator[Decimal]:
        """Yield every band edge up to ``target`` and, for bands that are left only beyond it, the next price tick."""
        tick = self._tick
        for low, high in self._bands():
            if falling and low >= target:
                edge = max(low // tick * tick, target)
                yield edge
                if edge - tick >= target:
                    yield edge - tick
            elif not falling and high <= target:
                edge = min(-(-high // tick) * tick, target)
                yield edge
                if edge + tick <= target:
                    yield edge + tick

    def _fill(self, resting: Resting) -> None:
        draft = resting.order.draft
        self._position = draft.price
        self._book.quote(draft.price)
        self._matching.fill(draft.client_id, self._at)
        for event in self._matching.drain():
            self._deliver(event)

    def _tell(self, price: Decimal, at: Millis) -> None:
        self._book.quote(price)
        self._deliver(TickerMoved(at=at, ticker=_ticker(self._symbol, price, at)))


def _ticker(symbol: str, price: Decimal, at: Millis) -> Ticker:
    return Ticker(symbol, price, price, price, at)
