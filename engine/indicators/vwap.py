"""VWAP, the volume-weighted average price of the day, which begins at midnight UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from data.bars import Bars, Floats
from engine.indicators.base import Bar, Indicator, Stream, Values, distance
from engine.indicators.columns import column, technical

DAY = 86_400_000
"""Milliseconds."""
THIRD = 1.0 / 3.0


class Vwap(Indicator, frozen=True, kw_only=True):
    """Σ typical · volume / Σ volume over the bars opened since midnight UTC; typical = (high + low + close) / 3.

    As pandas-ta-classic's ``vwap`` anchored on days. While a day has no volume yet, the typical price of the last bar.
    A history that begins within a day begins that day there.
    """

    name: ClassVar[str] = "vwap"
    what: ClassVar[str] = "Volume-weighted average price since midnight UTC."
    outputs: ClassVar[tuple[str, ...]] = ("vwap",)

    @property
    def warm_up(self) -> int:
        """Return one."""
        return 1

    def stream(self) -> VwapStream:
        """Return a stream that has seen nothing."""
        return VwapStream()

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        import pandas as pd

        ta = technical()
        index = pd.DatetimeIndex(bars.at.astype("datetime64[ms]"))
        rows = (pd.Series(each, index=index) for each in (bars.high, bars.low, bars.close, bars.volume))
        found = column(ta.vwap(*rows, anchor="D"))
        return (np.where(np.isnan(found), (bars.high + bars.low + bars.close) / 3.0, found),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        return f"price {distance(price, values['vwap'])} what was paid on average since midnight UTC"


class VwapStream(Stream):
    """Two sums that begin anew each day."""

    __slots__ = ("_ends", "_volume", "_worth")

    def __init__(self) -> None:
        """Begin before every day."""
        self._ends = 0
        self._worth = self._volume = 0.0

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the day's average price."""
        at, volume = bar.at, bar.volume
        typical = (bar.high + bar.low + bar.close) * THIRD
        if at >= self._ends:
            self._ends = at - at % DAY + DAY
            self._worth = self._volume = 0.0
        self._worth = worth = self._worth + typical * volume
        self._volume = volume = self._volume + volume
        return (worth / volume,) if volume else (typical,)


INDICATOR = Vwap
