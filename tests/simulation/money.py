"""What every asset and position of the simulated account came to, by whose doing, at every instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from data.events import FundingPaid
from data.grids import MarginMode
from data.market import Market, MarketKind
from data.values import ZERO, Millis
from engine.exchanges.base import Balance, Position

OURS, FOREIGN = "ours", "foreign"


def holding(market: Market) -> str:
    """Return the name under which what is bought on a market is kept: an asset, or the position on a perpetual."""
    return market.symbol if market.perpetual else market.base


def money(market: Market) -> str:
    """Return the name of the cash that trades on a market move; perpetuals have a wallet of their own."""
    return f"{market.quote} of perpetuals" if market.perpetual else market.quote


class Money:
    """Cash flows, exact: of a perpetual the money paid for the position, not its profit."""

    def __init__(self) -> None:
        self.moved: dict[str, defaultdict[str, Decimal]] = {OURS: defaultdict(Decimal), FOREIGN: defaultdict(Decimal)}
        """What trading, funding and transfers did, by whose doing."""
        self.paid: list[FundingPaid] = []
        self.entries: dict[str, Decimal] = {}
        """At which price positions on a perpetual count as opened: any will do for a wallet that goes by the same."""
        self.settings: dict[str, tuple[int, MarginMode]] = {}
        """Leverage and margin mode by perpetual market."""
        self._history: list[tuple[Millis, str, Decimal]] = []

    def book(self, owner: str, name: str, amount: Decimal, at: Millis) -> None:
        """Enter one change."""
        self.moved[owner][name] += amount
        self._history.append((at, name, amount))

    def total(self, name: str, at: Millis | None = None) -> Decimal:
        """Return what there is now, or was at an instant not long ago."""
        total = self.moved[OURS][name] + self.moved[FOREIGN][name]
        if at is not None:
            for when, which, amount in reversed(self._history):
                if when <= at:
                    break
                if which == name:
                    total -= amount
        return total

    def balances(self, assets: set[str], locked: dict[str, Decimal], at: Millis) -> list[Balance]:
        """Return the assets of the spot wallet."""
        totals = {asset: self.total(asset, at) for asset in sorted(assets)}
        kept = {asset: min(locked.get(asset, ZERO), total) for asset, total in totals.items()}
        return [Balance(asset, total - kept[asset], kept[asset], MarketKind.SPOT) for asset, total in totals.items()]

    def margin(self, name: str, symbols: Iterable[str], at: Millis) -> Decimal:
        """Return the balance of the wallet that answers for positions, without their unrealised profit."""
        return self.total(name, at) + sum((self.total(each, at) * self.entries[each] for each in symbols), ZERO)

    def position(self, symbol: str, mark: Decimal, at: Millis) -> Position | None:
        """Return what is open on a perpetual; None when it is flat."""
        quantity = self.total(symbol, at)
        leverage, margin = self.settings.get(symbol, (20, MarginMode.CROSS))
        if quantity == ZERO:
            return None
        return Position(
            symbol=symbol,
            quantity=quantity,
            entry_price=self.entries[symbol],
            mark_price=mark,
            liquidation_price=None,
            leverage=leverage,
            margin=margin,
        )
