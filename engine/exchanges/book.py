"""Our side of one market's order book: what rests in which order, what it reserves and which filters it passes."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

from data.market import FeeAsset, Market
from data.orders import Draft, Order, OrderType
from data.values import ONE, ZERO, Side, plain


class Resting:
    """An order on the book: ``unit`` of ``asset`` is locked for each piece of base that may still fill."""

    __slots__ = ("asset", "credit", "key", "market", "order", "unit")

    def __init__(self, order: Order, market: Market, asset: str, unit: Decimal, key: tuple[Decimal, int]) -> None:
        """Rest an order at ``key``, its price and its rank among orders of that price."""
        self.order, self.market, self.asset, self.unit, self.key = order, market, asset, unit, key
        self.credit = ZERO


class Book:
    """Quote and resting orders of one market; the best price of either side is one index away."""

    __slots__ = ("ask", "bid", "buys", "last", "market", "sells")

    def __init__(self, market: Market) -> None:
        """Start empty and without a quote."""
        self.market = market
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.last: Decimal | None = None
        # Buys ascend by (price, -sequence) and sells by (price, sequence): the order to fill next is the last buy
        # and the first sell, oldest first within a price.
        self.buys: list[tuple[Decimal, int, Resting]] = []
        self.sells: list[tuple[Decimal, int, Resting]] = []

    @property
    def best_buy(self) -> Decimal | None:
        """Return the highest price of the resting buys."""
        return self.buys[-1][0] if self.buys else None

    @property
    def best_sell(self) -> Decimal | None:
        """Return the lowest price of the resting sells."""
        return self.sells[0][0] if self.sells else None

    def quote(self, price: Decimal) -> None:
        """Set bid, ask and last to ``price`` without filling anything."""
        self.bid = self.ask = self.last = price

    def add(self, resting: Resting) -> None:
        """Put an order on the book, behind those of its price."""
        insort(self._side(resting.order.draft.side), (*resting.key, resting))

    def remove(self, resting: Resting) -> None:
        """Take an order off the book."""
        side = self._side(resting.order.draft.side)
        # A two-tuple sorts just before the three-tuple that starts with it.
        del side[bisect_left(side, resting.key)]

    def _side(self, side: Side) -> list[tuple[Decimal, int, Resting]]:
        return self.buys if side is Side.BUY else self.sells


def reserve_of(side: Side, price: Decimal, market: Market, maker: bool) -> tuple[str, Decimal]:
    """Return the asset an order spends and how much of it per piece of base, a fee in quote included.

    On a perpetual nothing is spent: it is the notional value that an order asks margin for.
    """
    if market.perpetual:
        return market.quote, price
    if side is Side.SELL:
        return market.base, ONE
    if market.fees.asset is FeeAsset.RECEIVED:
        return market.quote, price
    rate = market.fees.maker if maker else market.fees.taker
    return market.quote, price * (ONE + max(rate, ZERO))


def outside_filters(draft: Draft, market: Market) -> str:
    """Return which filter the order fails, or an empty text."""
    filters, quantity = market.filters, draft.quantity
    if quantity <= ZERO or quantity < filters.min_quantity:
        return f"quantity: {plain(quantity)} is below {plain(filters.min_quantity)}"
    if quantity % filters.quantity_step:
        return f"quantity: {plain(quantity)} is not a multiple of {plain(filters.quantity_step)}"
    if filters.max_quantity is not None and quantity > filters.max_quantity:
        return f"quantity: {plain(quantity)} is above {plain(filters.max_quantity)}"
    if draft.type is not OrderType.MARKET and (draft.price <= ZERO or draft.price % filters.price_tick):
        return f"price: {plain(draft.price)} is not a positive multiple of {plain(filters.price_tick)}"
    if draft.price * quantity < filters.min_notional and not draft.reduce_only:
        return f"notional: {plain(draft.price * quantity)} is below {plain(filters.min_notional)}"
    return ""
