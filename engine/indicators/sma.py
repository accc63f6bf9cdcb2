"""SMA, the simple moving average: the mean of the last closes."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values, distance
from engine.indicators.columns import column, series, technical

WARMING = (NAN,)


class Sma(Lookback, frozen=True, kw_only=True):
    """SMA_t = (close_t + … + close_{t-length+1}) / length, as TA-Lib's ``SMA``."""

    name: ClassVar[str] = "sma"
    what: ClassVar[str] = "Simple moving average: the mean of the last closes."
    outputs: ClassVar[tuple[str, ...]] = ("sma",)

    def stream(self) -> SmaStream:
        """Return a stream that has seen nothing."""
        return SmaStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        return (column(ta.sma(series(bars.close), self.length, talib=True)),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        return f"price {distance(price, values['sma'])} the mean of the last {self.length} closes"


class SmaStream(Stream):
    """A running total over a ring of closes."""

    __slots__ = ("_length", "_place", "_ring", "_share", "_total", "_warm")

    def __init__(self, length: int) -> None:
        """Begin with a ring of zeros, which add nothing while it fills."""
        self._length = length
        self._share = 1.0 / length
        self._ring = [0.0] * length
        self._place = 0
        self._total = 0.0
        self._warm = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the mean."""
        close, ring, place = bar.close, self._ring, self._place
        total = self._total + close - ring[place]
        ring[place] = close
        place += 1
        if place == self._length:
            # Summed anew once a lap, so that rounding errors live no longer than one window.
            place, total, self._warm = 0, fsum(ring), True
        self._place = place
        self._total = total
        return (total * self._share,) if self._warm else WARMING


INDICATOR = Sma
