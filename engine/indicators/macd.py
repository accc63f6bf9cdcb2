"""MACD, moving average convergence divergence: a fast average against a slow one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values
from engine.indicators.columns import column, series, technical

WARMING = (NAN, NAN, NAN)


class Macd(Indicator, frozen=True, kw_only=True):
    """MACD = EMA_fast - EMA_slow, signal = EMA of MACD, histogram = MACD - signal (Appel, 1979); all in quote.

    As TA-Lib's ``MACD``, which begins the fast average at the bar where the slow one begins, with the mean of the
    ``fast`` closes up to it.
    """

    name: ClassVar[str] = "macd"
    what: ClassVar[str] = "MACD: a fast average minus a slow one, and its own average as signal."
    outputs: ClassVar[tuple[str, ...]] = ("macd", "signal", "histogram")

    fast: int = 12
    slow: int = 26
    signal: int = 9
    """Spans of the averages, in bars."""

    def __post_init__(self) -> None:
        """Raise ValueError for spans that cannot be."""
        self._whole("fast", 2)
        self._whole("slow", 3)
        self._whole("signal", 2)
        self._below("fast", "slow")

    @property
    def warm_up(self) -> int:
        """Return the bars until the signal begins."""
        return self.slow + self.signal - 1

    def stream(self) -> MacdStream:
        """Return a stream that has seen nothing."""
        return MacdStream(self.fast, self.slow, self.signal)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        found = ta.macd(series(bars.close), self.fast, self.slow, self.signal, talib=True)
        line, histogram, signal = (column(found.iloc[:, place]) for place in range(3))
        return line, signal, histogram

    def _read(self, values: Mapping[str, float], price: float) -> str:
        line, histogram = values["macd"], values["histogram"]
        if line == histogram == 0:
            return "flat: both averages are the same"
        trend = "above" if line > 0 else "below"
        momentum = "above its signal: momentum up" if histogram > 0 else "not above its signal: momentum down"
        return f"fast average {trend} the slow one; {momentum}"


class MacdStream(Stream):
    """Three recursions."""

    __slots__ = (
        "_fast",
        "_fast_span",
        "_fast_weight",
        "_seen",
        "_signal",
        "_signal_span",
        "_signal_weight",
        "_slow",
        "_slow_span",
        "_slow_weight",
        "_warm",
    )

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        """Begin with sums of nothing."""
        self._fast_span, self._slow_span, self._signal_span = fast, slow, signal
        self._fast_weight, self._slow_weight, self._signal_weight = (2.0 / (span + 1) for span in (fast, slow, signal))
        self._fast = self._slow = self._signal = 0.0
        self._seen = 0
        self._warm = False

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the line, its signal and their difference."""
        close = bar.close
        if not self._warm:
            return self._begin(close)
        fast, slow, signal = self._fast, self._slow, self._signal
        self._fast = fast = (close - fast) * self._fast_weight + fast
        self._slow = slow = (close - slow) * self._slow_weight + slow
        line = fast - slow
        self._signal = signal = (line - signal) * self._signal_weight + signal
        return (line, signal, line - signal)

    def _begin(self, close: float) -> Values:
        self._seen = seen = self._seen + 1
        if seen <= self._slow_span:
            self._slow += close
            if seen > self._slow_span - self._fast_span:
                self._fast += close
            if seen < self._slow_span:
                return WARMING
            self._slow /= self._slow_span
            self._fast /= self._fast_span
        else:
            self._fast = (close - self._fast) * self._fast_weight + self._fast
            self._slow = (close - self._slow) * self._slow_weight + self._slow
        line = self._fast - self._slow
        self._signal += line
        if seen < self._slow_span + self._signal_span - 1:
            return WARMING
        self._warm = True
        self._signal /= self._signal_span
        return (line, self._signal, line - self._signal)


INDICATOR = Macd
