"""Books of a simulated exchange: balances, orders and fills that outlive the engine as a real exchange's would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from data.database import Database
from data.events import FundingPaid
from data.grids import MarginMode
from data.orders import Fill, Order
from data.values import ZERO

REMEMBERED = 10_000
"""Finished orders, fills and payments that ``load`` returns in full; the client ids of all other orders are kept."""

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

_PUT_MARGIN = (
    "INSERT INTO margin_balance (asset, total) VALUES (?, ?) ON CONFLICT (asset) DO UPDATE SET total = excluded.total"
)
_PUT_POSITION = (
    "INSERT INTO margin_position (symbol, body) VALUES (?, ?) ON CONFLICT (symbol) DO UPDATE SET body = excluded.body"
)
_PUT_PAYMENT = "INSERT INTO margin_payment (payment_id, body) VALUES (?, ?) ON CONFLICT (payment_id) DO NOTHING"
_PUT_TRANSFER = "INSERT INTO margin_transfer (key) VALUES (?) ON CONFLICT (key) DO NOTHING"
_PAYMENTS = (
    "SELECT body FROM (SELECT position, body FROM margin_payment ORDER BY position DESC LIMIT ?) ORDER BY position"
)


class PositionBooks(msgspec.Struct, frozen=True, kw_only=True):
    """One perpetual market of the account: what is open there, and how it is margined."""

    symbol: str
    quantity: Decimal = ZERO
    """Base; negative when short."""
    cost: Decimal = ZERO
    """Quantity times the average price it was entered at, negative when short."""
    leverage: int = 1
    margin: MarginMode = MarginMode.CROSS
    aside: Decimal = ZERO
    """Part of the wallet that answers for this position alone when it is isolated."""


class MarginBooks(msgspec.Struct, frozen=True, kw_only=True):
    """The wallet of perpetuals."""

    balances: dict[str, Decimal] = {}
    """Wallet balance of each margin asset."""
    positions: tuple[PositionBooks, ...] = ()
    payments: tuple[FundingPaid, ...] = ()
    """The newest funding, oldest first."""
    transfers: frozenset[str] = frozenset()
    """Keys of all transfers between the wallets."""


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
    margin: MarginBooks = MarginBooks()


class AccountStore:
    """The books of the one account in a database."""

    def __init__(self, database: Database) -> None:
        """Keep the books in ``database``, best a file of its own."""
        self._database = database
        self._encode = msgspec.json.Encoder().encode
        self._order = msgspec.json.Decoder(Order).decode
        self._fill = msgspec.json.Decoder(Fill).decode
        self._position = msgspec.json.Decoder(PositionBooks).decode
        self._payment = msgspec.json.Decoder(FundingPaid).decode

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
            margin=MarginBooks(
                balances={asset: Decimal(total) for asset, total in database.rows("SELECT * FROM margin_balance")},
                positions=tuple(self._position(body) for (body,) in database.rows("SELECT body FROM margin_position")),
                payments=tuple(self._payment(body) for (body,) in database.rows(_PAYMENTS, (REMEMBERED,))),
                transfers=frozenset(key for (key,) in database.rows("SELECT key FROM margin_transfer")),
            ),
        )

    def save(
        self,
        orders: Iterable[Order] = (),
        fills: Iterable[Fill] = (),
        balances: Mapping[str, Decimal] | None = None,
        trades: int = 0,
        margin: MarginBooks | None = None,
    ) -> None:
        """Write what changed in one durable transaction.

        Orders, balances and positions replace; fills, payments and transfers are added once.

        ``trades`` is the number of the last trade id given out; the highest ever saved is kept.
        """
        database, encode = self._database, self._encode
        with database.transaction():
            database.run_many(_PUT_ORDER, [(o.draft.client_id, o.status.live, encode(o)) for o in orders])
            database.run_many(_PUT_FILL, [(fill.trade_id, encode(fill)) for fill in fills])
            database.run_many(_PUT_BALANCE, [(asset, str(total)) for asset, total in (balances or {}).items()])
            database.run(_PUT_TRADES, (trades,))
            if margin is not None:
                self._save_margin(margin)

    def _save_margin(self, margin: MarginBooks) -> None:
        database, encode = self._database, self._encode
        database.run_many(_PUT_MARGIN, [(asset, str(total)) for asset, total in margin.balances.items()])
        database.run_many(_PUT_POSITION, [(position.symbol, encode(position)) for position in margin.positions])
        database.run_many(_PUT_PAYMENT, [(payment.id, encode(payment)) for payment in margin.payments])
        database.run_many(_PUT_TRANSFER, [(key,) for key in margin.transfers])
