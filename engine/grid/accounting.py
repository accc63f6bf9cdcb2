"""The books of one bot, exact in Decimal.

Identity, asserted in tests and printed in every report (all in quote, ``m`` the mark price):

    equity(m) - invested = grid profit + unpaired(m) - fees

``equity`` is cash + base·m, from the cash flows of the fills; ``grid profit`` and ``unpaired`` come from the lots in
the slots. The two sides are computed from different records, so an error in either shows. A fee taken in base is booked
at the price of its fill: the base leaves the lot, its worth goes to ``fees``.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from data.market import Market
from data.orders import Fill, Purpose
from data.values import ZERO
from engine.grid.slots import Lot, Slot


class Books(msgspec.Struct, kw_only=True):
    """Cash flows and profits of one bot, in quote unless said otherwise."""

    invested: Decimal
    cash: Decimal
    base: Decimal = ZERO
    """Base held, from fills alone."""
    lot_quantity: Decimal = ZERO
    """Base held, from the slots."""
    lot_cost: Decimal = ZERO
    """Σ quantity × price of the lots."""
    grid_profit: Decimal = ZERO
    """Gross profit of base bought and sold by the grid."""
    realised: Decimal = ZERO
    """Gross profit of initial inventory sold, and of everything sold by closing."""
    fees: Decimal = ZERO
    fills: int = 0
    volume: Decimal = ZERO
    start_price: Decimal = ZERO
    mix_base: Decimal = ZERO
    """Base bought at the start: with ``mix_cash``, what "hold the initial mix" would hold."""
    mix_cash: Decimal

    def equity(self, mark: Decimal) -> Decimal:
        """Return cash plus base at ``mark``."""
        return self.cash + self.base * mark

    def unpaired(self, mark: Decimal) -> Decimal:
        """Return the profit of open slots and of inventory sold outside the grid's pairs, at ``mark``."""
        return self.realised + self.lot_quantity * mark - self.lot_cost

    def identity_error(self, mark: Decimal) -> Decimal:
        """Return by how much the two sides of the identity differ; anything but zero is a bug."""
        return (self.equity(mark) - self.invested) - (self.grid_profit + self.unpaired(mark) - self.fees)

    def buy_and_hold(self, mark: Decimal) -> Decimal:
        """Return what the investment would be worth, had it all bought base at the start, without fees."""
        return self.invested / self.start_price * mark if self.start_price else self.invested

    def hold_initial_mix(self, mark: Decimal) -> Decimal:
        """Return what the initial inventory and cash would be worth at ``mark``, without fees."""
        return self.mix_cash + self.mix_base * mark


def open_books(invested: Decimal, start_price: Decimal) -> Books:
    """Return the books of a bot that has its investment in cash and nothing else."""
    return Books(invested=invested, cash=invested, mix_cash=invested, start_price=start_price)


def book_bought(books: Books, market: Market, fill: Fill, purpose: Purpose) -> Decimal:
    """Enter a buy and return the base that arrived after a fee taken in base; the caller puts it into slots."""
    in_base = fill.fee if fill.fee_asset == market.base else ZERO
    arrived = fill.quantity - in_base
    books.cash -= fill.notional if fill.fee_asset == market.base else fill.notional + fill.fee_quote
    books.base += arrived
    books.lot_quantity += arrived
    books.lot_cost += arrived * fill.price
    if purpose is Purpose.INITIAL:
        books.mix_base += arrived
        books.mix_cash -= arrived * fill.price
    _count(books, fill)
    return arrived


def book_sold(books: Books, fill: Fill, lots: Iterable[Lot], *, pairs: bool) -> Decimal:
    """Enter a sale of ``lots`` and return the base of it that closed grid cycles (zero unless ``pairs``)."""
    books.cash += fill.notional - fill.fee_quote
    books.base -= fill.quantity
    closed = ZERO
    for lot in lots:
        cost = lot.quantity * lot.price
        gain = lot.quantity * fill.price - cost
        books.lot_quantity -= lot.quantity
        books.lot_cost -= cost
        if pairs and not lot.initial:
            books.grid_profit += gain
            closed += lot.quantity
        else:
            books.realised += gain
    _count(books, fill)
    return closed


def _count(books: Books, fill: Fill) -> None:
    books.fees += fill.fee_quote
    books.fills += 1
    books.volume += fill.notional


def share(arrived: Decimal, slots: Iterable[Slot], price: Decimal) -> None:
    """Give initial inventory to the slots awaiting it, lowest line first."""
    for slot in slots:
        if arrived == ZERO:
            return
        part = min(arrived, slot.awaiting)
        if part > ZERO:
            slot.add(part, price, initial=True)
            slot.awaiting -= part
            arrived -= part
    if arrived > ZERO:
        _keep_surplus(arrived, slots, price)


def _keep_surplus(arrived: Decimal, slots: Iterable[Slot], price: Decimal) -> None:
    # Rounding the initial buy up to the step can deliver a hair more than the slots asked for. The highest slot grows
    # by it, so that the slots still account for every unit.
    slot = list(slots)[-1]
    slot.capacity += arrived
    slot.add(arrived, price, initial=True)


def take_across(slots: Iterable[Slot], quantity: Decimal) -> list[Lot]:
    """Remove ``quantity`` of base from the slots, lowest line first, and return the lots it came from."""
    taken: list[Lot] = []
    for slot in slots:
        if quantity <= ZERO:
            break
        part = min(quantity, slot.held)
        if part > ZERO:
            taken += slot.take(part)
            quantity -= part
    return taken
