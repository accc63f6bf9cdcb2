"""Which slots have orders on an exchange that allows fewer than there are slots: those nearest to the price.

The window stays where it is until price has come a good part of it away from its middle, so that a price that moves to
and fro costs no orders.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from data.values import ZERO

SLACK = 8
"""Price may move by one line in so many of the window before the window follows."""

BOUNDLESS = Decimal("1e30")


class Window(NamedTuple):
    """Places ``first`` to below ``end`` of the slots, and the prices between which they stay the nearest."""

    first: int
    end: int
    low: Decimal
    high: Decimal


def window(lines: Sequence[Decimal], focus: Decimal, size: int) -> Window:
    """Return the window of ``size`` slots around ``focus``; all slots when they are no more than that."""
    count = len(lines) - 1
    if size >= count:
        return Window(0, count, ZERO, BOUNDLESS)
    first = min(max(bisect_right(lines, focus) - 1 - size // 2, 0), count - size)
    end, middle = first + size, first + size // 2
    slack = max(1, size // SLACK)
    low = lines[max(middle - slack, 0)] if first > 0 else ZERO
    high = lines[min(middle + 1 + slack, count)] if end < count else BOUNDLESS
    return Window(first, end, low, high)
