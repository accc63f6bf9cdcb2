"""What the statistics measure: log returns at chosen scales, and the days that bars fall on."""

from __future__ import annotations

import numpy as np

from data.bars import Bars, Floats, Instants
from data.values import Millis

MINUTE: Millis = 60_000
HOUR: Millis = 3_600_000
DAY: Millis = 86_400_000
DAYS_A_YEAR = 365
"""Crypto trades every day: the annual variance is 365 daily ones."""


class TooFewBars(ValueError):
    """There are not enough bars to say anything; the message names how many are needed."""


def bar_millis(bars: Bars) -> Millis:
    """Return the length of one bar: the shortest distance between neighbours, since gaps are only ever longer.

    Raises ``TooFewBars`` below two bars.
    """
    if len(bars) < 2:
        raise TooFewBars(f"bars: {len(bars)} say nothing about their length; accepted: at least 2")
    return int(np.diff(bars.at).min())


def span_days(bars: Bars) -> float:
    """Return how many days the bars cover, gaps left out: their number times their length."""
    return len(bars) * bar_millis(bars) / DAY


def newest(bars: Bars, days: float) -> Bars:
    """Return the bars of the last ``days`` days before the newest one's close."""
    since = int(bars.at[-1]) + bar_millis(bars) - int(days * DAY)
    return bars.part(int(np.searchsorted(bars.at, since, side="left")))


def log_returns(bars: Bars, scale: Millis = 0) -> Floats:
    """Return the log returns of closes ``scale`` apart (a bar at least); those that span a gap are left out.

    A close belongs to the instant its bar ends; the newest close is always used.
    """
    before, after = consecutive(bars, scale)
    found: Floats = after - before
    return found


def closes_apart(bars: Bars, scale: Millis = 0) -> Floats:
    """Return the logs of closes ``scale`` apart (a bar at least), as if there were no gaps; the newest is one."""
    return _closes(bars, scale)[1]


def consecutive(bars: Bars, scale: Millis = 0) -> tuple[Floats, Floats]:
    """Return pairs of log closes ``scale`` apart (a bar at least), earlier and later; none that span a gap."""
    ends, logs, scale = _closes(bars, scale)
    whole = np.diff(ends) == scale
    return logs[:-1][whole], logs[1:][whole]


def daily_variance(bars: Bars, scale: Millis = 5 * MINUTE) -> Floats:
    """Return the realised variance of each 24 hours, oldest first, counted back from the newest close.

    That is the sum of squared log returns of closes ``scale`` apart (a bar at least). A day that lacks more than a
    tenth of its returns is left out; one that lacks fewer is scaled up. Source: Andersen, Bollerslev, Diebold & Labys
    (2001), "The distribution of realized exchange rate volatility". Raises ``TooFewBars`` when no day is left.
    """
    ends, logs, scale = _closes(bars, scale)
    whole = np.diff(ends) == scale
    # Ages grow into the past: the newest return has age 0, so that day 0 is the 24 hours that have just ended.
    ages = (int(bars.at[-1]) + bar_millis(bars) - ends[1:][whole]) // DAY
    squares = np.diff(logs)[whole] ** 2
    if not len(ages):
        raise TooFewBars(f"bars: {len(bars)} hold no return over {scale} ms; accepted: at least a day of bars")
    counts = np.bincount(ages)
    full = DAY / scale
    enough = counts >= 0.9 * full
    if not enough.any():
        raise TooFewBars(f"bars: {len(bars)} make no whole day; accepted: at least 24 hours of bars of up to a day")
    sums = np.bincount(ages, weights=squares)
    found: Floats = (sums[enough] * full / counts[enough])[::-1]
    return found


def _closes(bars: Bars, scale: Millis) -> tuple[Instants, Floats, Millis]:
    """Return the instants and log prices of the closes on a raster of ``scale``, rounded up to whole bars, and that."""
    length = bar_millis(bars)
    scale = -(-max(scale, length) // length) * length
    ends = bars.at + length
    chosen = (ends - int(ends[-1])) % scale == 0
    return ends[chosen], np.log(bars.close[chosen]), scale
