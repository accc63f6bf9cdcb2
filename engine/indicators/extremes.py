"""Rolling extremes at a constant cost per bar: what a lap of the ring leaves behind for the next one.

A window of n values ends in the lap being written and begins in the one before, which is read through the places found
here, once a lap (van Herk, "A fast algorithm for local minimum and maximum filters", 1992).
"""

from __future__ import annotations


def highest_behind(ring: list[float]) -> list[int]:
    """Return for each place where the greatest of the values after it lies, the earliest of equals.

    The last place has none after it and stands for itself.
    """
    at = len(ring) - 1
    found, best = [at] * len(ring), ring[at]
    for place in range(at - 1, -1, -1):
        found[place] = at
        value = ring[place]
        if value >= best:
            best, at = value, place
    return found


def lowest_behind(ring: list[float]) -> list[int]:
    """Return for each place where the least of the values after it lies, the earliest of equals."""
    at = len(ring) - 1
    found, best = [at] * len(ring), ring[at]
    for place in range(at - 1, -1, -1):
        found[place] = at
        value = ring[place]
        if value <= best:
            best, at = value, place
    return found
