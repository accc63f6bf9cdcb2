"""The one protocol every exchange adapter speaks, and the closed set of answers it may give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from data.events import OrderUpdate, RejectReason, TickerMoved
from data.market import Candle, Market, Ticker
from data.orders import Fill, OrderStatus
from data.values import Millis, Side
from engine.risk import Approved


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The order is on the exchange. Fills arrive as ``OrderFilled`` through the stream, never here."""

    client_id: str
    exchange_id: str


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange refused; the order does not exist."""

    client_id: str
    reason: RejectReason
    message: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """No answer in time. Ask ``order(client_id)`` before anything else happens to it."""

    client_id: str
    message: str


Submitted = Accepted | Rejected | Unknown


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange knows about one order."""

    client_id: str
    exchange_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    filled: Decimal
    status: OrderStatus


class Balance(msgspec.Struct, frozen=True):
    """Amounts of one asset: ``free`` may be used, ``locked`` rests in orders."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """Return free + locked."""
        return self.free + self.locked


class ExchangeUnavailable(Exception):
    """A read failed: network down, throttled, or the exchange is in maintenance. Nothing is known; try later."""


class MarketUnknown(Exception):
    """The exchange does not list the symbol. ``near`` holds up to five similar ones."""

    def __init__(self, symbol: str, near: Sequence[str] = ()) -> None:
        """Remember the symbol asked for and the nearest listed ones."""
        super().__init__(symbol)
        self.symbol = symbol
        self.near = tuple(near)


Emit = Callable[[TickerMoved | OrderUpdate], None]
"""Puts an event into the inbox. Never blocks, may be called from the adapter's own tasks."""


class Exchange(Protocol):
    """One account on one exchange. Every method but ``subscribe`` may raise ``ExchangeUnavailable``."""

    name: str

    async def open(self, emit: Emit) -> None:
        """Connect; from here on order updates of this account go to ``emit``."""

    async def close(self) -> None:
        """Stop all tasks and connections. Safe to call twice."""

    async def clock_skew(self) -> int:
        """Return exchange time minus local time in milliseconds."""

    async def markets(self) -> Sequence[Market]:
        """Return all tradable markets with the filters and fees of this account."""

    async def market(self, symbol: str) -> Market:
        """Return one market. Raises ``MarketUnknown``."""

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices."""

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest ``limit`` bars, oldest first; ``timeframe`` as ``1m``, ``5m``, ``1h``, ``1d``."""

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Stream tickers of exactly these symbols to ``emit``; replaces the previous set."""

    async def submit(self, order: Approved) -> Submitted:
        """Place an order under its client id. Submitting the same id twice never makes two orders.

        Where an exchange accepts a crossing post-only order and expires it at once, answer ``WOULD_TAKE`` all the same:
        an accepted order that vanishes is placed again.
        """

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Ask to take an order off the book; the outcome arrives as ``OrderCancelled`` or fills. Unknown ids: no-op."""

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return what the exchange knows of an order, or None when it proves absent."""

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return all resting orders of the account on a market, foreign ones included."""

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return own executions at or after ``since``, oldest first."""

    async def balances(self) -> Sequence[Balance]:
        """Return all assets held."""


def timeframe_millis(timeframe: str) -> Millis:
    """Return the length of a bar such as ``5m`` in milliseconds. Raises ValueError for anything else."""
    units = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
    count, unit = timeframe[:-1], timeframe[-1:]
    if not count.isdigit() or unit not in units or int(count) < 1:
        raise ValueError(f"timeframe: {timeframe!r} is not a number followed by m, h or d, such as 1m, 5m, 1h, 1d")
    return int(count) * units[unit]
