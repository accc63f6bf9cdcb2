"""The two sides of a book: an outside ladder of prices that belongs to nobody, and own orders in price-time order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from tests.servers.binance.orders import Order
from tests.servers.binance.words import ZERO, Side

LEVELS = 20


@dataclass(slots=True, eq=False)
class Level:
    """What outsiders offer at one price."""

    price: Decimal
    size: Decimal


def _rank(order: Order) -> tuple[Decimal, int]:
    return (-order.price if order.side == "BUY" else order.price), order.sequence


class Half:
    """One side of the book."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.outside: list[Level] = []
        self.own: list[Order] = []

    @property
    def best(self) -> Decimal:
        """The best price of the side, zero when it is empty."""
        if not self.own or not self.outside:
            return self.own[0].price if self.own else self.outside[0].price if self.outside else ZERO
        own, outside = self.own[0].price, self.outside[0].price
        return own if self.better(own, outside) else outside

    @property
    def top(self) -> tuple[Decimal, Decimal]:
        """The best price and what there is at it, outside and own together."""
        price = self.best
        outside = self.outside[0].size if self.outside and self.outside[0].price == price else ZERO
        return price, sum((order.remaining for order in takewhile(lambda own: own.price == price, self.own)), outside)

    @property
    def first(self) -> Level | Order | None:
        """What the next taker meets: at equal prices the outside stands before own orders."""
        if not self.own:
            return self.outside[0] if self.outside else None
        if self.outside and not self.better(self.own[0].price, self.outside[0].price):
            return self.outside[0]
        return self.own[0]

    def better(self, price: Decimal, than: Decimal) -> bool:
        """Return whether a price is nearer to the takers than another."""
        return price > than if self.side == "BUY" else price < than

    def outside_at(self, price: Decimal) -> Decimal:
        """Return the outside quantity at a price."""
        return next((level.size for level in self.outside if level.price == price), ZERO)

    def take(self, level: Level, quantity: Decimal) -> None:
        """Take a quantity from the best outside level."""
        level.size -= quantity
        if not level.size:
            self.outside.remove(level)

    def add(self, order: Order) -> None:
        """Let an order rest."""
        insort(self.own, order, key=_rank)

    def remove(self, order: Order) -> None:
        """Take a resting order away, if it rests here."""
        index = bisect_left(self.own, _rank(order), key=_rank)
        if index < len(self.own) and self.own[index] is order:
            del self.own[index]

    def lay(self, price: Decimal, size: Decimal, liquidity: Decimal, tick: Decimal) -> None:
        """Lay the outside ladder: one level of a given size at the price, more behind it."""
        gap = max(tick, (price / 20_000 // tick) * tick) * (-1 if self.side == "BUY" else 1)
        prices = (price + gap * number for number in range(LEVELS))
        sizes = (size if number == 0 else liquidity for number in range(LEVELS))
        self.outside = [Level(at, each) for at, each in zip(prices, sizes, strict=True) if at > 0 and each > 0]

    def depth(self) -> Iterator[tuple[Decimal, Decimal]]:
        """Yield price and quantity of every level, best first, outside and own together."""
        levels: dict[Decimal, Decimal] = {}
        for level in self.outside:
            levels[level.price] = level.size
        for order in self.own:
            levels[order.price] = levels.get(order.price, ZERO) + order.remaining
        yield from sorted(levels.items(), reverse=self.side == "BUY")
