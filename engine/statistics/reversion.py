"""How fast price comes back: the half-life of an Ornstein-Uhlenbeck process fitted to log price."""

from __future__ import annotations

import math

import msgspec

from data.bars import Bars, Floats
from data.values import Millis
from engine.statistics.series import HOUR, TooFewBars, bar_millis, consecutive

MOST_HOURS = 720
LEAST = 30
CRITICAL = -2.86
"""Below this the t-value of the slope rejects a random walk at 5 %. Source: Dickey & Fuller (1979), with a constant."""


class Reversion(msgspec.Struct, frozen=True, kw_only=True):
    """How long price takes to come half of the way back to its mean."""

    half_life_hours: float
    """Infinite when price does not come back."""
    error_hours: float
    """Standard error of the half-life; infinite with it."""
    slope: float
    """Of the regression, for one step of ``step_millis``, corrected for its bias."""
    t: float
    """Of the slope as estimated."""
    significant: bool
    """Whether a random walk would show so much reversion in fewer than 1 of 20 cases."""
    step_millis: Millis


def reversion(bars: Bars) -> Reversion:
    """Return the half-life over the last 30 days of hours, or of as many bars where hours are too few.

    Raises ``TooFewBars`` below 30 steps.
    """
    step = max(HOUR, bar_millis(bars))
    before, after = consecutive(bars, step)
    if len(after) < 2 * LEAST:
        step = bar_millis(bars)
        before, after = consecutive(bars, step)
    if len(after) < LEAST:
        raise TooFewBars(f"bars: {len(after)} steps do not make a half-life; accepted: at least {LEAST}")
    return of_logs(before[-MOST_HOURS:], after[-MOST_HOURS:], step)


def of_logs(before: Floats, after: Floats, step: Millis) -> Reversion:
    """Return the half-life from pairs of log prices ``step`` apart.

    Regression x[t] - x[t-1] = a + b·x[t-1] + e; half-life = -ln 2 / ln(1 + b) steps, its error by the delta method. The
    least-squares estimate of 1 + b is too low by (1 + 3·(1 + b))/n (Kendall, 1954), which is added back.
    """
    centred = before - before.mean()
    change = after - before
    count, spread = len(centred), float(centred @ centred)
    if spread <= count * 1e-24:
        return _none(0.0, step)
    raw = float(centred @ change) / spread
    rest = change - change.mean() - raw * centred
    error = math.sqrt(float(rest @ rest) / (count - 2) / spread)
    t = raw / error if error > 0 else (-math.inf if raw < 0 else 0.0)
    slope = raw + (1 + 3 * (1 + raw)) / count
    if slope >= 0:
        return _none(t, step)
    keep = max(1 + slope, 1e-6)
    half = -math.log(2) / math.log(keep)
    hours = step / HOUR
    return Reversion(
        half_life_hours=half * hours,
        error_hours=error * math.log(2) / (keep * math.log(keep) ** 2) * hours,
        slope=slope,
        t=t,
        significant=t < CRITICAL,
        step_millis=step,
    )


def _none(t: float, step: Millis) -> Reversion:
    return Reversion(
        half_life_hours=math.inf, error_hours=math.inf, slope=0.0, t=t, significant=False, step_millis=step
    )
