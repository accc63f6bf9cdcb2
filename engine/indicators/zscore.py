"""Z-score: how many standard deviations the close is from the mean of the last closes."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import ClassVar

import numpy as np

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values
from engine.indicators.bollinger import BollingerStream
from engine.indicators.columns import rolling

WARMING = (NAN,)
UNUSUAL = 2


class Zscore(Lookback, frozen=True, kw_only=True):
    """(close - mean) / s over the last closes, s being the sample's standard deviation; 0 where all are equal.

    As pandas-ta-classic's ``zscore``, but reckoned about the last close: where closes differ by few ticks, the rounding
    of a mean of whole prices would show in the score.
    """

    name: ClassVar[str] = "zscore"
    what: ClassVar[str] = "Z-score: standard deviations between the close and the mean of the last closes."
    outputs: ClassVar[tuple[str, ...]] = ("zscore",)

    def stream(self) -> ZscoreStream:
        """Return a stream that has seen nothing."""
        return ZscoreStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        return (rolling(bars.close, self.length, _scores),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        value = values["zscore"]
        if abs(value) <= UNUSUAL:
            return f"usual: within {UNUSUAL} standard deviations of the mean of {self.length} closes"
        side = "high" if value > 0 else "low"
        return f"unusually {side}: {abs(value):.1f} standard deviations from the mean of {self.length} closes"


def _scores(runs: Floats) -> Floats:
    apart = runs - runs[:, -1:]
    mean = apart.mean(axis=1)
    deviation = np.sqrt(((apart - mean[:, None]) ** 2).sum(axis=1) / (runs.shape[1] - 1))
    found = np.zeros(len(runs))
    np.divide(-mean, deviation, out=found, where=deviation > 0)
    return found


class ZscoreStream(Stream):
    """The sums of Bollinger's bands."""

    __slots__ = ("_degrees", "_left", "_sums")

    def __init__(self, length: int) -> None:
        """Begin without a close."""
        self._sums = BollingerStream(length, 1.0)
        self._degrees = length - 1
        self._left = length - 1

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the score."""
        self._sums.update(bar)
        if self._left:
            self._left -= 1
            return WARMING
        above, squares = self._sums.moments(bar.close)
        return (above / sqrt(squares / self._degrees),) if squares else (0.0,)


INDICATOR = Zscore
