"""Whether a market trends, ranges or is volatile: four features of its returns, and a softmax with fixed coefficients.

Over the newest two weeks of hourly returns ``r`` (of bars where that is too few), with n of them and deviation σ:

    drift t     |Σr| / (σ·√n)                 a driftless walk: |N(0, 1)|
    extent      (max - min of Σr) / (σ·√n)    a driftless walk: 1.6 on average (Feller, 1951); reversion makes it small
    ratio       VR(q) of Lo & MacKinlay (1988), q = n/10: below 1 where moves are undone, above where they go on
    burst       ln of the mean square of the newest quarter over that of the rest, halved

    trend    = 1.5·(t - 2)                    range = 3·(1.25 - extent) + 1.5·(1 - ratio)
    volatile = 5·(burst - 0.5)

All four are free of the scale of price. A plain random walk comes out as range with little confidence: nothing speaks
against a grid there, and nothing for it. The coefficients were set by hand so that the middle of each kind's scale lies
between what a random walk and what a clear case shows; they are not fitted to any market.
"""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec
import numpy as np

from data.bars import Bars, Floats
from engine.statistics.series import HOUR, TooFewBars, log_returns

WINDOW = 336
"""Returns looked at: two weeks of hours."""
LEAST = 60


class Kind(StrEnum):
    """What a market does."""

    TREND = "trend"
    """Goes one way: a grid sells out on the way up, or is left holding on the way down."""
    RANGE = "range"
    """Goes to and fro: what a grid lives on."""
    VOLATILE = "volatile"
    """Moves far more than before: ranges are left and yesterday's spacing does not fit."""


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """The kind of market, with probabilities that sum to 1, and the features they come from."""

    kind: Kind
    trend: float
    range: float
    volatile: float
    direction: int
    """1 when price rose over the window, -1 when it fell, 0 when it did neither."""
    efficiency: float
    """Net move over the sum of all moves, 0 to 1. Source: Kaufman, "Smarter Trading" (1995)."""
    drift_t: float
    extent: float
    variance_ratio: float
    burst: float

    @property
    def confidence(self) -> float:
        """Return the probability of the kind named."""
        return max(self.trend, self.range, self.volatile)


def regime(bars: Bars) -> Regime:
    """Return the regime of the newest bars. Raises ``TooFewBars`` below 60 returns."""
    hourly = log_returns(bars, HOUR)
    returns = (hourly if len(hourly) >= 2 * LEAST else log_returns(bars))[-WINDOW:]
    if len(returns) < LEAST:
        raise TooFewBars(f"bars: {len(returns)} returns do not make a regime; accepted: at least {LEAST}")
    return of_returns(returns)


def of_returns(returns: Floats) -> Regime:
    """Return the regime of log returns, oldest first."""
    count, net, deviation = len(returns), float(returns.sum()), float(returns.std())
    if deviation <= 1e-12 * max(1.0, abs(net)):
        # All returns alike: a price that stands still is the quietest range, one that marches the clearest trend.
        still = net == 0.0
        return _named(0.0 if still else 99.0, 0.0 if still else 1.0, 0.0 if still else 99.0, 1.0, 0.0, net)
    unit = deviation * math.sqrt(count)
    path = np.concatenate(([0.0], np.cumsum(returns)))
    recent, before = returns[-(count // 4) :], returns[: -(count // 4)]
    quiet = max(float(np.mean(before**2)), deviation**2 * 1e-6)
    return _named(
        drift_t=abs(net) / unit,
        efficiency=abs(net) / float(np.abs(returns).sum()),
        extent=float(path.max() - path.min()) / unit,
        ratio=variance_ratio(returns, max(2, count // 10)),
        burst=math.log(max(float(np.mean(recent**2)), quiet * 1e-6) / quiet) / 2,
        net=net,
    )


def _named(drift_t: float, efficiency: float, extent: float, ratio: float, burst: float, net: float) -> Regime:
    logits = {
        Kind.TREND: 1.5 * (drift_t - 2.0),
        Kind.RANGE: 3.0 * (1.25 - extent) + 1.5 * (1.0 - ratio),
        Kind.VOLATILE: 5.0 * (burst - 0.5),
    }
    top = max(logits.values())
    weights = {kind: math.exp(logit - top) for kind, logit in logits.items()}
    total = sum(weights.values())
    return Regime(
        kind=max(weights, key=lambda kind: weights[kind]),
        trend=weights[Kind.TREND] / total,
        range=weights[Kind.RANGE] / total,
        volatile=weights[Kind.VOLATILE] / total,
        direction=(net > 0) - (net < 0),
        efficiency=efficiency,
        drift_t=drift_t,
        extent=extent,
        variance_ratio=ratio,
        burst=burst,
    )


def variance_ratio(returns: Floats, q: int) -> float:
    """Return the variance of ``q``-step returns, overlapping, over ``q`` times that of single ones.

    Source: Lo & MacKinlay (1988), "Stock market prices do not follow random walks", equations 12 and 13; 2 <= q < n.
    """
    count = len(returns)
    mean = float(returns.mean())
    single = float(((returns - mean) ** 2).sum()) / (count - 1)
    sums = np.convolve(returns, np.ones(q), mode="valid") - q * mean
    spread = float((sums**2).sum()) / (q * (count - q + 1) * (1 - q / count))
    return spread / single if single > 0 else 1.0
