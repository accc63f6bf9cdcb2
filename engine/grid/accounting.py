"""The books of one bot, exact in Decimal.

Identity, asserted in tests and printed in every report (all in quote, ``m`` the mark price):

    equity(m) - invested = grid profit + unpaired(m) - fees + funding

``equity`` is cash + base·m, from the cash flows of the fills; ``grid profit`` and ``unpaired`` come from the lots in
the slots. The two sides are computed from different records, so an error in either shows. A fee taken in base is booked
at the price of its fill: the base leaves the lot, its worth goes to ``fees``. One taken in an asset that the fill does
not bring in, such as BNB on a sale of BNB, is booked as if it had been paid in quote; ``fees_elsewhere`` says how much
quote is on the account for that reason.

On a perpetual, ``base`` is the position and the lots are virtual: slots of a neutral or short grid hold what nobody
ever bought. The ``baseline`` is what they hold too much, sold short at ``baseline_cost``, so that base = lots -
baseline; closing a position adds to it or takes away from it. On spot it is what was sold before its purchase was told
of: zero but for moments.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from data.market import Market
from data.orders import Fill, Purpose
from data.values import ZERO, Side
from engine.grid.slots import Lot, Slot


class Books(msgspec.Struct, kw_only=True):
    """Cash flows and profits of one bot, in quote unless said otherwise."""

    invested: Decimal
    cash: Decimal
    base: Decimal = ZERO
    """Base held, from fills alone; on a perpetual the position, negative when short."""
    lot_quantity: Decimal = ZERO
    """Base held, from the slots."""
    lot_cost: Decimal = ZERO
    """Σ quantity × price of the lots."""
    grid_profit: Decimal = ZERO
    """Gross profit of base bought and sold by the grid."""
    realised: Decimal = ZERO
    """Gross profit of initial inventory sold, and of everything sold by closing."""
    fees: Decimal = ZERO
    fees_elsewhere: Decimal = ZERO
    """Part of ``fees`` that was paid of what no book holds: so much more quote is on the account than ``cash``."""
    funding: Decimal = ZERO
    """Received, less paid."""
    reinvested: Decimal = ZERO
    """What slots have grown by, at their lower lines."""
    baseline: Decimal = ZERO
    """Base sold short against what slots hold."""
    baseline_cost: Decimal = ZERO
    entry: Decimal = ZERO
    """Average price at which a perpetual's position was entered, as exchanges reckon it; zero when flat."""
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
        return self.realised + (self.lot_quantity - self.baseline) * mark - (self.lot_cost - self.baseline_cost)

    def identity_error(self, mark: Decimal) -> Decimal:
        """Return by how much the two sides of the identity differ; anything but zero is a bug."""
        earned = self.grid_profit + self.unpaired(mark) - self.fees + self.funding
        return (self.equity(mark) - self.invested) - earned

    def buy_and_hold(self, mark: Decimal) -> Decimal:
        """Return what the investment would be worth, had it all bought base at the start, without fees."""
        return self.invested / self.start_price * mark if self.start_price else self.invested

    def hold_initial_mix(self, mark: Decimal) -> Decimal:
        """Return what the initial inventory and cash would be worth at ``mark``, without fees."""
        return self.mix_cash + self.mix_base * mark


def open_books(invested: Decimal, start_price: Decimal) -> Books:
    """Return the books of a bot that has its investment in cash and nothing else."""
    return Books(invested=invested, cash=invested, mix_cash=invested, start_price=start_price)


def hold_short(books: Books, slots: Iterable[Slot], price: Decimal) -> None:
    """Fill slots with virtual lots at ``price`` and count as much as sold short there: the position stays flat."""
    for slot in slots:
        slot.add(slot.capacity, price, initial=True)
        books.lot_quantity += slot.capacity
        books.baseline += slot.capacity
    books.lot_cost = books.baseline_cost = books.lot_quantity * price


def enter(books: Books, fill: Fill) -> None:
    """Move the average entry price of a perpetual's position, before ``fill`` is booked."""
    before, change = books.base, fill.side.sign * fill.quantity
    after = before + change
    if after == ZERO:
        books.entry = ZERO
    elif before * change >= ZERO:
        books.entry = (before * books.entry + change * fill.price) / after
    elif before * after < ZERO:
        books.entry = fill.price


def book_beside(books: Books, market: Market, fill: Fill, purpose: Purpose) -> None:
    """Enter a fill of a perpetual that concerns no slot: an initial sale, or a position closed."""
    sign = fill.side.sign
    books.cash -= sign * fill.notional + fill.fee_quote
    books.base += sign * fill.quantity
    books.baseline -= sign * fill.quantity
    books.baseline_cost -= sign * fill.notional
    if purpose is Purpose.INITIAL:
        books.mix_base += sign * fill.quantity
        books.mix_cash -= sign * fill.notional
    _count(books, market, fill)


def settle(books: Books, slots: Iterable[Slot]) -> None:
    """Realise what is left in slots and baseline once a perpetual's position is flat: one makes up for the other."""
    books.realised += books.baseline_cost - books.lot_cost
    books.lot_quantity = books.lot_cost = books.baseline = books.baseline_cost = ZERO
    for slot in slots:
        slot.lots, slot.held = [], ZERO


def book_bought(books: Books, market: Market, fill: Fill, purpose: Purpose) -> Decimal:
    """Enter a buy and return the base that arrived after a fee taken in base; the caller puts it into slots."""
    in_base = _paid_of_what_it_brings(market, fill)
    arrived = fill.quantity - fill.fee if in_base else fill.quantity
    books.cash -= fill.notional if in_base else fill.notional + fill.fee_quote
    books.base += arrived
    books.lot_quantity += arrived
    books.lot_cost += arrived * fill.price
    if purpose is Purpose.INITIAL:
        books.mix_base += arrived
        books.mix_cash -= arrived * fill.price
    _count(books, market, fill)
    return arrived


def repay(books: Books, arrived: Decimal, price: Decimal) -> Decimal:
    """Set base bought at ``price`` against what was sold before it was there; return how much of it that takes."""
    part = min(arrived, books.baseline)
    worth = books.baseline_cost * part / books.baseline
    books.lot_quantity -= part
    books.lot_cost -= part * price
    books.baseline -= part
    books.baseline_cost -= worth
    books.realised += worth - part * price
    return part


def book_sold(books: Books, market: Market, fill: Fill, lots: Iterable[Lot], *, pairs: bool) -> Decimal:
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
    _count(books, market, fill)
    return closed


def _count(books: Books, market: Market, fill: Fill) -> None:
    books.fees += fill.fee_quote
    if fill.fee_asset != market.quote and not _paid_of_what_it_brings(market, fill):
        books.fees_elsewhere += fill.fee_quote
    books.fills += 1
    books.volume += fill.notional


def _paid_of_what_it_brings(market: Market, fill: Fill) -> bool:
    """Return whether a fee is taken of the base that a buy brings in.

    A sale whose fee is taken in base, and any fill of a perpetual, leave the base that the books hold as it is.
    """
    return fill.fee_asset == market.base and fill.side is Side.BUY and not market.perpetual


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
