"""Balances of one account: free and locked, to the last unit, with everything that came from outside."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from tests.servers.binance.words import ZERO


@dataclass(slots=True)
class Balance:
    """What an account has of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Free and locked."""
        return self.free + self.locked


class Ledger:
    """Balances by asset; nothing may go below zero."""

    def __init__(self) -> None:
        self.balances: defaultdict[str, Balance] = defaultdict(Balance)
        self.deposited: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        """The sum of what came in, less what went out, other than by trading."""

    def free(self, asset: str) -> Decimal:
        """Return what can be spent."""
        return self.balances[asset].free

    def total(self, asset: str) -> Decimal:
        """Return free and locked together."""
        return self.balances[asset].total

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Add what comes from outside, or take away with a negative amount."""
        self.deposited[asset] += amount
        self.add(asset, amount)

    def add(self, asset: str, amount: Decimal) -> None:
        """Change what is free."""
        balance = self.balances[asset]
        balance.free += amount
        assert balance.free >= 0, f"{asset} fell to {balance.free}"

    def lock(self, asset: str, amount: Decimal) -> None:
        """Set something free aside for an order, or free it again with a negative amount."""
        balance = self.balances[asset]
        balance.free -= amount
        balance.locked += amount
        assert balance.free >= 0, f"{asset} has {balance.free} free"
        assert balance.locked >= 0, f"{asset} has {balance.locked} locked"
