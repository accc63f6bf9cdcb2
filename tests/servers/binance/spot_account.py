"""One spot account: balances, fees, and every order and trade it ever had."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from tests.servers.binance.ledger import Ledger
from tests.servers.binance.orders import Fill, Order
from tests.servers.binance.words import ZERO, Json, eight


@dataclass(frozen=True, slots=True)
class Booked:
    """One trade of the account with its commission."""

    fill: Fill
    commission: Decimal
    asset: str

    @property
    def symbol(self) -> str:
        """The market of the trade."""
        return self.fill.order.symbol

    def to_json(self) -> Json:
        """Return it as myTrades tells it."""
        fill = self.fill
        return {
            "symbol": fill.order.symbol,
            "id": fill.trade_id,
            "orderId": fill.order.id,
            "orderListId": -1,
            "price": eight(fill.price),
            "qty": eight(fill.quantity),
            "quoteQty": eight(fill.turnover),
            "commission": eight(self.commission),
            "commissionAsset": self.asset,
            "time": fill.time,
            "isBuyer": fill.order.side == "BUY",
            "isMaker": fill.maker,
            "isBestMatch": True,
        }

    def in_order(self) -> Json:
        """Return it as the answer to the order tells it."""
        whole = self.to_json()
        return {
            **{name: whole[name] for name in ("price", "qty", "commission", "commissionAsset")},
            "tradeId": whole["id"],
        }


@dataclass(slots=True)
class SpotAccount:
    """What the exchange knows of one client; the truth a test compares with."""

    name: str
    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    burns_bnb: bool = False
    """Whether fees are taken in BNB, with the discount, while there is some."""
    can_trade: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    orders: dict[int, Order] = field(default_factory=dict)
    trades: list[Booked] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    """How often each client order id arrived, whatever came of it."""
    accepted: Counter[str] = field(default_factory=Counter)
    """How many orders each client order id made."""
    updated: int = 0
    _open: dict[str, Order] = field(default_factory=dict)
    _by_symbol: dict[str, dict[int, Order]] = field(default_factory=dict)
    _newest: dict[tuple[str, str], Order] = field(default_factory=dict)

    @property
    def doubled(self) -> list[str]:
        """Client order ids that made more than one order."""
        return [client_id for client_id, times in self.accepted.items() if times > 1]

    def add(self, order: Order) -> None:
        """Remember a new order."""
        self.orders[order.id] = order
        self._open[order.client_id] = order
        self._by_symbol.setdefault(order.symbol, {})[order.id] = order
        self._newest[order.symbol, order.client_id] = order
        self.accepted[order.client_id] += 1

    def close(self, order: Order) -> None:
        """Forget that an order is open."""
        if self._open.get(order.client_id) is order:
            del self._open[order.client_id]
            del self._by_symbol[order.symbol][order.id]

    def is_open(self, client_id: str) -> bool:
        """Return whether an open order has the client id."""
        return client_id in self._open

    def open(self, symbol: str | None = None) -> list[Order]:
        """Return the open orders, oldest first."""
        return list(self._open.values() if symbol is None else self._by_symbol.get(symbol, {}).values())

    def count_open(self, symbol: str) -> int:
        """Return how many orders are open in a market."""
        return len(self._by_symbol.get(symbol, ()))

    def find(self, symbol: str, number: int | None, client_id: str | None) -> Order | None:
        """Return an order by its number, or the newest with a client id."""
        if number is None:
            return self._newest.get((symbol, client_id or ""))
        order = self.orders.get(number)
        if order is None or order.symbol != symbol or (client_id and order.client_id != client_id):
            return None
        return order

    def balances(self) -> list[tuple[str, Decimal, Decimal]]:
        """Return asset, free and locked of everything there is."""
        return [(asset, each.free, each.locked) for asset, each in sorted(self.ledger.balances.items()) if each.total]

    def traded(self, symbol: str | None = None) -> dict[str, Decimal]:
        """Return the change of every asset by trades and their commission alone."""
        change: dict[str, Decimal] = {}
        for booked in self.trades:
            if symbol not in {None, booked.symbol}:
                continue
            order, fill = booked.fill.order, booked.fill
            sign = 1 if order.side == "BUY" else -1
            base, quote = order.details["assets"]
            for asset, amount in (
                (base, sign * fill.quantity),
                (quote, -sign * fill.turnover),
                (booked.asset, -booked.commission),
            ):
                change[asset] = change.get(asset, ZERO) + amount
        return change
