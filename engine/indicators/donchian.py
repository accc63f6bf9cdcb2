"""Donchian channel: the highest high and the lowest low of the last bars."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values
from engine.indicators.columns import column, series, technical
from engine.indicators.extremes import highest_behind, lowest_behind

WARMING = (NAN, NAN, NAN)


class Donchian(Lookback, frozen=True, kw_only=True):
    """Upper = highest high, lower = lowest low, middle = their mean, of the last bars, this one included; in quote.

    Donchian, "Trend Following Methods in Commodity Price Analysis" (1957); as pandas-ta-classic's ``donchian``.
    """

    name: ClassVar[str] = "donchian"
    what: ClassVar[str] = "Donchian channel: the highest high and the lowest low of the last bars."
    outputs: ClassVar[tuple[str, ...]] = ("upper", "middle", "lower")

    def stream(self) -> DonchianStream:
        """Return a stream that has seen nothing."""
        return DonchianStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        found = ta.donchian(series(bars.high), series(bars.low), self.length, self.length)
        lower, middle, upper = (column(found.iloc[:, place]) for place in range(3))
        return upper, middle, lower

    def _read(self, values: Mapping[str, float], price: float) -> str:
        upper, lower = values["upper"], values["lower"]
        if upper == lower:
            return "flat: the channel has no width"
        if price >= upper:
            return f"at the highest price of {self.length} bars, or above"
        if price <= lower:
            return f"at the lowest price of {self.length} bars, or below"
        return f"inside the channel, {(price - lower) / (upper - lower) * 100:.0f} % of the way from lowest to highest"


class DonchianStream(Stream):
    """Rings of highs and lows, extremes of the lap being written, and places of those of the lap before."""

    __slots__ = ("_bottom", "_full", "_highest", "_highs", "_length", "_lowest", "_lows", "_place", "_top")

    def __init__(self, length: int) -> None:
        """Begin with rings that any bar exceeds."""
        self._length = length
        self._highs, self._lows = [-inf] * length, [inf] * length
        self._highest, self._lowest = highest_behind(self._highs), lowest_behind(self._lows)
        self._top, self._bottom = -inf, inf
        self._place = 0
        self._full = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the channel."""
        highs, lows, place = self._highs, self._lows, self._place
        highs[place] = high = bar.high
        lows[place] = low = bar.low
        self._top = top = max(high, self._top)
        self._bottom = bottom = min(low, self._bottom)
        top, bottom = max(top, highs[self._highest[place]]), min(bottom, lows[self._lowest[place]])
        place += 1
        if place == self._length:
            place = 0
            self._highest, self._lowest = highest_behind(highs), lowest_behind(lows)
            self._top, self._bottom = -inf, inf
            self._full = True
        self._place = place
        return (top, 0.5 * (top + bottom), bottom) if self._full else WARMING


INDICATOR = Donchian
