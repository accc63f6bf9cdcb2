"""Fibonacci retracement: how much of the last swing the price may give back."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import ClassVar

import numpy as np

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values
from engine.indicators.columns import rolling
from engine.indicators.extremes import highest_behind, lowest_behind

WARMING = (NAN,) * 7


class Fibonacci(Lookback, frozen=True, kw_only=True):
    """Levels between the extremes of the last bars: from the later one back towards the earlier one; in quote.

    level_r = later + r · (earlier - later), for r = 0, 0.236, 0.382, 0.5, 0.618, 0.786, 1: the ratios that chart
    programs draw, powers of the golden ratio but for a half and √0.618. Of equal extremes the earliest counts; a swing
    whose two extremes are one bar counts as falling. The look-back has no standard.
    """

    name: ClassVar[str] = "fibonacci"
    what: ClassVar[str] = "Fibonacci retracement: levels at which the last swing has been given back in part."
    outputs: ClassVar[tuple[str, ...]] = ("r0", "r236", "r382", "r500", "r618", "r786", "r1000")

    length: int = 100
    """Bars in which the swing is sought."""

    def stream(self) -> FibonacciStream:
        """Return a stream that has seen nothing."""
        return FibonacciStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        top_at = rolling(bars.high, self.length, lambda runs: runs.argmax(axis=1).astype(np.float64))
        bottom_at = rolling(bars.low, self.length, lambda runs: runs.argmin(axis=1).astype(np.float64))
        top = rolling(bars.high, self.length, lambda runs: runs.max(axis=1))
        bottom = rolling(bars.low, self.length, lambda runs: runs.min(axis=1))
        rising = top_at > bottom_at
        later, earlier = np.where(rising, top, bottom), np.where(rising, bottom, top)
        back = earlier - later
        inner = (later + ratio * back for ratio in (0.236, 0.382, 0.5, 0.618, 0.786))
        return (later, *inner, earlier)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        later, earlier = values["r0"], values["r1000"]
        if later == earlier:
            return "flat: no swing"
        back = (price - later) / (earlier - later) * 100
        way = "up" if later > earlier else "down"
        if back < 0:
            return f"beyond the end of the swing {way} of the last {self.length} bars"
        if back > 100:
            return f"all of the swing {way} of the last {self.length} bars given back, and more"
        return f"{back:.0f} % of the swing {way} of the last {self.length} bars given back"


class FibonacciStream(Stream):
    """Rings of highs and lows with the place of each extreme; levels are reckoned only when an extreme changes."""

    __slots__ = (
        "_bottom",
        "_bottom_at",
        "_full",
        "_highest",
        "_highs",
        "_lap_bottom",
        "_lap_bottom_at",
        "_lap_top",
        "_lap_top_at",
        "_length",
        "_levels",
        "_lowest",
        "_lows",
        "_place",
        "_top",
        "_top_at",
    )

    def __init__(self, length: int) -> None:
        """Begin with rings that any bar exceeds."""
        self._length = length
        self._highs, self._lows = [-inf] * length, [inf] * length
        self._highest, self._lowest = highest_behind(self._highs), lowest_behind(self._lows)
        self._top, self._bottom = -inf, inf
        self._lap_top, self._lap_bottom = -inf, inf
        self._place = self._top_at = self._bottom_at = self._lap_top_at = self._lap_bottom_at = 0
        self._levels: Values = WARMING
        self._full = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the levels."""
        high, low, highs, lows, place = bar.high, bar.low, self._highs, self._lows, self._place
        highs[place] = high
        lows[place] = low
        if high > self._lap_top:
            self._lap_top = high
            self._lap_top_at = place
            if high > self._top:
                self._top_at = place
        if low < self._lap_bottom:
            self._lap_bottom = low
            self._lap_bottom_at = place
            if low < self._bottom:
                self._bottom_at = place
        moved = False
        # An extreme is at this place when the bar exceeds all others, and when the bar has written over the last one:
        # then it is that of this lap or, first among equals, of what is left of the lap before.
        if place == self._top_at:
            at, before = self._lap_top_at, self._highest[place]
            self._top_at = at = at if highs[at] > highs[before] or before == place else before
            self._top = highs[at]
            moved = True
        if place == self._bottom_at:
            at, before = self._lap_bottom_at, self._lowest[place]
            self._bottom_at = at = at if lows[at] < lows[before] or before == place else before
            self._bottom = lows[at]
            moved = True
        place += 1
        if place == self._length:
            place = self._turn()
            moved = True
        self._place = place
        if moved and self._full:
            self._levels = self._reckon()
        return self._levels

    def _turn(self) -> int:
        self._highest, self._lowest = highest_behind(self._highs), lowest_behind(self._lows)
        self._lap_top, self._lap_bottom = -inf, inf
        self._full = True
        return 0

    def _reckon(self) -> Values:
        # Both places as bars since the oldest one, which lies where the next bar will be written.
        oldest, length = self._place, self._length
        rising = (self._top_at - oldest) % length > (self._bottom_at - oldest) % length
        later, earlier = (self._top, self._bottom) if rising else (self._bottom, self._top)
        back = earlier - later
        return (
            later,
            later + 0.236 * back,
            later + 0.382 * back,
            later + 0.5 * back,
            later + 0.618 * back,
            later + 0.786 * back,
            earlier,
        )


INDICATOR = Fibonacci
