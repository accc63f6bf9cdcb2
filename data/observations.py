"""What a market was seen to do: its day, its book, trades between others, funding and open interest. All dated."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from data.values import ZERO, Millis, Side


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The last 24 hours of a market as told by its exchange. Prices, ``turnover`` in quote, ``volume`` in base."""

    symbol: str
    last: Decimal
    bid: Decimal | None
    """None where the exchange does not tell."""
    ask: Decimal | None
    change: Decimal
    """Of the price, as a fraction: 0.01 is up 1 %."""
    high: Decimal
    low: Decimal
    volume: Decimal
    turnover: Decimal
    at: Millis


class Level(NamedTuple):
    """One price of a book and what rests there, in base."""

    price: Decimal
    quantity: Decimal


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Resting orders of a market, best prices first."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: Millis

    @property
    def mid(self) -> Decimal | None:
        """Return the price between the best ones; None while a side is empty."""
        if not self.bids or not self.asks:
            return None
        return (self.bids[0].price + self.asks[0].price) / 2

    def depth(self, side: Side, within: Decimal) -> Decimal:
        """Return the quote that rests on one side no further than the fraction ``within`` from the middle."""
        mid = self.mid
        if mid is None:
            return ZERO
        levels = self.bids if side is Side.BUY else self.asks
        return sum((each.price * each.quantity for each in levels if abs(each.price - mid) <= within * mid), ZERO)


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade between others."""

    symbol: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    side: Side
    """What the taker did."""
    at: Millis


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """What longs of a perpetual will pay shorts at the next settlement, as a fraction of their notional value."""

    symbol: str
    rate: Decimal
    next_at: Millis | None
    mark: Decimal | None
    at: Millis


class OpenInterest(msgspec.Struct, frozen=True, kw_only=True):
    """All positions open on a perpetual, one side counted."""

    symbol: str
    quantity: Decimal
    """Base."""
    notional: Decimal
    """Quote."""
    at: Millis
