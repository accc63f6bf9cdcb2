"""Bollinger bands: an average and lines some standard deviations around it."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum, inf, sqrt
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values
from engine.indicators.columns import column, series, technical

WARMING = (NAN, NAN, NAN)
LOSS = 1e-4
"""Sums are made anew when what remains of them is this small beside what they have been: the rest was rounded away."""
FRESH = 1000
"""Bars after which they are made anew in any case."""


class Bollinger(Indicator, frozen=True, kw_only=True):
    """Middle = SMA, upper and lower = middle ± width · σ, the population's standard deviation of the same closes.

    Bollinger, *Bollinger on Bollinger Bands* (2001); as TA-Lib's ``BBANDS``. In quote.
    """

    name: ClassVar[str] = "bollinger"
    what: ClassVar[str] = "Bollinger bands: the mean of the last closes, and standard deviations above and below."
    outputs: ClassVar[tuple[str, ...]] = ("upper", "middle", "lower")

    length: int = 20
    """Bars in the mean."""
    width: float = 2.0
    """Standard deviations from the middle to a band."""

    def __post_init__(self) -> None:
        """Raise ValueError for parameters that cannot be."""
        self._whole("length", 2)
        self._positive("width")

    @property
    def warm_up(self) -> int:
        """Return the length."""
        return self.length

    def stream(self) -> BollingerStream:
        """Return a stream that has seen nothing."""
        return BollingerStream(self.length, self.width)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        found = ta.bbands(series(bars.close), self.length, self.width, talib=True)
        lower, middle, upper = (column(found.iloc[:, place]) for place in range(3))
        return upper, middle, lower

    def _read(self, values: Mapping[str, float], price: float) -> str:
        upper, lower = values["upper"], values["lower"]
        if upper <= lower:
            return "flat: the bands have no width"
        if price > upper:
            return "above the upper band: unusually high for these bars"
        if price < lower:
            return "below the lower band: unusually low for these bars"
        return f"inside the bands, {(price - lower) / (upper - lower) * 100:.0f} % of the way from lower to upper"


class BollingerStream(Stream):
    """Sums of deviations, and of their squares, from an anchor near the window's mean.

    Sums about a shifted origin do not cancel as Σx² - (Σx)²/n does (Chan, Golub, LeVeque 1983, "Algorithms for
    Computing the Sample Variance").
    """

    __slots__ = (
        "_anchor",
        "_ceiling",
        "_due",
        "_floor",
        "_length",
        "_place",
        "_ring",
        "_share",
        "_squares",
        "_total",
        "_warm",
        "_width",
    )

    def __init__(self, length: int, width: float) -> None:
        """Begin with an empty ring."""
        self._length = length
        self._share = 1.0 / length
        self._width = width * sqrt(self._share)
        self._ring = [0.0] * length
        self._place = self._due = 0
        self._anchor = self._total = self._squares = 0.0
        self._floor, self._ceiling = -inf, inf
        self._warm = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the upper band, the mean and the lower band."""
        close, ring, place, anchor, share = bar.close, self._ring, self._place, self._anchor, self._share
        gone = ring[place]
        ring[place] = close
        change = close - gone
        self._total = total = self._total + change
        self._squares = squares = self._squares + change * ((close - anchor) + (gone - anchor))
        spread = squares - total * total * share
        place += 1
        if place == self._length:
            place = 0
            self._due -= 1
            if self._due < 0:
                spread, anchor, total = self._renew()
        self._place = place
        if spread < self._floor:
            spread, anchor, total = self._renew()
        elif squares > self._ceiling:
            self._ceiling = squares
            self._floor = squares * LOSS
        if self._warm:
            middle = anchor + total * share
            apart = self._width * sqrt(spread)
            return (middle + apart, middle, middle - apart)
        return WARMING

    def _renew(self) -> tuple[float, float, float]:
        """Sum anew; return the sum of squares about the mean, the anchor, and the sum of deviations from that."""
        ring, share = self._ring, self._share
        first = ring[0]
        # Through one of the values: where all are equal, the anchor is that value and every deviation exactly zero.
        self._anchor = anchor = first + fsum([each - first for each in ring]) * share
        deviations = [each - anchor for each in ring]
        self._total = total = fsum(deviations)
        self._squares = self._ceiling = squares = fsum([each * each for each in deviations])
        self._floor = squares * LOSS
        self._due = FRESH // self._length
        self._warm = True
        return max(squares - total * total * share, 0.0), anchor, total

    def moments(self, close: float) -> tuple[float, float]:
        """Return the last close, given once more, less the mean, and the sum of squares about the mean."""
        total, share = self._total, self._share
        return (close - self._anchor) - total * share, max(self._squares - total * total * share, 0.0)


INDICATOR = Bollinger
