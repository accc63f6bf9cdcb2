"""What an indicator is: typed parameters, a window computation, a stream of one-bar updates; and how they are found."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, ClassVar, Self

import msgspec
import numpy as np

from data.bars import COLUMNS, Bars, Floats, bars_of
from data.market import Candle
from data.values import Millis

Values = tuple[float, ...]
"""What a stream answers: one number for each of ``Indicator.outputs``, in that order."""
FRAME = frozenset({"base", "board", "columns", "extremes"})
"""The modules of this package that are no indicators."""
LONGEST = 10_000
"""Longest window an indicator accepts, in bars."""
NAN = math.nan
IMMUTABLE = frozenset({int, float, bool, tuple})
"""What a copy of a stream shares with it."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One bar as plain floats: prices in quote, volume in base, ``at`` is the open time. Never for money.

    ``low <= min(open, close)``, ``high >= max(open, close)``, prices above zero and a finite volume of at least zero
    are the maker's promise (``bar_of`` and ``each_bar`` check): streams do not look, they are the hot path.
    """

    at: Millis
    open: float
    high: float
    low: float
    close: float
    volume: float


def bar_of(candle: Candle) -> Bar:
    """Return a candle as floats. Raises ValueError where a number is not finite or a price not above zero."""
    check(bars_of([candle]))
    return Bar(
        candle.opened_at,
        float(candle.open),
        float(candle.high),
        float(candle.low),
        float(candle.close),
        float(candle.volume),
    )


def each_bar(bars: Bars) -> Iterator[Bar]:
    """Return the rows of the columns, oldest first, as numbers of Python and not of numpy, which are slower.

    Raises ValueError where a number is not finite or a price not above zero.
    """
    check(bars)
    columns = (bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return map(Bar, *(column.tolist() for column in columns))


def check(bars: Bars) -> None:
    """Raise ValueError where a number is not finite, a price not above zero or a volume below it.

    One such bar would spoil an average for ever. A bar without a trade is none at all, or has a volume of zero.
    """
    for name in COLUMNS:
        values = getattr(bars, name)
        good = np.isfinite(values) & (values >= 0 if name == "volume" else values > 0)
        if not good.all():
            place = int(good.argmin())
            accepted = "a finite number, for prices above zero"
            told = f"{float(values[place])!r} in the bar of {bars.at[place]} is not possible; accepted: {accepted}"
            raise ValueError(f"bars.{name}: {told}")


class Stream:
    """An indicator fed bar by bar; each closed bar exactly once, oldest first.

    A subclass names everything it remembers in ``__slots__``: numbers, flat lists of numbers, tuples and other streams.
    """

    __slots__ = ()
    _names: ClassVar[tuple[str, ...]]
    _state: ClassVar[Callable[[Any], tuple[Any, ...]]]

    def __init_subclass__(cls) -> None:
        """Learn what a copy takes over. Raises TypeError for a class that does not name it."""
        names: tuple[str, ...] = cls.__dict__.get("__slots__", ())
        if len(names) < 2:
            raise TypeError(f"{cls.__qualname__}.__slots__: {names!r} is too short; accepted: two names or more")
        cls._names, cls._state = names, attrgetter(*names)

    def update(self, bar: Bar, /) -> Values:
        """Take a closed bar in and return the values after it; all NaN while warming up, never afterwards."""
        raise NotImplementedError

    def copy(self) -> Self:
        """Return a stream in the same state; what happens to one does not touch the other."""
        kind = type(self)
        twin = kind.__new__(kind)
        for name, value in zip(kind._names, kind._state(self), strict=True):
            setattr(twin, name, value if type(value) in IMMUTABLE else value.copy())
        return twin

    def peek(self, bar: Bar, /) -> Values:
        """Return the values as they would be if ``bar``, still unfinished, closed like this; nothing is taken in."""
        return self.copy().update(bar)


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of one indicator, checked; immutable, comparable, and the maker of its computations."""

    name: ClassVar[str]
    """The name of its module."""
    what: ClassVar[str]
    """One line on what it is, in English; whoever shows it translates it."""
    outputs: ClassVar[tuple[str, ...]]
    """Names of the values, in the order of a stream's answer."""

    @property
    def warm_up(self) -> int:
        """Return the number of bars that the first values need, at least one."""
        raise NotImplementedError

    def stream(self) -> Stream:
        """Return a stream that has seen nothing."""
        raise NotImplementedError

    def window(self, bars: Bars) -> dict[str, Floats]:
        """Return every output as a column as long as ``bars``: NaN for the first ``warm_up - 1`` bars, then never.

        What a stream has after the same bars, computed at once; imports pandas and TA-Lib where they are needed.
        Raises ValueError as ``check`` does.
        """
        check(bars)
        if len(bars) < self.warm_up:
            return {name: np.full(len(bars), NAN) for name in self.outputs}
        found = dict(zip(self.outputs, self._columns(bars), strict=True))
        for column in found.values():
            column[: self.warm_up - 1] = NAN
        return found

    def reading(self, values: Mapping[str, float], price: float) -> str:
        """Say in plain English what the values, by output name, mean for a person at this price, in quote."""
        if any(math.isnan(values[name]) for name in self.outputs):
            return f"not known yet: needs {self.warm_up} bars"
        return self._read(values, price)

    def _columns(self, bars: Bars) -> tuple[Floats, ...]:
        """Return new columns, one for each output; there are at least ``warm_up`` bars."""
        raise NotImplementedError

    def _read(self, values: Mapping[str, float], price: float) -> str:
        raise NotImplementedError

    def _whole(self, field: str, least: int = 1, most: int = LONGEST) -> None:
        """Raise ValueError unless the field is a whole number in the range, its ends included."""
        value = getattr(self, field)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(_refusal(self.name, field, value, f"a whole number from {least} to {most}"))

    def _positive(self, field: str, most: float = 100.0) -> None:
        """Raise ValueError unless the field is a number above zero and at most ``most``."""
        value = getattr(self, field)
        if type(value) not in {int, float} or not 0 < value <= most:
            raise ValueError(_refusal(self.name, field, value, f"a number above 0 and up to {most:g}"))

    def _below(self, field: str, other: str) -> None:
        """Raise ValueError unless the field is less than the other one."""
        value, limit = getattr(self, field), getattr(self, other)
        if not value < limit:
            raise ValueError(_refusal(self.name, field, value, f"a number below {other}, which is {limit}"))


