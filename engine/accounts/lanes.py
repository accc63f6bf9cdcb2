"""Which order leaves next: cancels before stops before all others, the markets in turn, the nearest line first."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from heapq import heappop, heappush
from typing import Generic, TypeVar

from data.orders import Draft, Purpose
from data.values import ZERO
from engine.exchanges.pacing import Lane

T = TypeVar("T")


def lane_of(draft: Draft) -> Lane:
    """Return the lane of an order: what ends or protects a position is urgent."""
    return Lane.STOP if draft.purpose in (Purpose.CLOSE, Purpose.PROTECT) else Lane.GRID


class Lanes(Generic[T]):
    """What waits to leave. Within a lane the markets take turns, so that a large grid holds up no small one."""

    def __init__(self) -> None:
        """Start empty."""
        self._lanes: dict[Lane, dict[str, list[tuple[Decimal, int, T]]]] = {lane: {} for lane in Lane}
        self._count = 0

    def put(self, lane: Lane, market: str, item: T, distance: Decimal = ZERO) -> None:
        """Let ``item`` wait; of one market the smallest ``distance`` leaves first, then what waits longest."""
        self._count += 1
        heappush(self._lanes[lane].setdefault(market, []), (distance, self._count, item))

    def pop(self, lanes: Collection[Lane]) -> T | None:
        """Return what leaves next of some lanes, or None when nothing waits there."""
        for lane in sorted(lanes):
            markets = self._lanes[lane]
            if markets:
                market = next(iter(markets))
                waiting = markets.pop(market)
                item = heappop(waiting)[2]
                if waiting:
                    # Put back behind the others: its turn comes again after theirs.
                    markets[market] = waiting
                return item
        return None
