"""A store whose disk can be full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from data.accounts import AccountStore, MarginBooks
from data.database import Database, StorageFull
from data.orders import Fill, Order


class ForgetfulStore(AccountStore):
    """Saves like the real one unless ``full``."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.full = False

    def save(
        self,
        orders: Iterable[Order] = (),
        fills: Iterable[Fill] = (),
        balances: Mapping[str, Decimal] | None = None,
        trades: int = 0,
        margin: MarginBooks | None = None,
    ) -> None:
        """Save, or say that the disk is full."""
        if self.full:
            raise StorageFull("the disk is full")
        super().save(orders, fills, balances, trades, margin)
