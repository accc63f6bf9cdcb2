"""One holder of a futures account: the account with its orders, executions, conditional orders and countdowns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tests.servers.binance.orders import Fill, Order
from tests.servers.binance.usdm_account import Account
from tests.servers.binance.words import ZERO, Side


@dataclass(frozen=True, slots=True, eq=False)
class Deal:
    """One own execution."""

    fill: Fill
    fee: Decimal
    realised: Decimal


@dataclass(slots=True, eq=False)
class Conditional:
    """An order that waits outside the book for a price; triggered, it becomes an ordinary one."""

    id: int
    client_id: str
    symbol: str
    side: Side
    type: str
    trigger: Decimal
    quantity: Decimal = ZERO
    """Zero closes the whole position."""
    price: Decimal = ZERO
    time_in_force: str = "GTC"
    working_type: str = "CONTRACT_PRICE"
    reduce_only: bool = False
    close: bool = False
    protect: bool = False
    self_trade: str = "EXPIRE_MAKER"
    position_side: str = "BOTH"
    status: str = "NEW"
    created: int = 0
    updated: int = 0
    triggered: int = 0
    order: Order | None = None
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether it still waits."""
        return self.status == "NEW"

    @property
    def becomes(self) -> str:
        """Type of the order it turns into."""
        return "MARKET" if self.type.endswith("MARKET") else "LIMIT"

    def met(self, price: Decimal) -> bool:
        """Return whether the price is one it waits for."""
        rising = (self.side == "BUY") == self.type.startswith("STOP")
        return bool(price) and (price >= self.trigger if rising else price <= self.trigger)


@dataclass(slots=True, eq=False)
class Member:
    """Everything the exchange keeps of one futures account."""

    name: str
    account: Account
    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")
    orders: dict[int, Order] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    conditionals: dict[int, Conditional] = field(default_factory=dict)
    countdowns: dict[str, int] = field(default_factory=dict)
    """When the orders of a market are cancelled unless told otherwise."""
    hedged: bool = False
    """Set to hold positions of both sides at once; the exchange of the tests then takes no orders."""
    warned: bool = False
    _open: dict[int, Order] = field(default_factory=dict)
    _named: dict[tuple[str, str], Order] = field(default_factory=dict)

    def add(self, order: Order) -> None:
        """Remember a new order."""
        self.orders[order.id] = self._open[order.id] = self._named[order.symbol, order.client_id] = order

    def open_orders(self, symbol: str | None = None) -> Iterator[Order]:
        """Yield the orders that can still trade, oldest first."""
        for order in list(self._open.values()):
            if not order.open:
                self._open.pop(order.id, None)
            elif symbol in {None, order.symbol}:
                yield order

    def waiting(self, symbol: str | None = None) -> Iterator[Conditional]:
        """Yield the conditional orders that wait, oldest first."""
        for conditional in list(self.conditionals.values()):
            if conditional.open and symbol in {None, conditional.symbol}:
                yield conditional

    def find(self, symbol: str, number: int | None, client_id: str | None) -> Order | None:
        """Return an order by its id, or the newest one with a client id."""
        order = self._named.get((symbol, client_id or "")) if number is None else self.orders.get(number)
        return order if order is not None and order.symbol == symbol else None
