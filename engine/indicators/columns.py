"""Columns as the window computations want them: series for pandas-ta-classic, and rolling windows in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from data.bars import Floats

if TYPE_CHECKING:
    from data.bars import Bars

CELLS = 1 << 20
"""How many numbers a rolling computation may hold at a time."""


def technical() -> Any:
    """Return pandas-ta-classic, imported when first asked for; it and pandas take a third of a second and 80 MB."""
    with warnings.catch_warnings():
        # It asks pandas for a name that pandas is about to drop, while it is imported and only then.
        warnings.simplefilter("ignore", DeprecationWarning)
        import pandas_ta_classic
    return pandas_ta_classic


def series(values: Floats) -> Any:
    """Return a column as a series of pandas."""
    import pandas as pd

    return pd.Series(values)


def prices(bars: Bars) -> tuple[Any, Any, Any]:
    """Return high, low and close as series of pandas."""
    return series(bars.high), series(bars.low), series(bars.close)


def column(values: Any) -> Floats:
    """Return a series of pandas as a column that may be written into."""
    return np.array(values, dtype=np.float64)


def rolling(values: Floats, length: int, reduce: Callable[[Floats], Floats]) -> Floats:
    """Return ``reduce`` of every run of ``length`` values at the place of its last one; NaN before the first.

    ``reduce`` gets a matrix with one run in each row, which it must not write into, and returns a number for each.
    """
    found = np.full(len(values), np.nan)
    if len(values) < length:
        return found
    runs = np.lib.stride_tricks.sliding_window_view(values, length)
    rows = max(1, CELLS // length)
    for start in range(0, len(runs), rows):
        part = runs[start : start + rows]
        found[start + length - 1 : start + length - 1 + len(part)] = reduce(part)
    return found


def growth(values: Floats, lag: int = 1) -> Floats:
    """Return the logarithm of each value over the one ``lag`` places before; NaN for the first ``lag``.

    ``log1p`` of the relative change, because the logarithm of a ratio near one has lost its last digits.
    """
    found = np.full(len(values), np.nan)
    if len(values) > lag:
        found[lag:] = np.log1p((values[lag:] - values[:-lag]) / values[:-lag])
    return found
