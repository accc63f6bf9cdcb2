"""The slot ledger: what rests follows from what is held, whatever happened before."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.market import Filters
from data.values import ZERO, Side
from engine.grid.slots import Lot, Slot, missing, violations

D = Decimal
FILTERS = Filters(price_tick=D("0.1"), quantity_step=D("0.01"), min_quantity=D("0.05"), min_notional=D(6))


def slot(**changes: Decimal) -> Slot:
    made = Slot(index=3, lower=D(100), upper=D(102), capacity=D(1))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("held", "buying", "selling", "awaiting", "buy", "sell"),
    [
        ("0", "0", "0", "0", "1", "0"),
        ("0", "1", "0", "0", "0", "0"),
        ("1", "0", "0", "0", "0", "1"),
        ("1", "0", "1", "0", "0", "0"),
        ("0.4", "0", "0", "0", "0.6", "0.4"),
        ("0.4", "0.6", "0.4", "0", "0", "0"),
        ("0", "0", "0", "1", "0", "0"),
        ("0.3", "0", "0", "0.7", "0", "0.3"),
        ("0.96", "0", "0", "0", "0", "0.96"),
        ("0.04", "0", "0", "0", "0.96", "0"),
        ("0.999", "0", "0", "0", "0", "0.99"),
    ],
)
def test_what_is_missing_follows_from_what_is_there(
    held: str, buying: str, selling: str, awaiting: str, buy: str, sell: str
) -> None:
    made = slot(held=D(held), buying=D(buying), selling=D(selling), awaiting=D(awaiting))
    assert missing(made, Side.BUY, FILTERS) == D(buy)
    assert missing(made, Side.SELL, FILTERS) == D(sell)


def test_too_little_for_the_smallest_notional_waits() -> None:
    assert missing(slot(held=D("0.05")), Side.SELL, FILTERS) == ZERO
    assert missing(slot(held=D("0.06")), Side.SELL, FILTERS) == D("0.06")


def test_lots_leave_oldest_first_and_merge_at_one_price() -> None:
    made = slot()
    made.add(D("0.2"), D(100), initial=True)
    made.add(D("0.3"), D(100), initial=False)
    made.add(D("0.1"), D(100), initial=False)
    assert made.lots == [Lot(D("0.2"), D(100), True), Lot(D("0.4"), D(100), False)]
    assert made.take(D("0.5")) == [Lot(D("0.2"), D(100), True), Lot(D("0.3"), D(100), False)]
    assert made.held == D("0.1")
    assert violations([made]) == []


def test_orders_of_a_side_are_counted() -> None:
    made = slot()
    assert [made.next_cycle(Side.BUY), made.next_cycle(Side.BUY), made.next_cycle(Side.SELL)] == [1, 2, 1]
    assert (made.last_cycle(Side.BUY), made.last_cycle(Side.SELL)) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"held": D("0.5")}, "sum of its lots"),
        ({"buying": D("-1")}, "negative"),
        ({"buying": D("1.1")}, "capacity"),
        ({"selling": D("0.1")}, "offers"),
    ],
)
def test_each_violation_is_named(changes: dict[str, Decimal], word: str) -> None:
    found = violations([slot(**changes)])
    assert any(word in each for each in found)
    assert all(each.startswith("slot 3: ") for each in found)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 100)), max_size=60))
def test_placing_what_is_missing_keeps_a_slot_sound(moves: list[tuple[bool, int]]) -> None:
    """Partial fills of any size on either side; after each, what is missing rests again."""
    made = slot()
    for buy, hundredths in moves:
        for side in Side:
            made.rest(side, missing(made, side, FILTERS))
        assert violations([made]) == []
        side = Side.BUY if buy else Side.SELL
        part = min(made.resting(side), D(hundredths) / 100)
        if part == ZERO:
            continue
        made.rest(side, -part)
        if buy:
            made.add(part, made.lower, initial=False)
        else:
            assert sum((lot.quantity for lot in made.take(part)), ZERO) == part
        assert violations([made]) == []
    for side in Side:
        made.rest(side, missing(made, side, FILTERS))
    lacking = made.capacity - made.held - made.buying
    assert lacking < D("0.07"), "all but dust is bid for"
    assert made.held - made.selling < D("0.07"), "all but dust is offered"
