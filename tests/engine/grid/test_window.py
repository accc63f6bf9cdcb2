"""The slots nearest to the price are those with orders, and price may move a little before others are."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.grid.window import BOUNDLESS, window

D = Decimal
LINES = tuple(D(price) for price in range(100, 201))


@given(focus=st.integers(50, 250), size=st.integers(1, 120))
def test_a_window_holds_as_many_slots_as_it_may_around_the_price(focus: int, size: int) -> None:
    found = window(LINES, D(focus), size)
    assert found.end - found.first == min(size, 100)
    assert 0 <= found.first < found.end <= 100
    assert found.low < found.high
    assert (found.low == 0) is (found.first == 0)
    assert (found.high == BOUNDLESS) is (found.end == 100)
    if size < 100 and 100 <= focus < 200:
        assert found.low <= focus <= found.high
        assert found.first <= focus - 100 < found.end, "the slot that price is in is one of them"


@given(focus=st.integers(100, 199), size=st.integers(4, 60), aside=st.integers(-60, 60))
def test_inside_its_span_a_window_would_hardly_be_another(focus: int, size: int, aside: int) -> None:
    found = window(LINES, D(focus), size)
    price = D(focus + aside)
    if found.low < price < found.high and found.first > 0 and found.end < 100:
        assert abs(window(LINES, price, size).first - found.first) <= max(1, size // 8)
