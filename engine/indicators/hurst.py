"""Hurst exponent: whether moves tend to go on (above a half) or to be taken back (below it)."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum, log, log1p
from typing import ClassVar

import numpy as np

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values
from engine.indicators.columns import growth, rolling

WARMING = (NAN,)
RANDOM = 0.5
"""The exponent of a random walk; also what is answered where nothing moved, which tells neither way."""
CLEAR = 0.18
"""How far from a half an exponent over a hundred bars must be to be called a tendency.

Of random walks, one window in twenty is further away; measured from 50 to 500 bars, where it shrinks as length^(-1/3).
"""


class Hurst(Indicator, frozen=True, kw_only=True):
    """Half the slope of log(mean squared log return over τ bars) on log τ, for τ = 1, 2, 4, … up to a quarter window.

    By the variance of lags, the generalised exponent of order 2 (Di Matteo, "Multi-scaling in finance", 2007), and not
    by rescaled range, which is biased upwards in windows this short and cannot be kept up bar by bar. Means are not
    subtracted, so a drift counts as persistence. Clipped to 0 … 1; 0 also where every move was taken back to the tick.
    """

    name: ClassVar[str] = "hurst"
    what: ClassVar[str] = "Hurst exponent: above 0.5 moves tend to go on, below it to be taken back."
    outputs: ClassVar[tuple[str, ...]] = ("hurst",)

    length: int = 100
    """Closes in the window."""

    def __post_init__(self) -> None:
        """Raise ValueError for a length that cannot be."""
        self._whole("length", 16)

    @property
    def warm_up(self) -> int:
        """Return the length."""
        return self.length

    @property
    def lags(self) -> tuple[int, ...]:
        """Return the powers of two up to a quarter of the window."""
        return tuple(1 << power for power in range((self.length // 4).bit_length()))

    def stream(self) -> HurstStream:
        """Return a stream that has seen nothing."""
        return HurstStream(self.length, self.lags)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        squares = []
        for lag in self.lags:
            moves = growth(bars.close, lag)[lag:] ** 2
            means = rolling(moves, self.length - lag, lambda runs: runs.mean(axis=1))
            squares.append(np.concatenate((np.full(lag, np.nan), means)))
        table = np.vstack(squares)
        moved = (table > 0).all(axis=0)
        logs = np.log(table, out=np.zeros_like(table), where=moved)
        slope = np.array(_weights(self.lags)) @ logs
        return (np.where(moved, np.clip(slope / 2, 0.0, 1.0), np.where(table[0] > 0, 0.0, RANDOM)),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        value, clear = values["hurst"], CLEAR * (100 / self.length) ** (1 / 3)
        if value > RANDOM + clear:
            return f"moves tend to go on ({value:.2f}, above {RANDOM})"
        if value < RANDOM - clear:
            return f"moves tend to be taken back ({value:.2f}, below {RANDOM})"
        return f"no clear tendency ({value:.2f}, as a random walk may have)"


def _weights(lags: tuple[int, ...]) -> tuple[float, ...]:
    """Return by what to multiply the logarithms at these lags, so that their sum is the slope of least squares."""
    places = [log(lag) for lag in lags]
    mean = fsum(places) / len(places)
    total = fsum((place - mean) ** 2 for place in places)
    return tuple((place - mean) / total for place in places)


class HurstStream(Stream):
    """One ring of closes, and a running sum of squared moves for each lag."""

    __slots__ = ("_lags", "_place", "_ring", "_sums", "_warm", "_weights")

    def __init__(self, length: int, lags: tuple[int, ...]) -> None:
        """Begin without a close."""
        self._lags = lags
        self._weights = _weights(lags)
        self._ring = [NAN] * length
        self._sums = [NAN] * len(lags)
        self._place = 0
        self._warm = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the exponent."""
        close, ring, place, sums = bar.close, self._ring, self._place, self._sums
        length = len(ring)
        oldest, worn = ring[place], place + 1 == length
        if self._warm:
            for each, lag in enumerate(self._lags):
                # Negative places count from the end of the ring, as they should.
                before = ring[place - lag]
                gone = log1p((ring[place + lag - length] - oldest) / oldest) ** 2
                sums[each] = total = sums[each] + log1p((close - before) / before) ** 2 - gone
                # What leaves was more than what stays: too much of the rest may have been rounded away beside it.
                worn = worn or total < gone
        ring[place] = close
        self._place = place = 0 if place + 1 == length else place + 1
        if worn:
            self._renew()
        if not self._warm:
            return WARMING
        if min(sums) <= 0.0:
            return (0.0,) if sums[0] > 0.0 else (RANDOM,)
        logs = (log(total / (length - lag)) for total, lag in zip(sums, self._lags, strict=True))
        slope = sum(weight * each for weight, each in zip(self._weights, logs, strict=True))
        return (min(max(slope / 2, 0.0), 1.0),)

    def _renew(self) -> None:
        self._warm = True
        ordered = self._ring[self._place :] + self._ring[: self._place]
        for each, lag in enumerate(self._lags):
            pairs = zip(ordered, ordered[lag:], strict=False)
            self._sums[each] = fsum(log1p((late - early) / early) ** 2 for early, late in pairs)


INDICATOR = Hurst
