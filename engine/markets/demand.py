"""What is wanted often enough to be worth a stream, and what no longer is."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import NamedTuple

from data.values import Millis
from engine.exchanges.base import Channel

WITHIN: Millis = 600_000
"""How long a use counts."""
REMEMBERED = 1_024
"""Channels whose uses are remembered at most."""


class Worth(NamedTuple):
    """When something of one kind deserves a stream."""

    often: int
    """Uses within ``WITHIN`` from which on it is streamed; it stays so down to half of them."""
    most: int
    """Streams of the kind at most."""


class Demand:
    """Counts uses; what was used often of late deserves a stream, the most used first, as many as there may be.

    What has a stream keeps it unless another is used twice as much: streams begun and left all the time cost more
    than the few that would be a little better placed.
    """

    def __init__(self, worth: Mapping[str, Worth]) -> None:
        """Judge each kind of channel by its ``worth``; what is not named there is never streamed."""
        self._worth = worth
        self._uses: OrderedDict[Channel, deque[Millis]] = OrderedDict()
        self._wanted: frozenset[Channel] = frozenset()

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
        ranked: dict[str, list[tuple[int, Channel]]] = {what: [] for what in self._worth}
        for channel, uses in list(self._uses.items()):
            while uses and now - uses[0] > WITHIN:
                uses.popleft()
            if not uses:
                del self._uses[channel]
                continue
            count = len(uses) * (2 if channel in self._wanted else 1)
            if channel.what in ranked and count >= self._worth[channel.what].often:
                ranked[channel.what].append((-count, channel))
        self._wanted = frozenset(
            channel for what, found in ranked.items() for _, channel in sorted(found)[: self._worth[what].most]
        )
        return self._wanted
