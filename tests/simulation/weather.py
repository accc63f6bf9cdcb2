"""What goes wrong between engine and exchange, how often, and for how long: drawn from the seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from data.values import Millis

RECEIVE_WINDOW = 5.0
"""Seconds after which the exchange refuses a request that was under way too long."""
PATIENCE = 10.0
"""Seconds after which the client gives up waiting for an answer."""

RATES: dict[str, tuple[float, ...]] = {
    "refused": (0, 0.02, 0.1, 0.3),  # throttled, or not reached: nothing happened, and the client knows at once
    "lost": (0, 0.02, 0.1),  # the request never arrives
    "mute": (0, 0.02, 0.1, 0.3),  # the request is carried out, the answer never comes
    "late": (0, 0.02, 0.1, 0.3),  # the client has given up before the request arrives and is carried out
    "slow": (0, 0.1, 0.5),  # the request or the answer takes seconds
    "raises": (0, 0.5, 1),  # an unanswered submit is told by an exception instead of a value
    "stale": (0, 0.1, 0.5),  # a read answers with how things were a moment ago
    "unlisted": (0, 0.1, 0.5),  # an execution is listed only after a while
    "untold": (0, 0.02, 0.2, 1),  # the stream loses an event
    "held back": (0, 0.1, 0.5),  # the stream tells an event seconds late, and so out of order
    "repeated": (0, 0.1, 0.5),  # the stream tells an event twice
    "unticked": (0, 0.1, 0.5),  # the stream loses a price
    "barred": (0, 0.1, 0.5),  # a closing order is refused for a passing reason, as in a crash
    "denied": (0, 0.1, 0.5),  # who is asked for an order by its id is far behind the stream that told of it
}
STALE: Millis = 2_000
UNLISTED: Millis = 20_000
DENIED = (8.6, 12.0)
"""Seconds for which an order is denied: longer than denials are doubted, shorter than asking all over again takes."""


@dataclass
class Weather:
    """The faults of one seed. ``calm`` ends them all."""

    chance: random.Random
    rates: dict[str, float] = field(default_factory=dict)
    calm: bool = False
    down: bool = False
    """Nothing is answered, nothing is told."""
    silent: bool = False
    """Nothing is told."""

    @classmethod
    def drawn(cls, chance: random.Random) -> Weather:
        """Return the weather of a seed: most faults are rare or missing, a few are common."""
        wild = chance.random()
        return cls(chance, {name: chance.choice(rates) * wild for name, rates in RATES.items()})

    def strikes(self, fault: str) -> bool:
        """Return whether a fault happens now."""
        return not self.calm and self.chance.random() < self.rates[fault]

    def travel(self) -> float:
        """Return how many seconds something takes from one side to the other."""
        return self.chance.uniform(1, 4) if self.strikes("slow") else self.chance.uniform(0.005, 0.05)

    def lag(self) -> Millis:
        """Return how old the answer to a read is."""
        return self.chance.randint(0, STALE) if self.strikes("stale") else 0

    def denial(self) -> float:
        """Return for how many seconds an order is denied."""
        return self.chance.uniform(*DENIED)

    def listing(self) -> Millis:
        """Return how long an execution takes to be listed."""
        return self.chance.randint(0, UNLISTED) if self.strikes("unlisted") else 0
