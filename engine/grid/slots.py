"""The slot ledger: what each interval holds, what rests for it, and what should rest.

A slot is the interval between two neighbouring lines. Whatever happened before, two numbers say what must rest now:

    buy  at its lower line:  capacity - held - awaiting - (buys already resting)
    sell at its upper line:  held - (sells already resting)

each only when it reaches the market's minimum; a smaller rest stays in the slot and rides on with the next cycle. The
state depends on nothing but the fills of the slot, so it can be rebuilt from them, and a partial fill needs no rule of
its own: what was bought is offered, what is missing is bid for.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.market import Filters
from data.values import ZERO, Side, ceil_to, floor_to


class Lot(msgspec.Struct):
    """Base bought at one price and not yet sold. ``initial`` lots came with the start and are no grid profit."""

    quantity: Decimal
    price: Decimal
    initial: bool = False


class Slot(msgspec.Struct, kw_only=True):
    """One interval of the grid. Quantities in base, prices in quote."""

    index: int
    lower: Decimal
    upper: Decimal
    capacity: Decimal
    lots: list[Lot] = []
    held: Decimal = ZERO
    """Σ quantity of ``lots``."""
    awaiting: Decimal = ZERO
    """Initial inventory still to arrive."""
    buying: Decimal = ZERO
    """Σ remaining quantity of resting buys."""
    selling: Decimal = ZERO
    buy_cycle: int = 0
    """Number of buy orders this slot has had; the next client id counts on from here."""
    sell_cycle: int = 0
    cycles: int = 0
    """Times the slot sold off what the grid had bought for it."""
    crossed: int = 0
    """Post-only rejections in a row."""
    waiting: bool = False
    """Price crossed the line, or was missing: try again at the next tick."""
    open: bool = False
    """Has no upper line: what it holds waits for lines to be laid, and nothing rests for it."""
    blocked: bool = False
    """Refused or rejected: leave the slot alone until someone asks to decide again."""

    def resting(self, side: Side) -> Decimal:
        """Return the quantity resting on one side."""
        return self.buying if side is Side.BUY else self.selling

    def rest(self, side: Side, quantity: Decimal) -> None:
        """Add ``quantity`` (negative: take away) to what rests on one side."""
        if side is Side.BUY:
            self.buying += quantity
        else:
            self.selling += quantity

    def next_cycle(self, side: Side) -> int:
        """Return the number for the next order on one side, and count it."""
        if side is Side.BUY:
            self.buy_cycle += 1
            return self.buy_cycle
        self.sell_cycle += 1
        return self.sell_cycle

    def last_cycle(self, side: Side) -> int:
        """Return the number of the newest order on one side; 0 when there was none."""
        return self.buy_cycle if side is Side.BUY else self.sell_cycle

    def add(self, quantity: Decimal, price: Decimal, *, initial: bool) -> None:
        """Put bought base into the slot."""
        last = self.lots[-1] if self.lots else None
        if last is not None and last.price == price and last.initial == initial:
            last.quantity += quantity
        else:
            self.lots.append(Lot(quantity, price, initial))
        self.held += quantity

    def take(self, quantity: Decimal) -> list[Lot]:
        """Remove ``quantity`` of base, oldest first, and return the lots it came from."""
        taken: list[Lot] = []
        self.held -= quantity
        while quantity > ZERO:
            lot = self.lots[0]
            part = min(lot.quantity, quantity)
            taken.append(Lot(part, lot.price, lot.initial))
            quantity -= part
            if part == lot.quantity:
                del self.lots[0]
            else:
                lot.quantity -= part
        return taken


def gap(
    side: Side,
    *,
    capacity: Decimal,
    held: Decimal,
    awaiting: Decimal,
    resting: Decimal,
    price: Decimal,
    filters: Filters,
) -> Decimal:
    """Return the base to place on one side of a slot, on the market's step; zero when it is under a minimum."""
    wanted = capacity - held - awaiting - resting if side is Side.BUY else held - resting
    if wanted < filters.quantity_step:
        return ZERO
    quantity = floor_to(wanted, filters.quantity_step)
    if quantity < filters.min_quantity or quantity * price < filters.min_notional:
        return ZERO
    return quantity


def least(price: Decimal, filters: Filters) -> Decimal:
    """Return the smallest quantity, on the market's step, that an order at ``price`` may have."""
    smallest = max(filters.min_quantity, filters.min_notional / price, filters.quantity_step)
    return ceil_to(smallest, filters.quantity_step)


def missing(slot: Slot, side: Side, filters: Filters) -> Decimal:
    """Return the base to place on one side of ``slot`` now."""
    if slot.open:
        return ZERO
    return gap(
        side,
        capacity=slot.capacity,
        held=slot.held,
        awaiting=slot.awaiting,
        resting=slot.buying if side is Side.BUY else slot.selling,
        price=slot.lower if side is Side.BUY else slot.upper,
        filters=filters,
    )


def unstick(slot: Slot, filters: Filters) -> None:
    """Let a slot grow that could never trade again, since neither what it holds nor what it lacks makes an order.

    It bids for the smallest order instead of what it lacks. From twice the smallest order on, this cannot happen.
    """
    lacking = slot.capacity - slot.held
    if slot.open or slot.buying or slot.selling or slot.awaiting or slot.held <= ZERO or lacking <= ZERO:
        return
    if missing(slot, Side.SELL, filters) == ZERO == missing(slot, Side.BUY, filters):
        slot.capacity = slot.held + least(slot.lower, filters)


def violations(slots: Sequence[Slot]) -> list[str]:
    """Return every broken slot invariant in words; an empty list when the ledger is sound."""
    found = []
    for slot in slots:
        name = f"slot {slot.index}"
        if slot.held != sum((lot.quantity for lot in slot.lots), ZERO):
            found.append(f"{name}: held {slot.held} is not the sum of its lots")
        if any(lot.quantity <= ZERO for lot in slot.lots):
            found.append(f"{name}: has an empty lot")
        if min(slot.buying, slot.selling, slot.awaiting, slot.held) < ZERO:
            found.append(f"{name}: a quantity is negative")
        if slot.buying > ZERO and slot.held + slot.awaiting + slot.buying > slot.capacity:
            found.append(f"{name}: holds and bids for more than its capacity {slot.capacity}")
        if slot.selling > slot.held:
            found.append(f"{name}: offers {slot.selling}, more than it holds ({slot.held})")
    return found
