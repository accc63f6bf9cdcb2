"""Ticks and numbers as people read them."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.charts.scale import (
    DAY,
    HOUR,
    MINUTE,
    amount,
    change,
    decimals,
    padded,
    percent,
    price,
    spread,
    thinned,
    time_ticks,
    value_ticks,
)

MONTHS = tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
START = int(datetime(2026, 3, 1, 7, 13, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.00001234", "0.00001234"),
        ("101733.82", "101,733.82"),
        ("100000", "100,000"),
        ("1E+5", "100,000"),
        ("0.000012341234999", "0.000012341235"),
        ("0", "0"),
        ("-1500.50", "−1,500.5"),
    ],
)
def test_prices_keep_their_digits(value: str, text: str) -> None:
    assert price(Decimal(value)) == text


@pytest.mark.parametrize(
    ("currency", "size", "value", "text"),
    [
        ("USDT", "1000", "1234.5", "1,234.50"),
        ("USDT", "5", "5.123", "5.12"),
        ("USDT", "1000", "-0.001", "0.00"),
        ("BTC", "1.5", "1.02150", "1.02150"),
        ("BTC", "0.012", "-0.0119", "−0.0119000"),
        ("IDR", "1500000000", "1423262236.31", "1,423,262,236"),
        ("BTC", "0", "0", "0.00000000"),
    ],
)
def test_amounts_have_the_decimals_of_their_account(currency: str, size: str, value: str, text: str) -> None:
    assert amount(Decimal(value), decimals(currency, Decimal(size))) == text


def test_changes_always_carry_their_sign() -> None:
    assert change(Decimal("1.5"), 2) == "+1.50"
    assert change(Decimal("-1.5"), 2) == "−1.50"
    assert change(Decimal(0), 2) == "0.00"
    assert percent(Decimal(5), Decimal(200)) == "+2.50 %"
    assert percent(Decimal(-5), Decimal(200)) == "−2.50 %"
    assert percent(Decimal(-5), Decimal(0)) == ""


@given(
    low=st.floats(-1e12, 1e12, allow_nan=False),
    span=st.floats(0, 1e12, allow_nan=False),
    most=st.integers(3, 9),
)
def test_value_ticks_are_few_inside_and_distinct(low: float, span: float, most: int) -> None:
    low, high = padded(low, low + span)
    ticks = value_ticks(low, high, most)
    assert 1 <= len(ticks) <= most + 1
    assert len({tick.label for tick in ticks}) == len(ticks)
    slack = (high - low) * 1e-6
    assert all(low - slack <= tick.at <= high + slack for tick in ticks)


@given(span=st.integers(0, 40 * 365 * DAY))
def test_time_ticks_are_few_inside_and_distinct(span: int) -> None:
    ticks = time_ticks(START, START + span, MONTHS)
    assert len(ticks) <= 6
    assert all(START <= tick.at <= START + span for tick in ticks)
    assert len({tick.at for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (5 * MINUTE, ["07:13", "07:14", "07:15", "07:16", "07:17", "07:18"]),
        (20 * HOUR, ["08:00", "12:00", "16:00", "20:00", "2 Mar"]),
        (5 * DAY, ["2 Mar", "3 Mar", "4 Mar", "5 Mar", "6 Mar"]),
        (28 * DAY, ["2 Mar", "9 Mar", "16 Mar", "23 Mar"]),
        (300 * DAY, ["May 26", "Jul 26", "Sep 26", "Nov 26"]),
        (1500 * DAY, ["2027", "2028", "2029", "2030"]),
    ],
)
def test_time_ticks_are_round(span: int, labels: list[str]) -> None:
    assert [tick.label for tick in time_ticks(START, START + span, MONTHS)] == labels


def test_thinned_line_keeps_ends_and_extremes() -> None:
    x = np.arange(10_000, dtype=np.float64)
    y = np.sin(x / 50)
    y[4321], y[6543] = 9.0, -9.0
    few_x, few_y = thinned(x, y, 300)
    assert len(few_x) <= 602
    assert (few_x[0], few_x[-1]) == (0, 9999)
    assert np.all(np.diff(few_x) > 0)
    assert (few_y.max(), few_y.min()) == (9.0, -9.0)


@given(places=st.lists(st.floats(-2000, 2000), min_size=1, max_size=8))
def test_spread_places_are_apart_and_inside(places: list[float]) -> None:
    moved = spread(places, 50, 0, 1000)
    ordered = sorted(moved)
    assert all(-1e-6 <= place <= 1000 + 1e-6 for place in moved)
    assert all(b - a >= 50 - 1e-6 for a, b in itertools.pairwise(ordered))
    assert [n for n, _ in sorted(enumerate(places), key=lambda each: each[1])] == [
        n for n, _ in sorted(enumerate(moved), key=lambda each: each[1])
    ]
