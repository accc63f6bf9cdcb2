"""What a cache is asked and what it answers: kinds, keys, dated answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from data.values import Millis

T = TypeVar("T")


class UnknownKind(LookupError):
    """A key names a kind that the cache was not given."""


class Interrupted(Exception):
    """A question ended without an answer because it was cancelled from within, and not by who waited for it."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of answer: how long it stays fresh, what asking costs, whether it may be asked for ahead of need.

    Raises ``ValueError`` unless 0 <= ``least_ttl`` <= ``ttl`` <= ``most_ttl`` and ``cost`` > 0.
    """

    name: str
    ttl: Millis
    """How long an answer is fresh while nothing is known about how often it is asked for."""
    least_ttl: Millis
    """How short that may become for what is asked for often."""
    most_ttl: Millis
    """How long that may become for what is asked for rarely; nothing older is ever served from memory."""
    cost: int = 1
    """Weight of asking the exchange."""
    prefetch: bool = True
    """Whether ``Cache.due`` may name its keys."""

    def __post_init__(self) -> None:
        """Refuse bounds that contradict each other."""
        if not 0 <= self.least_ttl <= self.ttl <= self.most_ttl:
            raise ValueError(f"{self.name}: not 0 <= {self.least_ttl} <= {self.ttl} <= {self.most_ttl}")
        if self.cost <= 0:
            raise ValueError(f"{self.name}: cost {self.cost} is not above 0")

    def within(self, most: Millis) -> Kind:
        """Return the kind with all of its times cut down to ``most``."""
        least, usual, longest = (min(each, most) for each in (self.least_ttl, self.ttl, self.most_ttl))
        return msgspec.structs.replace(self, least_ttl=least, ttl=usual, most_ttl=longest)


class Key(NamedTuple):
    """What an answer is about."""

    kind: str
    """Name of a ``Kind``."""
    subject: str
    """A symbol, or nothing for answers about no market."""
    detail: str = ""
    """Timeframe, depth and the like."""


Record = Callable[[Key, int], None]
"""Hears of an access that was answered, and how many bytes the value takes."""


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """A value and how old it is."""

    value: T
    """Shared with everybody else who asks: nobody may change it."""
    at: Millis
    """When it was true: when the question left, or what the stream said."""
    until: Millis
    """Last instant at which it counts as fresh, as frequency of access stood when it was handed out."""

    def age(self, now: Millis) -> Millis:
        """Return how old it is, never below 0."""
        return max(0, now - self.at)

    def fresh(self, now: Millis) -> bool:
        """Say whether it still counts as fresh."""
        return self.at <= now <= self.until
