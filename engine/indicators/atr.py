"""ATR, the average true range: how far the price moves within a bar, gaps included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values
from engine.indicators.columns import column, prices, technical

WARMING = (NAN,)


class Atr(Lookback, frozen=True, kw_only=True):
    """Wilder's average of the true range max(high, previous close) - min(low, previous close); in quote.

    Wilder, *New Concepts in Technical Trading Systems* (1978); begun with the mean of the first ``length`` ranges, as
    TA-Lib's ``ATR``.
    """

    name: ClassVar[str] = "atr"
    what: ClassVar[str] = "Average true range: how far the price moves in a bar, gaps included."
    outputs: ClassVar[tuple[str, ...]] = ("atr",)

    length: int = 14
    """Bars of Wilder's average."""

    @property
    def warm_up(self) -> int:
        """Return the length and one, for the first previous close."""
        return self.length + 1

    def stream(self) -> AtrStream:
        """Return a stream that has seen nothing."""
        return AtrStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        return (column(ta.atr(*prices(bars), self.length, talib=True)),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        return f"a bar moves {values['atr'] / price * 100:.2f} % of the price on average"


class AtrStream(Stream):
    """Wilder's average of the true range."""

    __slots__ = ("_close", "_left", "_length", "_share", "_value")

    def __init__(self, length: int) -> None:
        """Begin without a close."""
        self._length = length
        self._share = 1.0 / length
        self._left = length + 1
        self._close = NAN
        self._value = 0.0

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the average."""
        high, low, close = bar.high, bar.low, self._close
        self._close = bar.close
        if close > high:
            span = close - low
        elif close < low:
            span = high - close
        else:
            span = high - low
        if self._left:
            return self._begin(span)
        value = self._value
        self._value = value = value + (span - value) * self._share
        return (value,)

    def _begin(self, span: float) -> Values:
        # The first bar has no previous close, so its range counts for nothing.
        self._value = self._value + span if self._left <= self._length else 0.0
        self._left -= 1
        if self._left:
            return WARMING
        self._value /= self._length
        return (self._value,)


INDICATOR = Atr
