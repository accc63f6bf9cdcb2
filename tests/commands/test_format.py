"""Numbers and instants as people read them."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import format as shown
from commands.context import Context, Person
from commands.registry import Registry, Role
from config.schema import Settings
from tests.commands.fake_desk import FakeDesk
from tests.commands.house import MemoryPeople, NoAgents, NoJobs
from tests.commands.worlds import NOW


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [("61000", "0.01", "61000.00"), ("61000.126", "0.01", "61000.13"), ("0.00001234", "0.00000001", "0.00001234"),
     ("61004", "10", "61000"), ("1.3", "0.5", "1.5"), ("7", "1.00", "7")],
)  # fmt: skip
def test_prices_have_the_decimals_of_their_tick(value: str, tick: str, text: str) -> None:
    assert shown.price(Decimal(value), Decimal(tick)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("12.345", "+12.34 USDT"), ("-12.3", "-12.30 USDT"), ("0", "0.00 USDT"), ("0.00012345", "+0.00012 USDT"),
     ("-0.0000000987", "-0.000000099 USDT"), ("-0", "0.00 USDT"), ("1E+3", "+1000.00 USDT")],
)  # fmt: skip
def test_money_has_a_sign_and_two_decimals_that_matter(value: str, text: str) -> None:
    assert shown.amount(Decimal(value), "USDT", signed=True) == text


@given(st.decimals(-(10**9), 10**9, places=10).filter(bool))
def test_money_is_never_shown_as_nothing(value: Decimal) -> None:
    assert Decimal(shown.amount(value)) != 0


def test_shares_and_results() -> None:
    assert shown.percent(Decimal("5")) == "5.00 %"
    assert shown.share(Decimal(1), Decimal(3), signed=True) == "+33.33 %"
    assert shown.share(Decimal(1), Decimal(0)) == "–"
    assert shown.profit(Decimal("-3"), Decimal(100), "USDT") == "-3.00 USDT (-3.00 %)"
    assert shown.quantity(Decimal("0.00410"), "BTC") == "0.0041 BTC"


@pytest.mark.parametrize(
    ("millis", "text"),
    [(0, "0 s"), (-5, "0 s"), (999, "0 s"), (5000, "5 s"), (65_000, "1 min 5 s"), (3_600_000, "1 h"),
     (3_605_000, "1 h"), (183_600_000, "2 d 3 h")],
)  # fmt: skip
def test_durations_have_two_units(millis: int, text: str) -> None:
    assert shown.duration(millis) == text


def test_instants_are_in_a_zone() -> None:
    assert shown.instant(NOW) == "2026-01-15 12:00 UTC"
    assert shown.instant(NOW, ZoneInfo("Asia/Tokyo")) == "2026-01-15 21:00 JST"
    assert shown.clock_time(NOW + 5000, UTC) == "12:00:05"


@pytest.mark.parametrize(("wish", "key"), [("Asia/Tokyo", "Asia/Tokyo"), ("", "UTC"), ("Mars/Base", "UTC")])
def test_the_zone_is_the_persons_own_or_the_configured_one(wish: str, key: str) -> None:
    ctx = Context(
        person=Person(id="a:1", name="A", role=Role.VIEWER, time_zone=wish), desk=FakeDesk(), clock_now=NOW,
        settings=Settings(), jobs=NoJobs(), agents=NoAgents(), people=MemoryPeople(), registry=Registry(),
        platform="a",
    )  # fmt: skip
    assert shown.zone_of(ctx) == ZoneInfo(key)


@pytest.mark.parametrize(
    ("worked_out", "read"),
    [
        ("19798.46833278", "19798.47"),
        ("649.849265763", "649.8493"),
        ("0.000123456789", "0.0001234568"),
        ("123456789.5", "123456790"),
        ("61000", "61000"),
        ("too old", "too old"),
        ("NaN", "NaN"),
    ],
)
def test_a_recorded_figure_has_no_more_digits_than_people_read(worked_out: str, read: str) -> None:
    assert shown.fact(worked_out) == read


@pytest.mark.parametrize(
    ("value", "text"),
    [("61000000", "61,000,000"), ("100.4", "100"), ("99.95", "100"), ("0.41234", "0.412"), ("1E-9", "0.000000001"),
     ("0", "0"), ("-12.345", "-12.3")],
)  # fmt: skip
def test_sizes_are_whole_unless_that_says_too_little(value: str, text: str) -> None:
    assert shown.figure(Decimal(value)) == text
