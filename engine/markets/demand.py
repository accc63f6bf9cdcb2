"""What is wanted often enough to be worth a stream, and what no longer is."""

from __future__ import annotations

from collections import OrderedDict, deque

from data.values import Millis
from engine.exchanges.base import Channel

OFTEN = 2
"""Times something must be asked for within ``WITHIN`` to be streamed."""
WITHIN: Millis = 600_000
REMEMBERED = 1_024
"""Channels whose uses are remembered at most."""


class Demand:
    """Counts uses; what was used often of late deserves a stream, the most used first, as many as there may be."""

    def __init__(self, most: int) -> None:
        """Want at most ``most`` streams."""
        self._most = most
        self._uses: OrderedDict[Channel, deque[Millis]] = OrderedDict()

    def use(self, channel: Channel, now: Millis) -> None:
        """Count one use."""
        uses = self._uses.get(channel)
        if uses is None:
            uses = self._uses[channel] = deque(maxlen=64)
        uses.append(now)
        self._uses.move_to_end(channel)
        if len(self._uses) > REMEMBERED:
            self._uses.popitem(last=False)

    def forget(self, symbol: str) -> None:
        """Forget all uses of a market."""
        for channel in [each for each in self._uses if each.symbol == symbol]:
            del self._uses[channel]

    def wanted(self, now: Millis) -> frozenset[Channel]:
        """Return what deserves a stream now."""
        counts: dict[Channel, int] = {}
        for channel, uses in list(self._uses.items()):
            while uses and now - uses[0] > WITHIN:
                uses.popleft()
            if not uses:
                del self._uses[channel]
            elif len(uses) >= OFTEN:
                counts[channel] = len(uses)
        ranked = sorted(counts, key=lambda channel: (-counts[channel], channel))
        return frozenset(ranked[: self._most])
