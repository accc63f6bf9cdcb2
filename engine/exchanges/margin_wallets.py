"""All wallets of perpetuals of a simulated account: positions, funding, and money moved to and from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from data.accounts import MarginBooks
from data.events import FundingPaid
from data.grids import MarginMode
from data.market import Market, MarketKind
from data.values import ZERO, Millis, Mode, plain
from engine.exchanges.base import Balance, Position
from engine.exchanges.margin_account import Held, MarginAccount, position_of, survives
from engine.exchanges.wallets import SpotWallet


class MarginWallets:
    """One wallet for each asset that perpetuals are margined in."""

    def __init__(self, markets: Iterable[Market], balances: Mapping[str, Decimal]) -> None:
        """Start with ``balances`` by asset and without positions."""
        perpetuals = [market for market in markets if market.perpetual]
        self.accounts = {
            asset: MarginAccount(asset, (market for market in perpetuals if market.quote == asset))
            for asset in sorted({market.quote for market in perpetuals} | balances.keys())
        }
        for asset, amount in balances.items():
            self.accounts[asset].wallet = amount
        self._symbols = {market.symbol: self.accounts[market.quote] for market in perpetuals}
        self._paid: dict[str, FundingPaid] = {}
        self._news: list[FundingPaid] = []
        self._transfers: set[str] = set()

    def account(self, symbol: str) -> MarginAccount:
        """Return the wallet that a market is margined in."""
        return self._symbols[symbol]

    def held(self, symbol: str) -> Held:
        """Return the position of a market, flat or not."""
        return self._symbols[symbol].held[symbol]

    def balances(self) -> list[Balance]:
        """Return the wallets that hold anything."""
        return [balance for account in self.accounts.values() if (balance := account.balance()).total]

    def positions(self) -> list[Position]:
        """Return every open position."""
        accounts = self.accounts.values()
        return [position_of(account, held.market.symbol) for account in accounts for held in account.open()]

    def survives(self, lows: Mapping[str, Decimal], highs: Mapping[str, Decimal]) -> bool:
        """Return whether nothing is liquidated while marks stay within bounds, however they move together."""
        return all(survives(account, lows, highs) for account in self.accounts.values())

    # -- what comes and goes besides trades

    def fund(self, symbol: str, quantity: Decimal, each: Decimal, at: Millis) -> None:
        """Let a position pay ``each`` for every piece of base, once for each instant."""
        name = f"{symbol} {at}"
        if quantity and name not in self._paid:
            amount = self.account(symbol).fund(symbol, quantity, each)
            paid = FundingPaid(at=at, id=name, symbol=symbol, mode=Mode.SHADOW, amount=amount)
            self._paid[name] = paid
            self._news.append(paid)

    def drain(self) -> list[FundingPaid]:
        """Return funding settled since the last call, oldest first, and forget that it is news."""
        news, self._news = self._news, []
        return news

    def funding(self, symbols: Collection[str], since: Millis) -> list[FundingPaid]:
        """Return funding settled on some markets at or after ``since``, oldest first."""
        return [paid for paid in self._paid.values() if paid.symbol in symbols and paid.at >= since]

    def configure(self, symbol: str, leverage: int, margin: MarginMode) -> str:
        """Set leverage and margin mode of a market, or return why that is not possible."""
        return self._symbols[symbol].configure(symbol, leverage, margin)

    def transfer(
        self, spot: SpotWallet, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str
    ) -> str:
        """Move money to or from the assets of ``spot``, once for each key, or return why that is not possible."""
        if key in self._transfers:
            return ""
        account = self.accounts.get(asset)
        if account is None or source is target:
            return f"{asset} is not moved from {source} to {target}"
        free = spot.free.get(asset, ZERO) if source is MarketKind.SPOT else account.withdrawable()
        if not ZERO < amount <= free:
            return f"{plain(amount)} {asset} cannot be moved, {plain(free)} {asset} can"
        signed = amount if target is MarketKind.SPOT else -amount
        spot.free[asset] = spot.free.get(asset, ZERO) + signed
        account.wallet -= signed
        self._transfers.add(key)
        return ""

    # -- persistence

    def books(self, payments: Iterable[FundingPaid] | None = None) -> MarginBooks:
        """Return everything, with all payments or with those given."""
        accounts = self.accounts.values()
        return MarginBooks(
            balances={account.asset: account.wallet for account in accounts},
            positions=tuple(held.books() for account in accounts for held in account.held.values() if held.touched),
            payments=tuple(self._paid.values() if payments is None else payments),
            transfers=frozenset(self._transfers),
        )

    def restore(self, books: MarginBooks) -> None:
        """Replace everything but what rests; assets that were never there keep what the account was opened with."""
        for asset, account in self.accounts.items():
            account.wallet = books.balances.get(asset, account.wallet)
        for position in books.positions:
            if position.symbol in self._symbols:
                self.held(position.symbol).restore(position)
        self._paid, self._news = {paid.id: paid for paid in books.payments}, []
        self._transfers = set(books.transfers)
