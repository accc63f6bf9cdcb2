"""Everything the statistics say about one market, in one value."""

from __future__ import annotations

import math

import msgspec

from data.bars import Bars
from data.values import Millis
from engine.statistics.crossings import HORIZON_DAYS, SPACINGS, Crossings, expected
from engine.statistics.outlook import outlook
from engine.statistics.regime import Regime, regime
from engine.statistics.reversion import Reversion, reversion
from engine.statistics.series import bar_millis, daily_variance, newest
from engine.statistics.stationarity import Stationarity, stationarity
from engine.statistics.volatility import Forecast, Realised, forecast, realised


class MarketStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What bars say about a market, for whoever decides on a grid. Prices in quote."""

    bars: int
    bar_millis: Millis
    since: Millis
    """Open time of the first bar."""
    until: Millis
    """Close time of the last bar."""
    price: float
    """The last close."""
    regime: Regime
    reversion: Reversion
    stationarity: Stationarity
    realised: tuple[Realised, ...]
    forecast: Forecast
    horizon_days: int
    """Days that ``horizon_deviation`` and ``crossings`` look ahead."""
    horizon_deviation: float
    """Standard deviation of a day's log return over the horizon, as a median forecast."""
    horizon_doubt: float
    """Standard deviation of the logarithm of that."""
    recent_low: float
    """Lowest price of as many days as the horizon has."""
    recent_high: float
    crossings: tuple[Crossings, ...]
    """By spacing, narrowest first."""


def describe(bars: Bars, spacings: tuple[float, ...] = SPACINGS, horizon_days: int = HORIZON_DAYS) -> MarketStatistics:
    """Return everything about ``bars``. Imports arch and statsmodels; meant for a worker process (``service``).

    Raises ``TooFewBars`` when the bars are fewer than 60 or cover less than a day, and ValueError for bars longer
    than a day, of which no daily variance can be told.
    """
    length = bar_millis(bars)
    ahead = outlook(daily_variance(bars), horizon_days)
    recent = newest(bars, horizon_days)
    return MarketStatistics(
        bars=len(bars),
        bar_millis=length,
        since=int(bars.at[0]),
        until=int(bars.at[-1]) + length,
        price=float(bars.close[-1]),
        regime=regime(bars),
        reversion=reversion(bars),
        stationarity=stationarity(bars),
        realised=realised(bars),
        forecast=forecast(bars),
        horizon_days=horizon_days,
        horizon_deviation=math.sqrt(ahead.variance),
        horizon_doubt=ahead.doubt / 2,
        recent_low=float(recent.low.min()),
        recent_high=float(recent.high.max()),
        crossings=tuple(expected(bars, spacing, horizon_days, ahead) for spacing in sorted(spacings)),
    )
