"""A second, tiny reading of what a perpetual's grid trades and is paid for, to compare the engine with.

It knows no margin and no exits: it is asked only about prices that stay within the range. The rules it follows:

- slots whose upper line lies above the price at the start begin full; a long grid buys what they hold at the start, a
  short one sells what the others will buy, a neutral one trades nothing;
- a full slot sells at its upper line, an empty one buys at its lower line; what a bar trades through fills at its own
  price, and a slot has at most one leg per bar;
- makers pay one fee, takers another; a rate is paid for by what was held before the bar that its instant falls into, at
  the open of that bar, to eight decimals, and only after the start.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from data.candles import CandleColumns
from data.funding import FundingColumns
from data.grids import Direction
from data.market import Fees

Traded = tuple[int, int, str, Decimal, Decimal]
"""Bar index, slot (-1: the whole bot), side, price, quantity."""


@dataclass
class PerpetualReference:
    """One run: make it, call ``run``, then look at ``fills``, ``cash``, ``base``, ``fees`` and ``funding``."""

    direction: Direction
    lines: tuple[Decimal, ...]
    quantity: Decimal
    fees_of: Fees
    cash: Decimal
    base: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    payments: int = 0
    fills: list[Traded] = field(default_factory=list)

    def run(self, columns: CandleColumns, rates: FundingColumns) -> None:
        """Trade all bars and be paid, or pay, every rate that falls into one after the start."""
        price = columns.open[0]
        full = [upper > price for upper in self.lines[1:]]
        taken = {Direction.LONG: sum(full), Direction.NEUTRAL: 0, Direction.SHORT: sum(full) - len(full)}
        if taken[self.direction]:
            self._trade(0, -1, taken[self.direction] * self.quantity, price, self.fees_of.taker)
        end = columns.at[-1] + min(b - a for a, b in pairwise(columns.at))
        due: dict[int, list[Decimal]] = {}
        for at, rate in zip(rates.at, rates.rate, strict=True):
            if columns.at[0] < at < end:
                due.setdefault(bisect_right(columns.at, at) - 1, []).append(rate)
        for bar, (first, high, low) in enumerate(zip(columns.open, columns.high, columns.low, strict=True)):
            for rate in due.get(bar, []):
                self._pay(-(self.base * (rate * first)).quantize(Decimal("1e-8")))
            for slot, (lower, upper) in enumerate(pairwise(self.lines)):
                if full[slot] and high > upper:
                    self._trade(bar, slot, -self.quantity, upper, self.fees_of.maker)
                elif not full[slot] and low < lower:
                    self._trade(bar, slot, self.quantity, lower, self.fees_of.maker)
                else:
                    continue
                full[slot] = not full[slot]

    def _trade(self, bar: int, slot: int, change: Decimal, price: Decimal, rate: Decimal) -> None:
        fee = abs(change) * price * rate
        self.cash -= change * price + fee
        self.base += change
        self.fees += fee
        self.fills.append((bar, slot, "buy" if change > 0 else "sell", price, abs(change)))

    def _pay(self, amount: Decimal) -> None:
        if self.base:
            self.payments += 1
            self.cash += amount
            self.funding += amount
