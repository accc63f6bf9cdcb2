"""One answer in memory, and what it is worth to keep."""

from __future__ import annotations

from math import sqrt
from typing import Any

from data.cache.ghosts import HABIT_BYTES, key_bytes
from data.cache.habits import Habit, Manners
from data.cache.metrics import Tally
from data.cache.packing import compressed, restored
from data.cache.sizing import size_of
from data.cache.words import Answer, Key, Kind
from data.values import Millis

OVERHEAD_BYTES = HABIT_BYTES + 200
"""An entry with its habit and its place in a full table, its key and value apart."""
EXPECTED = 0.5
"""Probability of use of what was asked for ahead of need without a reason that is known here."""


class Ledger:
    """All that is known of one kind: its bounds, its counts, how its keys are accessed on the whole."""

    __slots__ = ("kind", "manners", "tally")

    def __init__(self, kind: Kind) -> None:
        """Start with nothing known."""
        self.kind, self.tally, self.manners = kind, Tally(), Manners(kind)


class Entry:
    """One answer in memory."""

    __slots__ = ("ahead", "at", "habit", "key", "ledger", "packed", "place", "raw", "size", "stubborn", "value")

    def __init__(self, key: Key, ledger: Ledger, habit: Habit, value: Any, at: Millis) -> None:
        """Hold ``value``, true at ``at``."""
        self.key, self.ledger, self.habit, self.value, self.at = key, ledger, habit, value, at
        self.packed: bytes | None = None
        self.raw = size_of(value)
        self.size = OVERHEAD_BYTES + key_bytes(key) + self.raw
        self.ahead = 0.0
        """Probability of use while it was asked for ahead of need and not used yet, else 0."""
        self.stubborn = False
        """Whether packing it was tried, and saves too little."""
        self.place = -1

    def ttl(self) -> Millis:
        """Return how long it is fresh."""
        return self.habit.ttl(self.ledger.kind)

    def expired(self, now: Millis) -> bool:
        """Say whether it is not fresh any more."""
        return now >= self.at + self.habit.ttl(self.ledger.kind)

    def answer(self, value: Any) -> Answer[Any]:
        """Return it as it is handed out."""
        return Answer(value, self.at, self.at + self.habit.ttl(self.ledger.kind))

    def worth(self, now: Millis) -> float:
        """Return what keeping it saves: cost × probability of use before it expires, discounted by time.

        What is needed in a second earns again sixty times as soon as what is needed in a minute; but each expires in
        the end, whatever it earned until then. The fourth root of the time to the use stands between the two. It has
        no derivation: of the exponents 0, 0.15, 0.25, 0.35, 0.5, 0.75 and 1 it was the best compromise on synthetic
        traces, where 0 did better on some and 0.5 on others; on recorded ones all of them save the same to 0.1 %.
        """
        kind = self.ledger.kind
        until = self.at + self.habit.ttl(kind)
        chance, wait = self.habit.prospect(now, until, self.ledger.manners)
        if self.ahead and until > now:
            chance, wait = max(chance, self.ahead), min(wait, until - now)
        return kind.cost * chance / sqrt(sqrt(wait))

    def pack(self) -> int:
        """Compress the value where that saves enough, and return how many bytes it freed."""
        packed = compressed(self.value, self.raw)
        if packed is None:
            self.stubborn = True
            return 0
        freed = self.raw - size_of(packed)
        self.packed, self.value = packed, None
        self.size -= freed
        return freed

    def seen(self) -> Any:
        """Return the value without changing how it is held."""
        return self.value if self.packed is None else restored(self.packed)
