"""RSI, the relative strength index: how much of the recent movement went up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values
from engine.indicators.columns import column, series, technical

WARMING = (NAN,)
OVERBOUGHT, OVERSOLD = 70, 30


class Rsi(Lookback, frozen=True, kw_only=True):
    """RSI = 100 · G / (G + L): G and L are Wilder's averages of the rises and falls between closes.

    Wilder, *New Concepts in Technical Trading Systems* (1978); seeds and the answer 0 where nothing moved as TA-Lib's
    ``RSI``.
    """

    name: ClassVar[str] = "rsi"
    what: ClassVar[str] = "Relative strength index: how much of the recent movement went up, from 0 to 100."
    outputs: ClassVar[tuple[str, ...]] = ("rsi",)

    length: int = 14
    """Bars of Wilder's average."""

    @property
    def warm_up(self) -> int:
        """Return the length and one, for the first change."""
        return self.length + 1

    def stream(self) -> RsiStream:
        """Return a stream that has seen nothing."""
        return RsiStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        return (column(ta.rsi(series(bars.close), self.length, talib=True)),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        value = values["rsi"]
        if value == 0:
            return "no rise to measure: only falls, or no movement at all"
        if value > OVERBOUGHT:
            return f"overbought (above {OVERBOUGHT})"
        if value < OVERSOLD:
            return f"oversold (below {OVERSOLD})"
        return f"neutral (between {OVERSOLD} and {OVERBOUGHT})"


class RsiStream(Stream):
    """Wilder's averages of rises and falls."""

    __slots__ = ("_close", "_gain", "_keep", "_left", "_loss", "_share")

    def __init__(self, length: int) -> None:
        """Begin without a close."""
        self._share = 1.0 / length
        self._keep = 1.0 - self._share
        self._left = length + 1
        self._close = NAN
        self._gain = self._loss = 0.0

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the index."""
        close = bar.close
        change = close - self._close
        self._close = close
        if self._left:
            return self._begin(change)
        gain, loss, share = self._gain * self._keep, self._loss * self._keep, self._share
        if change < 0.0:
            loss -= change * share
        else:
            gain += change * share
        self._gain = gain
        self._loss = loss
        total = gain + loss
        return (100.0 * gain / total,) if total else (0.0,)

    def _begin(self, change: float) -> Values:
        # The first change is NaN, which is neither a fall nor a rise.
        if change < 0.0:
            self._loss -= change
        elif change > 0.0:
            self._gain += change
        self._left -= 1
        if self._left:
            return WARMING
        self._gain *= self._share
        self._loss *= self._share
        total = self._gain + self._loss
        return (100.0 * (self._gain / total),) if total else (0.0,)


INDICATOR = Rsi
