"""Answers like those of an exchange, made from seeds."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from data.bars import Bars, bars_of
from data.market import Candle
from data.observations import Book, Day, Level, PublicTrade
from data.values import Side


def amount(random: Random, top: float, places: int) -> Decimal:
    """Return a number such as exchanges write."""
    return Decimal(f"{random.uniform(0, top):.{places}f}")


def candles(count: int, seed: int = 1) -> tuple[Candle, ...]:
    """Return candles."""
    random = Random(seed)
    found = []
    for n in range(count):
        opened, high, low, close = (amount(random, 40_000, 2) for _ in range(4))
        found.append(Candle(1_700_000_000_000 + 60_000 * n, opened, high, low, close, amount(random, 99, 5)))
    return tuple(found)


def bars(count: int) -> Bars:
    """Return the same as columns."""
    return bars_of(candles(count))


def book(levels: int) -> Book:
    """Return a book."""
    random = Random(levels)
    sides = [tuple(Level(amount(random, 9e4, 2), amount(random, 9, 5)) for _ in range(levels)) for _ in range(2)]
    return Book(symbol="BTC/USDT", bids=sides[0], asks=sides[1], at=1_700_000_000_000)


def trades(count: int) -> list[PublicTrade]:
    """Return trades between others."""
    random = Random(count)
    return [
        PublicTrade(
            symbol="BTC/USDT",
            trade_id=str(10**9 + n),
            price=amount(random, 9e4, 2),
            quantity=amount(random, 9, 5),
            side=random.choice(list(Side)),
            at=1_700_000_000_000 + 57 * n,
        )
        for n in range(count)
    ]


def days(count: int) -> dict[str, Day]:
    """Return days of many markets."""
    random = Random(count)
    names = ("last", "bid", "change", "high", "low", "volume", "turnover")
    return {
        f"C{n}/USDT": Day(
            symbol=f"C{n}/USDT", ask=None, at=1_700_000_000_000 + n, **{name: amount(random, 9e5, 4) for name in names}
        )
        for n in range(count)
    }
