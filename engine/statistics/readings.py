"""What each number means for a grid, in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from engine.statistics.crossings import Crossings
from engine.statistics.description import MarketStatistics
from engine.statistics.regime import Kind
from engine.statistics.series import DAY, HOUR, MINUTE
from engine.statistics.stationarity import Verdict
from engine.statistics.volatility import Method


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One number as a person reads it, and why it matters to a grid."""

    name: str
    value: str
    why: str


_REGIMES = {
    Kind.TREND: "a grid sells out on the way up, or is left holding on the way down: narrow it, trail it, or wait",
    Kind.RANGE: "price goes to and fro, which is what a grid earns from",
    Kind.VOLATILE: "price moves more than before: widen the range, or wait until it calms down",
}
_VERDICTS = {
    Verdict.STATIONARY: "price has had a mean to come back to, so what a grid buys tends to be sold again",
    Verdict.RANDOM_WALK: "price has had no mean to come back to: a range that held so far promises nothing",
    Verdict.CONTRADICTORY: "price comes back, but to a mean that moves: keep the range wide or let it trail",
    Verdict.UNDECIDED: "the bars are too few to tell a range from a random walk",
}
_METHODS = {
    Method.GARCH_NORMAL: "GARCH(1,1) and realised daily variances",
    Method.EWMA: "a weighted mean and realised daily variances",
}


def readings(told: MarketStatistics) -> tuple[Reading, ...]:
    """Return every number of ``told`` with its reason, the most telling first."""
    return tuple(_readings(told))


def _readings(told: MarketStatistics) -> Iterator[Reading]:
    regime, forecast = told.regime, told.forecast
    yield Reading(name="regime", value=f"{regime.kind} ({regime.confidence * 100:.0f} %)", why=_REGIMES[regime.kind])
    yield Reading(
        name="next day",
        value=f"±{forecast.daily * 100:.2f} %",
        why=f"one day in three moves further; by {_METHODS[forecast.method]}, as {forecast.because}",
    )
    yield Reading(
        name=f"next {told.horizon_days} days",
        value=f"±{told.horizon_deviation * math.sqrt(told.horizon_days) * 100:.2f} %",
        why="a range much narrower than this is soon left",
    )
    yield from (
        Reading(name=f"volatility, {_scale(each.scale_millis)}", value=f"{each.annual * 100:.0f} % a year", why=_SCALE)
        for each in told.realised
    )
    yield _reversion(told)
    tests = told.stationarity
    yield Reading(
        name="stationarity",
        value=f"{tests.verdict} (ADF p {tests.adf_p:.3f}, KPSS p {tests.kpss_p:.3f})",
        why=_VERDICTS[tests.verdict],
    )
    yield from map(_crossings, told.crossings)


_SCALE = "larger at longer scales where price trends, smaller where it reverts; reversion feeds a grid"


def _reversion(told: MarketStatistics) -> Reading:
    found = told.reversion
    if math.isinf(found.half_life_hours):
        why = "price did not come back to a mean: what a grid buys on the way down may stay"
        return Reading(name="half-life", value="not found", why=why)
    value = f"{found.half_life_hours:.1f} h ± {found.error_hours:.1f}"
    if found.half_life_hours < (step := found.step_millis / HOUR):
        # Steps are too coarse to tell how much shorter, and the error of what they tell runs away.
        value = f"under {step:g} h"
    why = "so long price takes to come half of the way back: a range should be given several of them"
    if not found.significant:
        why = "a random walk would often look so, too: do not count on price coming back"
    return Reading(name="half-life", value=value, why=why)


def _crossings(each: Crossings) -> Reading:
    value = f"{each.cycles:.2f} cycles a day ({each.low:.2f} to {each.high:.2f}), {each.fills:.2f} fills"
    why = "each cycle earns one spacing on one slot, less both fees"
    if each.coarse:
        why = f"{why}; bars of this length hide crossings, so that there will be more"
    return Reading(name=f"lines {each.spacing * 100:.2f} % apart", value=value, why=why)


def _scale(millis: int) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if millis % unit == 0:
            return f"{millis // unit} {name}"
    return f"{millis / MINUTE:g} m"
