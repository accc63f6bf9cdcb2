"""Equity samples: ranges, thinning that keeps the extremes, pruning by age."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.database import Database
from data.equity import EquityPoint, EquityStore

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def point(at: int, equity: str = "100", bot: int = 1) -> EquityPoint:
    return EquityPoint(at=at, bot=bot, equity=Decimal(equity), price=Decimal("65000.10"))


@pytest.fixture
def store() -> EquityStore:
    return EquityStore(Database.in_memory())


def test_samples_come_back_exactly_in_order(store: EquityStore) -> None:
    store.append([point(3, "100.10"), point(1, "0.30000000000000004"), point(2, bot=2)])
    found = store.range(1, 0)
    assert found == [point(1, "0.30000000000000004"), point(3, "100.10")]
    assert str(found[1].equity) == "100.10"


def test_a_range_includes_its_start_and_excludes_its_end(store: EquityStore) -> None:
    store.append([point(at) for at in range(5)])
    assert [p.at for p in store.range(1, 1, 4)] == [1, 2, 3]


def test_the_same_instant_is_kept_once(store: EquityStore) -> None:
    store.append([point(1, "1")])
    store.append([point(1, "2")])
    assert store.range(1, 0) == [point(1, "2")]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200), st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes(values: list[int], most: int) -> None:
    store = EquityStore(Database.in_memory())
    store.append([point(at, str(value)) for at, value in enumerate(values)])
    found = store.range(1, 0, most=most)
    assert len(found) <= most
    assert (found[0].at, found[-1].at) == (0, len(values) - 1)
    assert [p.at for p in found] == sorted({p.at for p in found})
    assert {min(values), max(values)} <= {int(p.equity) for p in found}


def test_too_few_samples_to_draw_are_refused(store: EquityStore) -> None:
    with pytest.raises(ValueError, match="most: 3"):
        store.range(1, 0, most=3)


def test_pruning_coarsens_with_age(store: EquityStore) -> None:
    now = 100 * DAY
    store.append([point(now - HOUR + second * 1000) for second in range(0, 600, 20)])
    store.append([point(now - 10 * DAY + minute * MINUTE) for minute in range(60)])
    store.append([point(now - 90 * DAY + minute * MINUTE) for minute in range(180)])
    store.append([point(now - 90 * DAY + minute * MINUTE, bot=2) for minute in range(60)])
    assert store.prune(now) == (30 - 10) + (60 - 4) + (180 - 3) + (60 - 1)
    ages = [p.at for p in store.range(1, 0)]
    assert ages[:3] == [now - 90 * DAY + hour * HOUR - MINUTE for hour in (1, 2, 3)]
    assert ages[3:7] == [now - 10 * DAY + quarter * 15 * MINUTE - MINUTE for quarter in (1, 2, 3, 4)]
    assert len(ages) == 3 + 4 + 10
    assert store.prune(now) == 0
