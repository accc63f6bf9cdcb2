"""Supertrend: a line of average true ranges that follows the price on one side until it is crossed."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import ClassVar

import numpy as np

from data.bars import Bars, Floats
from engine.indicators.atr import AtrStream
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values, distance, each_bar
from engine.indicators.columns import column, prices, technical

WARMING = (NAN, NAN)


class Supertrend(Indicator, frozen=True, kw_only=True):
    """The line is (high + low) / 2 - width · ATR, never lowered, until a close is below it; then its mirror image.

    Seban's indicator by the rules of pandas-ta-classic's ``supertrend``: the line of a trend only moves with it, and
    begins anew where the trend turns; the first trend is taken as rising. ATR is Wilder's, as TA-Lib's ``ATR``. In
    quote; ``direction`` is 1 for a rising trend (line below the price) and -1 for a falling one.
    """

    name: ClassVar[str] = "supertrend"
    what: ClassVar[str] = (
        "Supertrend: a trailing line, below the price in a rising trend and above it in a falling one."
    )
    outputs: ClassVar[tuple[str, ...]] = ("line", "direction")

    length: int = 10
    """Bars of the average true range."""
    width: float = 3.0
    """Average true ranges from the middle of a bar to the line."""

    def __post_init__(self) -> None:
        """Raise ValueError for parameters that cannot be."""
        self._whole("length", 2)
        self._positive("width")

    @property
    def warm_up(self) -> int:
        """Return the length and one, for the first previous close."""
        return self.length + 1

    def stream(self) -> SupertrendStream:
        """Return a stream that has seen nothing."""
        return SupertrendStream(self.length, self.width)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        spans = column(ta.atr(*prices(bars), self.length, talib=True))[self.length :].tolist()
        trail = self.stream()
        found = np.full((len(bars), 2), NAN)
        rows = zip(each_bar(bars.part(self.length)), spans, strict=True)
        found[self.length :] = [trail.follow(bar, span) for bar, span in rows]
        return found[:, 0], found[:, 1]

    def _read(self, values: Mapping[str, float], price: float) -> str:
        rising = values["direction"] > 0
        return f"trend {'up' if rising else 'down'}, price {distance(price, values['line'])} the line that would end it"


class SupertrendStream(Stream):
    """Wilder's average and the last bands."""

    __slots__ = ("_atr", "_left", "_lower", "_rising", "_upper", "_width")

    def __init__(self, length: int, width: float) -> None:
        """Begin with bands that no close crosses."""
        self._atr = AtrStream(length)
        self._width = width
        self._upper, self._lower = inf, -inf
        self._rising = True
        self._left = length

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the line and the direction."""
        (span,) = self._atr.update(bar)
        if self._left:
            self._left -= 1
            return WARMING
        return self.follow(bar, span)

    def follow(self, bar: Bar, span: float) -> Values:
        """Move the line, given the average true range at this bar in quote, and return it and the direction."""
        middle, apart, close = 0.5 * (bar.high + bar.low), self._width * span, bar.close
        upper, lower = middle + apart, middle - apart
        if close > self._upper:
            self._rising = True
        elif close < self._lower:
            self._rising = False
        elif self._rising:
            lower = max(lower, self._lower)
        else:
            upper = min(upper, self._upper)
        self._upper, self._lower = upper, lower
        return (lower, 1.0) if self._rising else (upper, -1.0)


INDICATOR = Supertrend
