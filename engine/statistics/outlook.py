"""The variance of the coming days from that of the past ones: a heterogeneous autoregression kept near known weights.

Source: Corsi (2009), "A simple approximate long-memory model of realized volatility", in logarithms:

    ln V[t+1..t+h] - m = c + b1·(ln V[t] - m) + b7·(ln V[week] - m) + b30·(ln V[month] - m),   m = ln of the mean

where V[week] is the mean over the last seven days. The weights are fitted by ridge regression towards ``NEAR`` (a
horizon of one day) and ``FAR`` (a week and more), so that a history of days uses these, and one of years its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from data.bars import Floats
from engine.statistics.series import TooFewBars

LOOKS = (1, 7, 30)
"""Days whose mean variance is looked at."""
NEAR = (0.30, 0.30, 0.25)
FAR = (0.15, 0.30, 0.35)
"""Weights of the day, the week and the month; the rest to one is on the long-run mean."""
STIFFNESS = 60.0
"""How many days of data the given weights are worth."""
LEAST = 1e-12
"""Variance of a day on which nothing moved: the logarithm of zero says nothing."""
DOUBT = 0.55
"""Standard deviation of the log error where there is too little history to measure it; held for ``DOUBTED`` days."""
DOUBTED = 20


class Outlook(NamedTuple):
    """Mean daily variance of log price over a horizon, as a median, and the standard deviation of its logarithm."""

    variance: float
    doubt: float


def outlook(variances: Floats, horizon_days: int = 1) -> Outlook:
    """Return what the mean daily variance of the next ``horizon_days`` is likely to be.

    ``variances`` are those of past days, oldest first. The answer is the median of the forecast distribution: half of
    the time it will be less. Raises ``TooFewBars`` without a day.
    """
    if not len(variances):
        raise TooFewBars("days: none; accepted: the variance of at least one day")
    known = np.maximum(variances, LEAST)
    centre = math.log(known.mean())
    features = _features(known) - centre
    prior = np.array([0.0, *(NEAR if horizon_days < LOOKS[1] else FAR)])
    begin, end = min(LOOKS[-1], max(LOOKS[1], len(known) // 3)), len(known) - horizon_days
    if end <= begin:
        return Outlook(math.exp(centre + float(prior[1:] @ features[-1])), DOUBT)
    x = np.column_stack([np.ones(end - begin), features[begin:end]])
    y = np.log(_means_ahead(known, horizon_days)[begin:end]) - centre
    # Each weight is held as hard as its feature varies; where none does, so that there is one answer.
    varied = np.maximum((features[begin:end] ** 2).mean(axis=0), LEAST)
    stiff = np.diag([1.0, *varied]) * STIFFNESS * math.sqrt(horizon_days)
    weights = np.linalg.solve(x.T @ x + stiff, x.T @ y + stiff @ prior)
    errors = y - x @ weights
    doubt = math.sqrt((float(errors @ errors) + DOUBTED * DOUBT**2) / (len(errors) + DOUBTED))
    return Outlook(math.exp(centre + float(weights[0] + weights[1:] @ features[-1])), doubt)


def _features(known: Floats) -> Floats:
    """Return a row per day: the logs of the means of the last day, week and month, that day included."""
    sums = np.concatenate(([0.0], np.cumsum(known)))
    places = np.arange(1, len(known) + 1)
    columns = []
    for days in LOOKS:
        begins = np.maximum(places - days, 0)
        columns.append((sums[places] - sums[begins]) / (places - begins))
    return np.log(np.maximum(np.column_stack(columns), LEAST))


def _means_ahead(known: Floats, days: int) -> Floats:
    """Return the mean of the ``days`` values after each place; the last ``days`` places have none."""
    sums = np.concatenate(([0.0], np.cumsum(known)))
    found: Floats = np.maximum((sums[1 + days :] - sums[1:-days]) / days, LEAST)
    return found
