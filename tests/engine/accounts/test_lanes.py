"""Which order leaves next: lanes, turns of the markets, the nearest line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data.orders import Purpose
from engine.accounts.execution import URGENT
from engine.accounts.lanes import Lanes, lane_of
from engine.exchanges.pacing import Lane
from tests.engine.accounts.test_reconcile import foreign

D = Decimal


def drained(lanes: Lanes[str]) -> list[str]:
    found = []
    while (item := lanes.pop(tuple(Lane))) is not None:
        found.append(item)
    return found


def test_cancels_leave_before_stops_before_all_others() -> None:
    lanes: Lanes[str] = Lanes()
    for lane in (Lane.GRID, Lane.STOP, Lane.CANCEL):
        lanes.put(lane, "A", lane.name)
    assert drained(lanes) == ["CANCEL", "STOP", "GRID"]


def test_a_large_grid_holds_up_no_small_one() -> None:
    lanes: Lanes[str] = Lanes()
    for line in range(1, 101):
        lanes.put(Lane.GRID, "large", f"large {line}", D(line))
    for line in (2, 1):
        lanes.put(Lane.GRID, "small", f"small {line}", D(1_000 * line))
    assert drained(lanes)[:5] == ["large 1", "small 1", "large 2", "small 2", "large 3"]


def test_what_is_equally_near_leaves_in_the_order_it_came() -> None:
    lanes: Lanes[str] = Lanes()
    for name in ("first", "second", "third"):
        lanes.put(Lane.GRID, "A", name, D(1))
    assert drained(lanes) == ["first", "second", "third"]


def test_urgent_hands_take_nothing_else() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.put(Lane.GRID, "A", "grid")
    assert lanes.pop(URGENT) is None
    lanes.put(Lane.STOP, "A", "stop")
    assert lanes.pop(URGENT) == "stop"


@pytest.mark.parametrize(
    ("purpose", "lane"),
    [
        (Purpose.INITIAL, Lane.GRID),
        (Purpose.GRID, Lane.GRID),
        (Purpose.CLOSE, Lane.STOP),
        (Purpose.PROTECT, Lane.STOP),
    ],
)
def test_what_ends_or_protects_a_position_is_urgent(purpose: Purpose, lane: Lane) -> None:
    assert lane_of(foreign("bt-1-1-0b1", D(1), purpose)) is lane
