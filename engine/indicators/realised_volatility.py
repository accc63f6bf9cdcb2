"""Realised volatility at three scales: the root of the mean squared return of the last bars."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum, log1p, sqrt
from typing import ClassVar

import numpy as np

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values
from engine.indicators.columns import growth, rolling

WARMING = (NAN, NAN, NAN)


class RealisedVolatility(Indicator, frozen=True, kw_only=True):
    """sqrt(mean of the squared log returns of closes) over three windows, per bar, as a fraction of the price.

    Andersen, Bollerslev, Diebold, Labys, "Modeling and Forecasting Realized Volatility" (2003), at several horizons as
    in Corsi's HAR (2009); a mean and not a sum, so that the scales compare. Not annualised: multiply by the root of the
    bars in the span that is meant. A gap counts as one return. The windows have no standard.
    """

    name: ClassVar[str] = "realised_volatility"
    what: ClassVar[str] = "Realised volatility: the typical return of a bar, over a short, a medium and a long window."
    outputs: ClassVar[tuple[str, ...]] = ("short", "medium", "long")

    short: int = 20
    medium: int = 60
    long: int = 240
    """Returns in each window."""

    def __post_init__(self) -> None:
        """Raise ValueError for windows that cannot be."""
        for field in self.outputs:
            self._whole(field, 2)
        self._below("short", "medium")
        self._below("medium", "long")

    @property
    def warm_up(self) -> int:
        """Return the bars of the long window and one, for the first return."""
        return self.long + 1

    def stream(self) -> RealisedVolatilityStream:
        """Return a stream that has seen nothing."""
        return RealisedVolatilityStream((self.short, self.medium, self.long))

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        squares = growth(bars.close)[1:] ** 2
        found = []
        for length in (self.short, self.medium, self.long):
            means = rolling(squares, length, lambda runs: runs.mean(axis=1))
            found.append(np.concatenate(([np.nan], np.sqrt(means))))
        return tuple(found)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        short, long = values["short"], values["long"]
        if long == 0:
            return "no movement"
        restless = "more restless than usual" if short > 1.5 * long else "as usual"
        told = "calmer than usual" if short < long / 1.5 else restless
        return f"a bar moves {short * 100:.2f} % lately, {long * 100:.2f} % over {self.long} bars: {told}"


class RealisedVolatilityStream(Stream):
    """One ring of squared returns as long as the longest window, and a running sum for each window."""

    __slots__ = ("_close", "_lengths", "_place", "_ring", "_sums", "_warm")

    def __init__(self, lengths: tuple[int, ...]) -> None:
        """Begin without a close; ``lengths`` rise."""
        self._lengths = lengths
        self._ring = [0.0] * lengths[-1]
        self._sums = [0.0] * len(lengths)
        self._place = 0
        self._close = NAN
        self._warm = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the volatility of each window."""
        close, before, ring, place, sums = bar.close, self._close, self._ring, self._place, self._sums
        self._close = close
        if before != before:
            return WARMING
        square = log1p((close - before) / before) ** 2
        worn = place + 1 == len(ring)
        for each, length in enumerate(self._lengths):
            gone = ring[place - length]
            sums[each] = total = sums[each] + square - gone
            # What leaves was more than what stays: too much of the rest may have been rounded away beside it.
            worn = worn or total < gone
        ring[place] = square
        place += 1
        if place == len(ring):
            place, self._warm = 0, True
        self._place = place
        if worn:
            ordered = ring[place:] + ring[:place]
            sums[:] = [fsum(ordered[-length:]) for length in self._lengths]
        if not self._warm:
            return WARMING
        short, medium, long = (sqrt(total / length) for total, length in zip(sums, self._lengths, strict=True))
        return (short, medium, long)


INDICATOR = RealisedVolatility
