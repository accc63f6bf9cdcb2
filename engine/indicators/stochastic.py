"""The stochastic oscillator: where the close lies in the range of the last bars."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum, inf
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values
from engine.indicators.columns import column, prices, technical
from engine.indicators.extremes import highest_behind, lowest_behind

WARMING = (NAN, NAN)
OVERBOUGHT, OVERSOLD = 80, 20


class Stochastic(Indicator, frozen=True, kw_only=True):
    """K = SMA over ``smooth`` of 100 · (close - lowest low) / (highest high - lowest low); D = SMA of K.

    Lane's slow stochastic; as TA-Lib's ``STOCH``, which takes 0 for a range of nothing.
    """

    name: ClassVar[str] = "stochastic"
    what: ClassVar[str] = "Stochastic oscillator: where the close lies in the range of the last bars, from 0 to 100."
    outputs: ClassVar[tuple[str, ...]] = ("k", "d")

    length: int = 14
    """Bars of the range."""
    smooth: int = 3
    """Bars of the mean that makes K slow."""
    signal: int = 3
    """Bars of the mean of K that is D."""

    def __post_init__(self) -> None:
        """Raise ValueError for lengths that cannot be."""
        self._whole("length", 2)
        self._whole("smooth")
        self._whole("signal")

    @property
    def warm_up(self) -> int:
        """Return the bars of the range and of both means."""
        return self.length + self.smooth + self.signal - 2

    def stream(self) -> StochasticStream:
        """Return a stream that has seen nothing."""
        return StochasticStream(self.length, self.smooth, self.signal)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        found = ta.stoch(*prices(bars), k=self.length, d=self.signal, smooth_k=self.smooth, talib=True)
        return column(found.iloc[:, 0]), column(found.iloc[:, 1])

    def _read(self, values: Mapping[str, float], price: float) -> str:
        value = values["k"]
        if value == 0:
            # So it is also where nothing moved, which is not oversold.
            return "at the bottom of its range, or price has not moved at all"
        if value > OVERBOUGHT:
            return f"overbought (above {OVERBOUGHT}): closing near the top of its range"
        if value < OVERSOLD:
            return f"oversold (below {OVERSOLD}): closing near the bottom of its range"
        return f"neutral (between {OVERSOLD} and {OVERBOUGHT})"


class StochasticStream(Stream):
    """Rings of highs and lows, extremes of the lap being written, places of those of the lap before; two means."""

    __slots__ = (
        "_bottom",
        "_fast",
        "_fast_at",
        "_fast_share",
        "_fast_total",
        "_highest",
        "_highs",
        "_left",
        "_length",
        "_lowest",
        "_lows",
        "_place",
        "_signal",
        "_slow",
        "_slow_at",
        "_slow_share",
        "_slow_total",
        "_smooth",
        "_top",
    )

    def __init__(self, length: int, smooth: int, signal: int) -> None:
        """Begin with rings that any bar exceeds."""
        self._length, self._smooth, self._signal = length, smooth, signal
        self._highs, self._lows = [-inf] * length, [inf] * length
        self._highest, self._lowest = highest_behind(self._highs), lowest_behind(self._lows)
        self._top, self._bottom = -inf, inf
        self._place = self._fast_at = self._slow_at = 0
        self._fast, self._slow = [0.0] * smooth, [0.0] * signal
        self._fast_share, self._slow_share = 1.0 / smooth, 1.0 / signal
        self._fast_total = self._slow_total = 0.0
        self._left = length + smooth + signal - 3

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return K and D."""
        top, bottom, highs, lows, place = bar.high, bar.low, self._highs, self._lows, self._place
        highs[place] = top
        lows[place] = bottom
        if top > self._top:
            self._top = top
        else:
            top = self._top
        if bottom < self._bottom:
            self._bottom = bottom
        else:
            bottom = self._bottom
        before = highs[self._highest[place]]
        if before > top:
            top = before
        before = lows[self._lowest[place]]
        if before < bottom:
            bottom = before
        place += 1
        if place == self._length:
            place = self._turn()
        self._place = place
        span = top - bottom
        value = 100.0 * (bar.close - bottom) / span if span else 0.0
        fast, place = self._fast, self._fast_at
        self._fast_total = total = self._fast_total + value - fast[place]
        fast[place] = value
        place += 1
        self._fast_at = place if place != self._smooth else 0
        value = total * self._fast_share
        slow, place = self._slow, self._slow_at
        self._slow_total = total = self._slow_total + value - slow[place]
        slow[place] = value
        place += 1
        self._slow_at = place if place != self._signal else 0
        if self._left:
            self._left -= 1
            return WARMING
        return (value, total * self._slow_share)

    def _turn(self) -> int:
        self._highest, self._lowest = highest_behind(self._highs), lowest_behind(self._lows)
        self._top, self._bottom = -inf, inf
        # Summed anew once a lap, so that rounding errors live no longer than that.
        self._fast_total, self._slow_total = fsum(self._fast), fsum(self._slow)
        return 0


INDICATOR = Stochastic
