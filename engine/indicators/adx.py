"""ADX, the average directional index: how strong a trend is, whichever way it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Lookback, Stream, Values
from engine.indicators.columns import column, prices, technical

WARMING = (NAN, NAN, NAN)
TRENDING, QUIET = 25, 20


class Adx(Lookback, frozen=True, kw_only=True):
    """ADX = Wilder's average of DX = 100 · |+DI - -DI| / (+DI + -DI); ±DI = 100 · ΣW ±DM / ΣW true range.

    Wilder, *New Concepts in Technical Trading Systems* (1978); seeds as TA-Lib's ``ADX``, ``PLUS_DI``, ``MINUS_DI``.
    Where nothing has moved, both DI are 0 and ADX stays as it is.
    """

    name: ClassVar[str] = "adx"
    what: ClassVar[str] = "Average directional index: strength of a trend, from 0 to 100, and the force of each side."
    outputs: ClassVar[tuple[str, ...]] = ("adx", "plus_di", "minus_di")

    length: int = 14
    """Bars of Wilder's averages."""

    @property
    def warm_up(self) -> int:
        """Return twice the length: the averages are averaged once more."""
        return 2 * self.length

    def stream(self) -> AdxStream:
        """Return a stream that has seen nothing."""
        return AdxStream(self.length)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        found = ta.adx(*prices(bars), self.length, talib=True)
        adx, plus, minus = (column(found.iloc[:, place]) for place in range(3))
        return adx, plus, minus

    def _read(self, values: Mapping[str, float], price: float) -> str:
        value = values["adx"]
        up = values["plus_di"] > values["minus_di"]
        if value > TRENDING:
            return f"trend {'up' if up else 'down'} (above {TRENDING})"
        return f"no trend (below {QUIET})" if value < QUIET else f"no clear trend (between {QUIET} and {TRENDING})"


class AdxStream(Stream):
    """Wilder's sums of movement and range, and his average of what they say."""

    __slots__ = ("_adx", "_close", "_high", "_keep", "_left", "_length", "_low", "_minus", "_plus", "_share", "_true")

    def __init__(self, length: int) -> None:
        """Begin without a bar."""
        self._length = length
        self._share = 1.0 / length
        self._left = 2 * length
        # The first sums are plain: nothing of them fades until they are complete.
        self._keep = 1.0
        self._high = self._low = self._close = NAN
        self._true = self._plus = self._minus = self._adx = 0.0

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return ADX, +DI and -DI."""
        high, low, close, keep = bar.high, bar.low, self._close, self._keep
        up, down = high - self._high, self._low - low
        self._high = high
        self._low = low
        self._close = bar.close
        if close > high:
            high = close
        elif close < low:
            low = close
        self._true = true = self._true * keep + (high - low)
        plus, minus = self._plus * keep, self._minus * keep
        if up > down:
            if up > 0.0:
                plus += up
        elif down > up and down > 0.0:
            minus += down
        self._plus = plus
        self._minus = minus
        if self._left:
            return self._begin()
        adx, total = self._adx, plus + minus
        if total:
            apart = plus - minus if plus > minus else minus - plus
            self._adx = adx = adx + (100.0 * apart / total - adx) * self._share
        if true:
            scale = 100.0 / true
            return (adx, plus * scale, minus * scale)
        return (adx, 0.0, 0.0)

    def _begin(self) -> Values:
        self._left -= 1
        seen = 2 * self._length - self._left
        if seen == 1:
            # The first bar has nothing before it to move from.
            self._true = 0.0
        elif seen == self._length:
            self._keep = 1.0 - self._share
        elif seen > self._length and (total := self._plus + self._minus):
            self._adx += 100.0 * abs(self._minus - self._plus) / total
        if self._left:
            return WARMING
        self._adx *= self._share
        scale = 100.0 / self._true if self._true else 0.0
        return (self._adx, self._plus * scale, self._minus * scale)


INDICATOR = Adx
