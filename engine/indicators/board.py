"""The indicators of one market side by side: every closed bar goes to each, and the unfinished one is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self, cast

from data.bars import Bars
from data.values import Millis
from engine.indicators.base import NAN, Bar, Indicator, Values, each_bar


class Board:
    """Streams of many indicators over the bars of one market and timeframe, by the label each was given."""

    __slots__ = ("_latest", "_streams", "_update_all", "at", "indicators")

    def __init__(self, indicators: Mapping[str, Indicator]) -> None:
        """Begin without a bar. Labels are free: two averages of one kind only need two names."""
        self.indicators = dict(indicators)
        self.at: Millis = -1
        """Open time of the last closed bar; -1 before the first."""
        self._streams = [each.stream() for each in self.indicators.values()]
        self._update_all = _together([each.update for each in self._streams])
        self._latest = tuple((NAN,) * len(each.outputs) for each in self.indicators.values())

    @classmethod
    def over(cls, indicators: Mapping[str, Indicator], bars: Bars) -> Self:
        """Return a board that has seen these closed bars. Raises ValueError where they are not in order."""
        board = cls(indicators)
        for bar in each_bar(bars):
            board.update(bar)
        return board

    def update(self, bar: Bar) -> tuple[Values, ...]:
        """Take in a closed bar and return the values of each indicator, in the order of ``indicators``.

        Raises ValueError for a bar that is not later than the last one: taken twice, it would spoil every value.
        """
        at = bar.at
        if at <= self.at:
            raise ValueError(f"bar.at: {at} is not later than the last closed bar; accepted: above {self.at}")
        self.at = at
        self._latest = latest = self._update_all(bar)
        return latest

    @property
    def values(self) -> dict[str, dict[str, float]]:
        """Return the values after the last closed bar, by label and output name."""
        return self._named(self._latest)

    def peek(self, bar: Bar) -> dict[str, dict[str, float]]:
        """Return the values as they would be if the unfinished bar closed like this; nothing is taken in.

        Raises ValueError for a bar that has closed already.
        """
        if bar.at <= self.at:
            raise ValueError(f"bar.at: {bar.at} is a closed bar already; accepted: above {self.at}")
        return self._named(tuple(each.peek(bar) for each in self._streams))

    def readings(self, price: float) -> dict[str, str]:
        """Return what the values after the last closed bar mean for a person at this price, by label."""
        values = self.values
        return {label: each.reading(values[label], price) for label, each in self.indicators.items()}

    def _named(self, rows: tuple[Values, ...]) -> dict[str, dict[str, float]]:
        pairs = zip(self.indicators.items(), rows, strict=True)
        return {label: dict(zip(each.outputs, row, strict=True)) for (label, each), row in pairs}


Update = Callable[[Bar], Values]


def _together(updates: Sequence[Update]) -> Callable[[Bar], tuple[Values, ...]]:
    """Return a function that calls each of these with a bar and returns all answers.

    Written out call by call, because the interpreter speeds up a call that always meets the same function: a loop over
    eleven different ones takes half as long again.
    """
    names = [f"update_{number}" for number in range(len(updates))]
    calls = "".join(f"{name}(bar), " for name in names)
    made = eval(f"lambda {', '.join(names)}: lambda bar: ({calls})", {})  # noqa: S307 - only numbers are filled in
    return cast("Callable[[Bar], tuple[Values, ...]]", made(*updates))
