"""Orders, fills and public trades as the matching knows them, the same for spot and futures."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tests.servers.binance.words import ZERO, Json, Side, cut

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


@dataclass(slots=True, eq=False)
class Order:
    """One order of one account; ``details`` is for what only one product knows."""

    id: int
    client_id: str
    account: str
    symbol: str
    side: Side
    type: str
    quantity: Decimal
    price: Decimal = ZERO
    """Zero accepts any price."""
    time_in_force: str = "GTC"
    stop_price: Decimal = ZERO
    budget: Decimal = ZERO
    """For a market order by quote quantity: what it may spend or must earn; its quantity is then unknown."""
    self_trade: str = "NONE"
    reduce_only: bool = False
    time: int = 0
    updated: int = 0
    working_time: int = -1
    status: str = "NEW"
    executed: Decimal = ZERO
    turnover: Decimal = ZERO
    working: bool = True
    """False while a stop order waits for its trigger."""
    queue: Decimal = ZERO
    """The external quantity at the same price that trades first."""
    sequence: int = 0
    prevented: Decimal = ZERO
    """What it still wanted when a trade with its own account was prevented and it ended instead."""
    prevention: int = 0
    """The number of that prevented match."""
    spared: list[Json] = field(default_factory=list)
    """The prevented matches that ended resting orders in its way, as its own answer tells them."""
    reason: str = ""
    """Why it ended, where it was neither filled nor cancelled."""
    details: Json = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether it can still trade."""
        return self.status in OPEN

    @property
    def remaining(self) -> Decimal:
        """The quantity it still wants."""
        return self.quantity - self.executed

    def accepts(self, price: Decimal) -> bool:
        """Return whether it would trade at the price."""
        if not self.price:
            return True
        return price <= self.price if self.side == "BUY" else price >= self.price


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """One side of a trade that belongs to an order."""

    order: Order
    trade_id: int
    price: Decimal
    quantity: Decimal
    maker: bool
    time: int
    against: Order | None = None

    @property
    def turnover(self) -> Decimal:
        """What it costs or earns in the quote asset, to the last unit that balances know."""
        return cut(self.price * self.quantity)


@dataclass(frozen=True, slots=True, eq=False)
class Trade:
    """What everybody hears of a trade."""

    id: int
    price: Decimal
    quantity: Decimal
    time: int
    buyer_is_maker: bool
