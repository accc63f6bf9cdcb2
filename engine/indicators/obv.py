"""OBV, on-balance volume: volume of rising bars minus volume of falling ones."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import ClassVar

from data.bars import Bars, Floats
from engine.indicators.base import Bar, Indicator, Stream, Values
from engine.indicators.columns import column, series, technical


class Obv(Indicator, frozen=True, kw_only=True):
    """OBV_t = OBV_{t-1} ± volume_t, by the sign of the change of the close (Granville, 1963); in base.

    As TA-Lib's ``OBV``, begun with the first volume: its level says nothing, only its direction does.
    """

    name: ClassVar[str] = "obv"
    what: ClassVar[str] = "On-balance volume: volume of rising bars minus that of falling ones, since the first bar."
    outputs: ClassVar[tuple[str, ...]] = ("obv",)

    @property
    def warm_up(self) -> int:
        """Return one."""
        return 1

    def stream(self) -> ObvStream:
        """Return a stream that has seen nothing."""
        return ObvStream()

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        ta = technical()
        return (column(ta.obv(series(bars.close), series(bars.volume), talib=True)),)

    def _read(self, values: Mapping[str, float], price: float) -> str:
        value = values["obv"]
        if value == 0:
            return "as much volume on rising bars as on falling ones since the first bar"
        if value > 0:
            return (
                "more volume on rising bars than on falling ones since the first bar; its direction counts, "
                "not its level"
            )
        return (
            "more volume on falling bars than on rising ones since the first bar; its direction counts, not its level"
        )


class ObvStream(Stream):
    """A signed sum of volume."""

    __slots__ = ("_close", "_total")

    def __init__(self) -> None:
        """Begin below every price, so that the first volume counts as rising."""
        self._close = -inf
        self._total = 0.0

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the sum."""
        close, before = bar.close, self._close
        self._close = close
        if close > before:
            self._total += bar.volume
        elif close < before:
            self._total -= bar.volume
        return (self._total,)


INDICATOR = Obv
