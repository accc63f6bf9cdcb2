"""EMA, the exponential moving average: recent closes weigh more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values, distance
from engine.indicators.columns import column, series, technical

WARMING = (NAN,)


class Ema(Lookback, frozen=True, kw_only=True):
    """EMA_t = EMA_{t-1} + 2 / (length + 1) · (close_t - EMA_{t-1}), begun with the mean of the first ``length`` closes.

    As TA-Lib's ``EMA``.
    """

    name: ClassVar[str] = "ema"
    what: ClassVar[str] = "Exponential moving average: a mean of closes in which recent ones weigh more."
    outputs: ClassVar[tuple[str, ...]] = ("ema",)

    def stream(self) -> EmaStream:
        """Return a stream that has seen nothing."""
        return EmaStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        return (column(ta.ema(series(bars.close), self.length, talib=True)),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        return f"price {distance(price, values['ema'])} the {self.length}-bar exponential average"


class EmaStream(Stream):
    """The recursion, after a plain mean."""

    __slots__ = ("_left", "_length", "_value", "_weight")

    def __init__(self, length: int) -> None:
        """Begin with a sum of nothing."""
        self._length = self._left = length
        self._weight = 2.0 / (length + 1)
        self._value = 0.0

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the average."""
        value = self._value
        if self._left:
            return self._begin(value + bar.close)
        self._value = value = (bar.close - value) * self._weight + value
        return (value,)

    def _begin(self, total: float) -> Values:
        self._left -= 1
        if self._left:
            self._value = total
            return WARMING
        self._value = total / self._length
        return (self._value,)


INDICATOR = Ema
