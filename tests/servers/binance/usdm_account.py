"""One futures account: wallet, positions and margin, without orders, streams or a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tests.servers.binance.usdm_contracts import Bracket, Contract
from tests.servers.binance.words import ZERO

_UNIT = Decimal("0.00000001")
CROSSED, ISOLATED = "CROSSED", "ISOLATED"


def unit(amount: Decimal) -> Decimal:
    """Round to what a wallet can hold."""
    return amount.quantize(_UNIT) + ZERO


def coins(amount: Decimal) -> str:
    """Write an amount of the margin asset; what rounds to nothing has no sign."""
    return f"{unit(amount):.8f}"


@dataclass(frozen=True)
class Income:
    """One change of the wallet balance; all of them together are the wallet balance."""

    kind: str
    asset: str
    amount: Decimal
    time: int
    number: int
    symbol: str = ""
    trade: str = ""


@dataclass
class Position:
    """One market of the account in one-way mode: what is open there, what rests there, and how it is margined."""

    contract: Contract
    quantity: Decimal = ZERO
    """Negative when short."""
    entry: Decimal = ZERO
    mark: Decimal = ZERO
    leverage: int = 20
    margin: str = CROSSED
    wallet: Decimal = ZERO
    """Set aside for this position alone when it is isolated."""
    realised: Decimal = ZERO
    """Before fees, since the account was opened."""
    bids: Decimal = ZERO
    """Notional value of resting orders that would buy more."""
    asks: Decimal = ZERO
    updated: int = 0

    @property
    def isolated(self) -> bool:
        """Whether the position answers with its own wallet alone."""
        return self.margin == ISOLATED

    @property
    def notional(self) -> Decimal:
        """Value at the mark price, negative when short."""
        return self.quantity * self.mark

    @property
    def profit(self) -> Decimal:
        """Unrealised profit at the mark price."""
        return self.quantity * (self.mark - self.entry)

    @property
    def bracket(self) -> Bracket:
        """The bracket of the present size."""
        return self.contract.bracket(abs(self.notional))

    @property
    def maintenance(self) -> Decimal:
        """Margin that must remain, or the position is liquidated."""
        return self.bracket.maintenance(abs(self.notional)) if self.quantity else ZERO

    @property
    def held(self) -> Decimal:
        """Initial margin of what is open."""
        return abs(self.notional) / self.leverage

    @property
    def initial(self) -> Decimal:
        """Initial margin of what is open together with the resting orders of the more demanding side."""
        return self.demand(self.bids, self.asks) / self.leverage

    def demand(self, bids: Decimal, asks: Decimal) -> Decimal:
        """Return the notional value to be margined with such resting orders."""
        return max(abs(self.notional + bids), abs(self.notional - asks))


class Account:
    """Wallet and positions in one-way mode."""

    def __init__(self, now: Callable[[], int], asset: str = "USDT") -> None:
        self.asset = asset
        self.positions: dict[str, Position] = {}
        self.cross = ZERO
        """Wallet balance that is in no isolated position."""
        self.multi = False
        """Whether several assets stand for losses; as there is but one here, it changes no sum."""
        self.incomes: list[Income] = []
        self._now = now

    def add(self, contract: Contract) -> None:
        """Let the account trade another market."""
        self.positions[contract.symbol] = Position(contract)

    # -- sums

    @property
    def wallet(self) -> Decimal:
        """Wallet balance: everything but unrealised profit."""
        return self.cross + sum((position.wallet for position in self.positions.values()), ZERO)

    @property
    def updated(self) -> int:
        """When the wallet last changed; 0 for never."""
        return self.incomes[-1].time if self.incomes else 0

    @property
    def profit(self) -> Decimal:
        """Unrealised profit of all positions."""
        return sum((position.profit for position in self.positions.values()), ZERO)

    @property
    def cross_profit(self) -> Decimal:
        """Unrealised profit of the positions that share the cross wallet."""
        return sum((position.profit for position in self._crossed()), ZERO)

    @property
    def cross_maintenance(self) -> Decimal:
        """Maintenance margin of the positions that share the cross wallet."""
        return sum((position.maintenance for position in self._crossed()), ZERO)

    @property
    def maintenance(self) -> Decimal:
        """Maintenance margin of all positions."""
        return sum((position.maintenance for position in self.positions.values()), ZERO)

    @property
    def initial(self) -> Decimal:
        """Initial margin of all positions and resting orders."""
        return sum((position.initial for position in self.positions.values()), ZERO)

    @property
    def available(self) -> Decimal:
        """What may be margined anew."""
        return max(self._free(), ZERO)

    @property
    def solvent(self) -> bool:
        """Whether the margin of everything open and resting is there."""
        return self._free() >= 0

    @property
    def withdrawable(self) -> Decimal:
        """What may leave: profit must be realised first."""
        return max(min(self._free(), self._free() - self.cross_profit), ZERO)

    def _crossed(self) -> list[Position]:
        return [position for position in self.positions.values() if not position.isolated]

    def _free(self) -> Decimal:
        used = sum(
            (p.initial - p.held if p.isolated else p.initial for p in self.positions.values()),
            ZERO,
        )
        return self.cross + self.cross_profit - used

    # -- what happens

    def deposit(self, amount: Decimal) -> None:
        """Move money into the cross wallet, or out of it when negative."""
        self._book("TRANSFER", amount)

    def trade(self, symbol: str, quantity: Decimal, price: Decimal, fee: Decimal, trade: str = "") -> Decimal:
        """Buy, or sell when ``quantity`` is negative; return the profit realised, before the fee."""
        position = self.positions[symbol]
        position.updated = self._now()
        closed = self._closing(position, quantity)
        realised = unit(closed * (price - position.entry) * (1 if position.quantity > 0 else -1))
        self._close(position, closed)
        opened = quantity - closed * (1 if quantity > 0 else -1)
        if opened:
            self._open(position, opened, price)
        if closed:
            position.realised += realised
            self._book("REALIZED_PNL", realised, symbol, trade)
        if fee:
            self._book("COMMISSION", -fee, symbol, trade)
        return realised

    @staticmethod
    def _closing(position: Position, quantity: Decimal) -> Decimal:
        if position.quantity * quantity >= 0:
            return ZERO
        return min(abs(position.quantity), abs(quantity))

    def _close(self, position: Position, closed: Decimal) -> None:
        if not closed:
            return
        released = unit(position.wallet * closed / abs(position.quantity))
        position.wallet -= released
        self.cross += released
        position.quantity -= closed * (1 if position.quantity > 0 else -1)
        if not position.quantity:
            self.cross += position.wallet
            position.wallet = position.entry = ZERO

    def _open(self, position: Position, opened: Decimal, price: Decimal) -> None:
        total = position.quantity + opened
        position.entry = (position.quantity * position.entry + opened * price) / total
        position.quantity = total
        position.mark = position.mark or price
        if position.isolated:
            self._set_aside(position, unit(abs(opened) * price / position.leverage))

    def _set_aside(self, position: Position, amount: Decimal) -> None:
        self.cross -= amount
        position.wallet += amount

    def set_mark(self, symbol: str, price: Decimal) -> None:
        """Move the mark price; who must be liquidated is told by ``doomed``."""
        self.positions[symbol].mark = price

    def apply_funding(self, symbol: str, rate: Decimal) -> Decimal:
        """Settle funding of one market and return what the position received, negative when it paid."""
        position = self.positions[symbol]
        amount = unit(-position.notional * rate)
        if amount:
            self._book("FUNDING_FEE", amount, symbol)
            if position.isolated:
                self._set_aside(position, amount)
        return amount

    def _book(self, kind: str, amount: Decimal, symbol: str = "", trade: str = "") -> None:
        amount = unit(amount)
        self.cross += amount
        number = 9_000_000_001 + len(self.incomes)
        self.incomes.append(Income(kind, self.asset, amount, self._now(), number, symbol, trade))

    # -- what it allows

    def affords(self, symbol: str, bids: Decimal, asks: Decimal, loss: Decimal = ZERO) -> bool:
        """Say whether the account could carry such resting orders on a market, losing ``loss`` at once."""
        position = self.positions[symbol]
        more = position.demand(bids, asks) / position.leverage - position.initial
        return more <= 0 or self._free() >= more + loss

    def move_margin(self, symbol: str, amount: Decimal) -> bool:
        """Add margin to an isolated position, or take some away; return whether that was possible."""
        position = self.positions[symbol]
        spare = position.wallet + min(position.profit, ZERO) - position.held
        if not position.isolated or not position.quantity or amount > self.available or -amount > spare:
            return False
        self._set_aside(position, amount)
        return True

    # -- liquidation

    def liquidation_price(self, symbol: str) -> Decimal | None:
        """Return the mark price at which what the position answers with equals its maintenance margin."""
        position = self.positions[symbol]
        quantity = position.quantity
        if not quantity:
            return None
        answering = position.wallet
        if not position.isolated:
            others = (self.cross_profit - position.profit) - (self.cross_maintenance - position.maintenance)
            answering = self.cross + others
        for bracket in position.contract.brackets:
            price = (quantity * position.entry - answering - bracket.deducted) / (
                quantity - abs(quantity) * bracket.rate
            )
            size = abs(quantity) * price
            last = bracket is position.contract.brackets[-1]
            if price > 0 and bracket.floor <= size and (last or size < bracket.cap):
                return price
        return None

    def ratio(self) -> Decimal:
        """Return how much of the cross margin balance the maintenance margin takes; liquidation comes at 1."""
        equity = self.cross + self.cross_profit
        return self.cross_maintenance / equity if equity > 0 else Decimal(int(self.cross_maintenance > 0))

    def doomed(self) -> str | None:
        """Return the market whose position must be liquidated next: an isolated one, or the largest of the cross."""
        for symbol, position in self.positions.items():
            if position.isolated and position.quantity and position.wallet + position.profit <= position.maintenance:
                return symbol
        open_positions = [position for position in self._crossed() if position.quantity]
        if not open_positions or self.cross + self.cross_profit > self.cross_maintenance:
            return None
        return max(open_positions, key=lambda position: position.maintenance).contract.symbol

    def liquidate(self, symbol: str, price: Decimal, fee: Decimal = ZERO, trade: str = "") -> Decimal:
        """Close a position for the exchange; its fee takes what is left, the insurance fund pays what is missing."""
        position = self.positions[symbol]
        quantity, alone, own = position.quantity, position.isolated, position.wallet
        realised = self.trade(symbol, -quantity, price, fee, trade)
        left = own + realised - fee if alone else self.cross + self.cross_profit
        if left > 0:
            charge = unit(abs(quantity) * price * position.contract.liquidation_fee)
            self._book("INSURANCE_CLEAR", -min(left, charge), symbol)
        elif left < 0 and (alone or not any(other.quantity for other in self._crossed())):
            self._book("INSURANCE_CLEAR", -left, symbol)
        return realised
