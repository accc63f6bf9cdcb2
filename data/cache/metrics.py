"""How well a cache does: counts for each kind and in all."""

from __future__ import annotations

import msgspec


class KindMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start, and what is in memory now, for one kind or for all of them."""

    hits: int = 0
    """Served from memory."""
    misses: int = 0
    """Had to ask the exchange."""
    coalesced: int = 0
    """Waited for a question that was in flight already."""
    stale: int = 0
    """Found in memory but refused for its age; each is also a miss or coalesced."""
    failures: int = 0
    """Questions that ended in an exception or were given up."""
    kept: int = 0
    """Answers taken into memory."""
    refused: int = 0
    """Answers not taken into memory: too large, or worth less than what they would have pushed out."""
    evictions: int = 0
    """Answers pushed out of memory."""
    packs: int = 0
    """Values compressed."""
    unpacks: int = 0
    """Values decompressed because they were used."""
    prefetches: int = 0
    """Answers asked for ahead of need."""
    prefetch_hits: int = 0
    """Those that were used before they expired."""
    cost_spent: int = 0
    """Weight of all questions that were answered."""
    cost_saved: int = 0
    """Weight of the questions that were not needed."""
    entries: int = 0
    packed: int = 0
    """Entries that are compressed now."""
    bytes: int = 0

    @property
    def asked(self) -> int:
        """Return how often somebody wanted an answer."""
        return self.hits + self.misses + self.coalesced

    @property
    def calls_saved(self) -> int:
        """Return how many questions to the exchange were not needed, before those asked ahead of need."""
        return self.hits + self.coalesced

    @property
    def hit_rate(self) -> float:
        """Return the share served from memory; 0 before anybody asked."""
        return self.hits / self.asked if self.asked else 0.0

    @property
    def precision(self) -> float:
        """Return the share of prefetched answers that were used before they expired; 0 without any."""
        return self.prefetch_hits / self.prefetches if self.prefetches else 0.0


class CacheMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A cache at one instant."""

    total: KindMetrics
    kinds: dict[str, KindMetrics]
    bytes: int
    """Answers with their overhead, and bookkeeping; never above ``most_bytes``."""
    bookkeeping_bytes: int
    """Part of ``bytes``: what is remembered about keys, whether or not their answers are in memory."""
    most_bytes: int
    in_flight: int
    """Questions now waiting for the exchange."""
    ghosts: int
    """Keys without an answer in memory whose accesses are remembered."""


class Tally:
    """The counts of one kind while they change."""

    __slots__ = KindMetrics.__struct_fields__

    def __init__(self) -> None:
        """Count from 0."""
        self.hits = self.misses = self.coalesced = self.stale = self.failures = self.kept = self.refused = 0
        self.evictions = self.packs = self.unpacks = self.prefetches = self.prefetch_hits = 0
        self.cost_spent = self.cost_saved = self.entries = self.packed = self.bytes = 0

    def snapshot(self) -> KindMetrics:
        """Return the counts as they are now."""
        return KindMetrics(**{name: getattr(self, name) for name in KindMetrics.__struct_fields__})


def summed(kinds: dict[str, KindMetrics]) -> KindMetrics:
    """Return the sum over kinds."""
    names = KindMetrics.__struct_fields__
    return KindMetrics(**{name: sum(getattr(each, name) for each in kinds.values()) for name in names})
