"""What TA-Lib does not know, reckoned again from the definition alone: bar by bar, slowly, on numpy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from data.bars import Bars

Rows = npt.NDArray[np.float64]
DAY = 86_400_000


def vwap(bars: Bars) -> Rows:
    """Return the worth over the volume of the day so far; the typical price where nothing was traded yet."""
    typical = (bars.high + bars.low + bars.close) / 3
    days = bars.at // DAY
    found = []
    for place in range(len(bars)):
        today = np.flatnonzero(days[: place + 1] == days[place])
        volume = bars.volume[today].sum()
        found.append((typical[today] * bars.volume[today]).sum() / volume if volume else typical[place])
    return np.array(found)[:, None]


def fibonacci(bars: Bars) -> Rows:
    """Return the levels of each window of 100 bars."""

    def levels(place: int) -> list[float]:
        high, low = bars.high[place - 99 : place + 1], bars.low[place - 99 : place + 1]
        later, earlier = (high.max(), low.min()) if high.argmax() > low.argmin() else (low.min(), high.max())
        ratios = (0, 0.236, 0.382, 0.5, 0.618, 0.786, 1)
        return [float(later * (1 - ratio) + earlier * ratio) for ratio in ratios]

    return _windows(bars, 100, 7, levels)


def realised_volatility(bars: Bars) -> Rows:
    """Return the root mean square of the last 20, 60 and 240 log returns."""
    returns = np.diff(np.log(bars.close.astype(np.longdouble)))

    def roots(place: int) -> list[float]:
        return [float(np.sqrt(np.mean(returns[place - length : place] ** 2))) for length in (20, 60, 240)]

    return _windows(bars, 241, 3, roots)


def hurst(bars: Bars) -> Rows:
    """Return half the slope of a fitted line through log mean squared moves of 100 closes."""
    closes = np.log(bars.close.astype(np.longdouble))
    lags = (1, 2, 4, 8, 16)

    def exponent(place: int) -> list[float]:
        part = closes[place - 99 : place + 1]
        moves = [float(np.mean((part[lag:] - part[:-lag]) ** 2)) for lag in lags]
        if min(moves) == 0:
            return [0.0 if moves[0] else 0.5]
        return [float(np.clip(np.polyfit(np.log(lags), np.log(moves), 1)[0] / 2, 0, 1))]

    return _windows(bars, 100, 1, exponent)


def zscore(bars: Bars) -> Rows:
    """Return the distance of each close from the mean of 20, over their sample deviation."""

    def score(place: int) -> list[float]:
        part = bars.close[place - 19 : place + 1].astype(np.longdouble)
        deviation = part.std(ddof=1)
        return [float((part[-1] - part.mean()) / deviation) if part.max() > part.min() else 0.0]

    return _windows(bars, 20, 1, score)


def supertrend(bars: Bars) -> Rows:
    """Return the line and direction for ATR 10 and three of them, by the rule as written down for chart programs."""
    found = np.full((len(bars), 2), math.nan)
    before = np.concatenate((bars.close[:1], bars.close[:-1]))
    spans = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    average, direction, line_up, line_down = spans[1:11].mean(), 1, -math.inf, math.inf
    for place in range(10, len(bars)):
        if place > 10:
            average = (average * 9 + spans[place]) / 10
        middle, close = (bars.high[place] + bars.low[place]) / 2, bars.close[place]
        turned = 1 if close > line_down else -1 if close < line_up else 0
        direction = turned or direction
        held = turned == 0
        up, down = middle - 3 * average, middle + 3 * average
        line_up, line_down = (
            max(up, line_up) if held and direction > 0 else up,
            min(down, line_down) if held and direction < 0 else down,
        )
        found[place] = (line_up if direction > 0 else line_down, direction)
    return found


def _windows(bars: Bars, length: int, width: int, reckon: Callable[[int], list[float]]) -> Rows:
    found = np.full((len(bars), width), math.nan)
    for place in range(length - 1, len(bars)):
        found[place] = reckon(place)
    return found


REFERENCES: dict[str, Callable[[Bars], Rows]] = {
    each.__name__: each for each in (vwap, fibonacci, realised_volatility, hurst, zscore, supertrend)
}
"""By the name of the indicator, each with the standard parameters."""
