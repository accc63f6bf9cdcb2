"""Books of a simulated exchange: balances, orders and fills that outlive the engine as a real exchange's would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from data.database import Database
from data.orders import Fill, Order

REMEMBERED = 10_000
"""Finished orders, and fills, that ``load`` returns with their details; the client ids of all others are kept."""

_ORDERS = (
    "SELECT body FROM account_order WHERE live = 1 OR position IN "
    "(SELECT position FROM account_order WHERE live = 0 ORDER BY position DESC LIMIT ?) ORDER BY position"
)
_FILLS = "SELECT body FROM (SELECT position, body FROM account_fill ORDER BY position DESC LIMIT ?) ORDER BY position"
_PUT_ORDER = (
    "INSERT INTO account_order (client_id, live, body) VALUES (?, ?, ?) "
    "ON CONFLICT (client_id) DO UPDATE SET live = excluded.live, body = excluded.body"
)
_PUT_FILL = "INSERT INTO account_fill (trade_id, body) VALUES (?, ?) ON CONFLICT (trade_id) DO NOTHING"
_PUT_BALANCE = (
    "INSERT INTO account_balance (asset, total) VALUES (?, ?) ON CONFLICT (asset) DO UPDATE SET total = excluded.total"
)
_PUT_TRADES = (
    "INSERT INTO account (one, trades) VALUES (1, ?) "
    "ON CONFLICT (one) DO UPDATE SET trades = max(trades, excluded.trades)"
)


class AccountBooks(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a simulated account knows."""

    balances: dict[str, Decimal]
    """Total of each asset, what rests in orders included."""
    orders: tuple[Order, ...] = ()
    """All live orders and the newest finished ones, in the order they were first saved."""
    fills: tuple[Fill, ...] = ()
    """The newest executions, oldest first."""
    known: frozenset[str] = frozenset()
    """Client ids of all orders ever saved."""
    trades: int = 0
    """Number of the last trade id given out."""


class AccountStore:
    """The books of the one account in a database."""

    def __init__(self, database: Database) -> None:
        """Keep the books in ``database``, best a file of its own."""
        self._database = database
        self._encode = msgspec.json.Encoder().encode
        self._order = msgspec.json.Decoder(Order).decode
        self._fill = msgspec.json.Decoder(Fill).decode

    def load(self) -> AccountBooks | None:
        """Return the books, or None before the first ``save``."""
        row = self._database.row("SELECT trades FROM account")
        if row is None:
            return None
        database = self._database
        return AccountBooks(
            balances={asset: Decimal(total) for asset, total in database.rows("SELECT * FROM account_balance")},
            orders=tuple(self._order(body) for (body,) in database.rows(_ORDERS, (REMEMBERED,))),
            fills=tuple(self._fill(body) for (body,) in database.rows(_FILLS, (REMEMBERED,))),
            known=frozenset(client_id for (client_id,) in database.rows("SELECT client_id FROM account_order")),
            trades=row[0],
        )

    def save(
        self,
        orders: Iterable[Order] = (),
        fills: Iterable[Fill] = (),
        balances: Mapping[str, Decimal] | None = None,
        trades: int = 0,
    ) -> None:
        """Write what changed in one durable transaction: orders and balances replace, fills are added once.

        ``trades`` is the number of the last trade id given out; the highest ever saved is kept.
        """
        database, encode = self._database, self._encode
        with database.transaction():
            database.run_many(_PUT_ORDER, [(o.draft.client_id, o.status.live, encode(o)) for o in orders])
            database.run_many(_PUT_FILL, [(fill.trade_id, encode(fill)) for fill in fills])
            database.run_many(_PUT_BALANCE, [(asset, str(total)) for asset, total in (balances or {}).items()])
            database.run(_PUT_TRADES, (trades,))