class Lookback(Indicator, frozen=True, kw_only=True):
    """An indicator with one parameter: the bars that it looks back over, which are also those that it warms up with."""

    length: int = 20
    """Bars, this one included."""

    def __post_init__(self) -> None:
        """Raise ValueError for a length that cannot be."""
        self._whole("length", 2)

    @property
    def warm_up(self) -> int:
        """Return the length."""
        return self.length


def _refusal(name: str, field: str, value: object, accepted: str) -> str:
    return f"{name}.{field}: {value!r} is not possible; accepted: {accepted}"


def discover() -> dict[str, type[Indicator]]:
    """Import every indicator module and return its ``INDICATOR`` by name.

    Raises TypeError for a module without one, or with one of another name.
    """
    package = importlib.import_module(__package__)
    found: dict[str, type[Indicator]] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if module.name in FRAME or module.name.startswith("_"):
            continue
        kind = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "INDICATOR", None)
        if not (isinstance(kind, type) and issubclass(kind, Indicator) and kind.name == module.name):
            raise TypeError(f"engine/indicators/{module.name}.py: has no INDICATOR of that name")
        found[module.name] = kind
    return found


def make(name: str, parameters: Mapping[str, object] | None = None) -> Indicator:
    """Return the named indicator with these parameters, those left out at the field's standard.

    Raises ValueError naming the indicator or the field, the value and what is accepted.
    """
    known = discover()
    if name not in known:
        raise ValueError(f"indicator: {name!r} is not known; accepted: {', '.join(known)}")
    kind, given = known[name], dict(parameters or {})
    for field in given:
        if field not in kind.__struct_fields__:
            accepted = ", ".join(kind.__struct_fields__) or "no parameter at all"
            raise ValueError(_refusal(name, field, given[field], accepted))
    return kind(**given)


def distance(price: float, reference: float) -> str:
    """Return how far the price is from a reference above zero, as text: ``1.2 % above``."""
    percent = (price / reference - 1) * 100
    if abs(percent) < 0.005:
        return "at"
    return f"{abs(percent):.2f} % {'above' if percent > 0 else 'below'}"
