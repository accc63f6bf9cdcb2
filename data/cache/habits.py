"""How one key is accessed: how often, how regularly, and whether it still is."""

from __future__ import annotations

from array import array
from math import exp, sqrt

from data.cache.periods import LEAST_VISITS, Period, period_of
from data.cache.words import Kind
from data.values import Millis

VISITS = 12
VISIT: Millis = 1000
"""Accesses closer than this to the last visit belong to it."""
REGULAR = 0.6
"""Confidence from which a period is believed."""
_MEMORY = 0.25
"""Weight of the newest gap in the mean one."""
_GRADES = 10
_OUTLIER = 8
"""A gap counts as at most so many times the mean one: a night without anybody says little about the day."""


class Manners:
    """How keys of one kind are accessed on the whole, for keys that are not known yet."""

    __slots__ = ("_again", "_new", "_truth", "gap", "most_off")

    def __init__(self, kind: Kind) -> None:
        """Expect as little as one can without knowing: one new key in four comes back, within the TTL."""
        self._new, self._again = 4.0, 1.0
        self.gap = max(1.0, kind.ttl * 1.0)
        self._truth: dict[int, float] = {}
        self.most_off: Millis = kind.ttl // 2
        """How far off a predicted visit may be for an answer asked for ahead to be of use."""

    @property
    def returning(self) -> float:
        """Return the share of new keys that are asked for again."""
        return self._again / self._new

    def first(self) -> None:
        """Note that a new key was asked for."""
        self._new += 1
        if self._new > 256:
            self._new, self._again = self._new / 2, self._again / 2

    def second(self, gap: Millis) -> None:
        """Note that a new key came back after ``gap``."""
        self._again = min(self._new - 1, self._again + 1)
        self.gap += (max(1, gap) - self.gap) / 16

    def judged(self, probability: float) -> float:
        """Return what a predicted probability has proved to be worth: it is no more than how often such came true."""
        return min(probability, self._truth.get(int(probability * _GRADES), 1.0))

    def proved(self, probability: float, *, true: bool) -> None:
        """Note whether what was predicted with ``probability`` came true."""
        grade = int(probability * _GRADES)
        before = self._truth.get(grade, probability)
        self._truth[grade] = before + (true - before) / 16


class Habit:
    """What is remembered of the accesses to one key."""

    __slots__ = ("_period", "_settled", "count", "gap", "last", "visits")

    def __init__(self) -> None:
        """Start without any access."""
        self.count = 0
        """Visits."""
        self.last: Millis = 0
        """Of all accesses."""
        self.gap = 0.0
        """Mean time between visits, in milliseconds; 0 until there were two."""
        self.visits = array("q")
        self._period: Period | None = None
        self._settled = True

    def note(self, now: Millis) -> bool:
        """Note an access, and return whether it is a visit: not one of a burst."""
        visits = self.visits
        self.last = now
        if visits:
            gap = now - visits[-1]
            if 0 <= gap < VISIT:
                return False
            mean = self.gap
            self.gap = mean + (min(max(1, gap), mean * _OUTLIER) - mean) * _MEMORY if mean else max(1, gap) * 1.0
        self.count += 1
        visits.append(now)
        if len(visits) > VISITS:
            del visits[0]
        self._settled = False
        return True

    def period(self, manners: Manners) -> Period | None:
        """Return the period of the visits; None while there are too few, or they are irregular."""
        if not self._settled:
            found = period_of(self.visits, manners.most_off) if len(self.visits) >= LEAST_VISITS else None
            self._period = found if found is not None and found.confidence >= REGULAR else None
            self._settled = True
        return self._period

    def ttl(self, kind: Kind) -> Millis:
        """Return how long an answer is fresh.

        The best interval between refreshes grows with the square root of the time between accesses (the economic
        order quantity of Harris, 1913: cost of asking per interval against age per access); it is the kind's TTL
        for what is asked for once in a TTL, and always within the kind's bounds.
        """
        if not self.gap:
            return kind.ttl
        return min(kind.most_ttl, max(kind.least_ttl, int(sqrt(self.gap * kind.ttl))))

    def prospect(self, now: Millis, until: Millis, manners: Manners) -> tuple[float, float]:
        """Return the probability of a use in ``(now, until]``, and in how many milliseconds it is expected.

        A regular visitor is expected at the period's next instant. Others come at random with the mean gap for as
        long as they come at all; the longer the silence, the likelier they have left (as in Fader, Hardie and Lee,
        "Counting your customers the easy way", 2005: exponential visits, geometric dropout).
        """
        remaining = until - now
        if remaining <= 0 or not self.count:
            return 0.0, 1.0
        period = self.period(manners)
        if period is not None:
            slack = max(2 * period.jitter, period.every // 5)
            if now <= period.next_at + slack:
                chance = period.confidence if period.next_at <= until else 1 - period.confidence
                return chance, max(1.0, min(period.next_at, until) - now)
        gap, returning = (self.gap, self.count / (self.count + 1)) if self.gap else (manners.gap, manners.returning)
        silent = returning * exp(-min(50.0, max(0, now - self.last) / gap))
        staying = silent / (silent + 1 - returning)
        use = 1 - exp(-min(50.0, remaining / gap))
        return staying * use, max(1.0, gap * use)
