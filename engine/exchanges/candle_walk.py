"""Walking candles: the path a bar is taken to have followed, and what it fills on the way.

A bar says four prices and not their order. The path taken is open → nearer extreme → other extreme → close: a bar that
closes up is taken to have made its low first, one that closes down its high. Rules, each on the safe side:

- a buy fills if the low is *below* its price, a sell if the high is *above* (touching is not enough);
- fills are at the order's own price; what the bar opens beyond fills first, also at its own price;
- orders placed during a bar can fill from the next bar on, so a slot has at most one leg per bar;
- a level at which something else happens (a stop) is reached on the path: at its price, or at the open if beyond it;
- the price of a fill on the path is a price seen: what the fill itself brought within reach happens there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
        self._active: set[str] = set()

    def start(self, price: Decimal, at: Millis) -> None:
        """Put the market at ``price``."""
        self._position, self._at = price, at
        self._tell(price, at)

    def bar(self, candle: Candle, closed_at: Millis) -> None:
        """Walk one bar; nothing but the close is told when no order fills and no band is left."""
        low, high, book = candle.low, candle.high, self._book
        buys, sells = book.buys, book.sells
        if (buys and buys[-1][0] > low) or (sells and sells[0][0] < high) or self._loud(low, high):
            self._walk(candle)
        self._position = candle.close
        book.quote(candle.close)
        self._deliver(TickerMoved(at=closed_at, ticker=_ticker(self._symbol, candle.close, closed_at)))

    def _loud(self, low: Decimal, high: Decimal) -> bool:
        return any(low <= band_low or high >= band_high for band_low, band_high in self._bands())

    def _walk(self, candle: Candle) -> None:
        self._at = candle.opened_at
        book = self._book
        self._active = {resting.order.draft.client_id for _, _, resting in (*book.buys, *book.sells)}
        up = candle.close >= candle.open
        extremes = (candle.low, candle.high) if up else (candle.high, candle.low)
        self._gap(candle.open)
        self._tell(candle.open, self._at)
        for price in (*extremes, candle.close):
            self._leg(price)

    def _gap(self, price: Decimal) -> None:
        """Fill what the bar opens beyond; nothing was seen between the last close and the open."""
        down = price < self._position
        for falling in (down, not down):
            while (resting := self._next_order(price, falling=falling)) is not None:
                self._fill(resting)
        self._position = price

    def _leg(self, target: Decimal) -> None:
        falling = target < self._position
        while True:
            resting = self._next_order(target, falling=falling)
            stop = self._next_stop(target, falling=falling)
            price = resting.order.draft.price if resting else None
            if stop is not None and (price is None or (stop >= price if falling else stop <= price)):
                self._reach(stop, target, falling=falling)
            elif resting is not None:
                self._fill(resting)
                if self._loud(self._position, self._position):
                    self._tell(self._position, self._at)
            else:
                break
        self._position = target

    def _next_order(self, target: Decimal, *, falling: bool) -> Resting | None:
        """Return the next order on the way to ``target`` that rested before the bar began."""
        if falling:
            for price, _, resting in reversed(self._book.buys):
                if price <= target:
                    return None
                if resting.order.draft.client_id in self._active:
                    return resting
            return None
        for price, _, resting in self._book.sells:
            if price >= target:
                return None
            if resting.order.draft.client_id in self._active:
                return resting
        return None

    def _next_stop(self, target: Decimal, *, falling: bool) -> Decimal | None:
        """Return the next band edge on the way to ``target``, not counting the one the path stands on."""
        here = self._position
        if falling:
            return max((low for low, _ in self._bands() if target <= low < here), default=None)
        return min((high for _, high in self._bands() if here < high <= target), default=None)

    def _reach(self, stop: Decimal, target: Decimal, *, falling: bool) -> None:
        """Tell the edge itself and, for bands that are left only beyond it, the next price tick."""
        price = -(-stop // self._tick) * self._tick if not falling else stop // self._tick * self._tick
        beyond = price - self._tick if falling else price + self._tick
        self._position = stop
        self._tell(price if (price >= target if falling else price <= target) else target, self._at)
        if (beyond >= target) if falling else (beyond <= target):
            self._tell(beyond, self._at)

    def _fill(self, resting: Resting) -> None:
        draft = resting.order.draft
        self._position = draft.price
        self._book.quote(draft.price)
        self._active.discard(draft.client_id)
        self._matching.fill(draft.client_id, self._at)
        for event in self._matching.drain():
            self._deliver(event)

    def _tell(self, price: Decimal, at: Millis) -> None:
        self._book.quote(price)
        self._deliver(TickerMoved(at=at, ticker=_ticker(self._symbol, price, at)))


def _ticker(symbol: str, price: Decimal, at: Millis) -> Ticker:
    return Ticker(symbol, price, price, price, at)


