"""Keltner channel: an exponential average and lines some average true ranges around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.atr import AtrStream
from engine.indicators.base import NAN, Bar, Indicator, Stream, Values
from engine.indicators.columns import column, prices, series, technical
from engine.indicators.ema import EmaStream

WARMING = (NAN, NAN, NAN)


class Keltner(Indicator, frozen=True, kw_only=True):
    """Middle = EMA of closes, upper and lower = middle ± width · ATR; in quote.

    Keltner's channel in Raschke's form (StockCharts ChartSchool, "Keltner Channels"), on TA-Lib's ``EMA`` and ``ATR``.
    Not pandas-ta-classic's ``kc``, which takes an exponential average of true ranges over the length of the middle.
    """

    name: ClassVar[str] = "keltner"
    what: ClassVar[str] = "Keltner channel: an exponential average, and average true ranges above and below."
    outputs: ClassVar[tuple[str, ...]] = ("upper", "middle", "lower")

    length: int = 20
    """Span of the middle, in bars."""
    atr_length: int = 10
    """Bars of the average true range."""
    width: float = 2.0
    """Average true ranges from the middle to a line."""

    def __post_init__(self) -> None:
        """Raise ValueError for parameters that cannot be."""
        self._whole("length", 2)
        self._whole("atr_length", 2)
        self._positive("width")

    @property
    def warm_up(self) -> int:
        """Return the bars until both parts have begun."""
        return max(self.length, self.atr_length + 1)

    def stream(self) -> KeltnerStream:
        """Return a stream that has seen nothing."""
        return KeltnerStream(self.length, self.atr_length, self.width)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        middle = column(ta.ema(series(bars.close), self.length, talib=True))
        apart = self.width * column(ta.atr(*prices(bars), self.atr_length, talib=True))
        return middle + apart, middle, middle - apart

    def _read(self, values: Mapping[str, float], price: float) -> str:
        upper, lower = values["upper"], values["lower"]
        if upper <= lower:
            return "flat: the channel has no width"
        if price > upper:
            return "above the channel: a strong move up"
        if price < lower:
            return "below the channel: a strong move down"
        return f"inside the channel, {(price - lower) / (upper - lower) * 100:.0f} % of the way from lower to upper"


class KeltnerStream(Stream):
    """The streams of both parts."""

    __slots__ = ("_atr", "_ema", "_left", "_width")

    def __init__(self, length: int, atr_length: int, width: float) -> None:
        """Begin both parts."""
        self._ema, self._atr = EmaStream(length), AtrStream(atr_length)
        self._width = width
        self._left = max(length, atr_length + 1) - 1

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the channel."""
        (middle,) = self._ema.update(bar)
        (span,) = self._atr.update(bar)
        if self._left:
            self._left -= 1
            return WARMING
        apart = self._width * span
        return (middle + apart, middle, middle - apart)


INDICATOR = Keltner
