"""The period of a series of instants, found in spite of jitter, missing ones and several visitors."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from data.values import Millis

LEAST_VISITS = 4
_LAGS = (1, 2, 3)
"""So many visitors with one period but different phases are told apart."""
_TOLERANCE = 0.15
_LEAST_TOLERANCE: Millis = 250
_SURE = 0.7


class Period(NamedTuple):
    """What a regular visitor does."""

    every: Millis
    next_at: Millis
    jitter: Millis
    """How far the middle half of the gaps is off."""
    confidence: float
    """Probability that the next visit comes when expected, by the rule of succession of Laplace; the gap that is the
    median, and agrees with itself, left out."""


def period_of(visits: Sequence[Millis], most_off: Millis) -> Period | None:
    """Return the period of instants in order, oldest first; None for fewer than four.

    A gap agrees with the period when it is within 15 % of the median gap and no more than ``most_off`` from it, for
    who needs to know when to be there. The median ignores what a burst or
    a missed visit does to a few gaps. Where neighbours do not agree, every second and third instant is compared.
    """
    best: Period | None = None
    for lag in _LAGS:
        if len(visits) - lag < LEAST_VISITS - 1:
            break
        found = _at_lag(visits, lag, most_off)
        if best is None or found.confidence > best.confidence:
            best = found
        if best.confidence >= _SURE:
            break
    return best


def _at_lag(visits: Sequence[Millis], lag: int, most_off: Millis) -> Period:
    gaps = [later - earlier for earlier, later in zip(visits, visits[lag:], strict=False)]
    every = int(median(gaps))
    off = [abs(gap - every) for gap in gaps]
    tolerance = max(_LEAST_TOLERANCE, min(most_off, int(every * _TOLERANCE)))
    agreeing = sum(each <= tolerance for each in off)
    confidence = agreeing / (len(gaps) + 1)
    return Period(every, visits[-lag] + every, int(median(off)), confidence)
