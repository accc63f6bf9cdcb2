"""Prices that never were: an endless path per market with volatility that clusters, jumps, and a pull to the mean."""

from __future__ import annotations

import math
import random
from array import array
from collections import OrderedDict
from functools import lru_cache
from itertools import accumulate

import msgspec

from data.values import Millis

STEP: Millis = 5_000
"""Time between two points of a path."""
DAY: Millis = 86_400_000
STEPS = DAY // STEP
"""Points of one day."""
MINUTES = 1440
_PER_MINUTE = STEPS // MINUTES
_KEPT_DAYS = 4
_HOURS_KEPT = 130
"""Days whose hours are kept: more than a market shows of its past, which is asked for again and again."""
_MEMORY_DAYS = 60

# Volatility after GARCH(1,1): what a surprise adds, what of yesterday's stays, and what pulls to the long run.
_SURPRISE, _PERSISTENCE = 0.08, 0.90
_BASELINE = 1 - _SURPRISE - _PERSISTENCE
_JUMP_CHANCE, _JUMP_SIZE = 1 / 1500, 9.0
# The day's anchor forgets a shock with this factor a day, so that price wanders for weeks but never runs away.
_RECALL = 0.96
_REGIME_RECALL, _REGIME_SWING = 0.85, 0.18


class Bar(msgspec.Struct, frozen=True, gc=False):
    """Prices and volume of a stretch of the path."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class _Day(msgspec.Struct, frozen=True):
    prices: array[float]
    """STEPS + 1 points; the last one is the first of the next day."""
    deviations: array[float]
    """Standard deviation of each minute's return."""
    volumes: array[float]
    """Base traded in each minute."""


class InventedPath:
    """The price of one market as a pure function of (seed, symbol, time); any day can be asked for at once."""

    def __init__(self, seed: int, symbol: str, price: float, daily_deviation: float, daily_volume: float) -> None:
        """Wander around ``price`` with about ``daily_deviation`` (0.03 is 3 %) a day, trading ``daily_volume`` base."""
        self._name = f"{seed}/{symbol}"
        self._price, self._deviation, self._volume = price, daily_deviation, daily_volume
        self._days: OrderedDict[int, _Day] = OrderedDict()
        self._hours: OrderedDict[int, tuple[Bar, ...]] = OrderedDict()
        self._shock = lru_cache(maxsize=1024)(self._draw_shock)

    def price(self, at: Millis) -> float:
        """Return the middle price at the last step at or before ``at``."""
        day, within = divmod(at, DAY)
        return self._day(day).prices[within // STEP]

    def deviation(self, at: Millis) -> float:
        """Return the standard deviation of a minute's return around ``at``."""
        day, within = divmod(at, DAY)
        return self._day(day).deviations[within // 60_000]

    def usual_deviation(self) -> float:
        """Return the standard deviation a minute's return has in the long run."""
        return self._deviation / math.sqrt(MINUTES)

    def volume(self, at: Millis) -> float:
        """Return the base traded in the minute of ``at``."""
        day, within = divmod(at, DAY)
        return self._day(day).volumes[within // 60_000]

    def bar(self, start: Millis, end: Millis) -> Bar:
        """Return the bar from ``start`` to ``end``, both whole minutes but for an unfinished last one of one day."""
        day, within = divmod(start, DAY)
        return _bar(self._day(day), within // STEP, (end - day * DAY) // STEP)

    def hours(self, day: int) -> tuple[Bar, ...]:
        """Return the 24 hourly bars of a day, counted from 1970-01-01."""
        bars = self._hours.get(day)
        if bars is None:
            made, hour = self._day(day), STEPS // 24
            bars = tuple(_bar(made, start, start + hour) for start in range(0, STEPS, hour))
            self._hours[day] = bars
            if len(self._hours) > _HOURS_KEPT:
                self._hours.popitem(last=False)
        return bars

    def _day(self, number: int) -> _Day:
        day = self._days.get(number)
        if day is None:
            day = self._days[number] = self._make(number)
            if len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return day

    def _make(self, number: int) -> _Day:
        rng = random.Random(f"{self._name}/day/{number}")  # noqa: S311 - invented prices
        start, end = self._anchor(number), self._anchor(number + 1)
        gauss, usual = rng.gauss, self._regime(number) * self.usual_deviation()
        variance = long_run = usual * usual
        steps, deviations, volumes = array("d"), array("d"), array("d")
        for minute in range(MINUTES):
            deviation = math.sqrt(variance)
            scale = deviation / math.sqrt(_PER_MINUTE)
            moves = [gauss(0.0, scale) for _ in range(_PER_MINUTE)]
            if rng.random() < _JUMP_CHANCE:
                moves[rng.randrange(_PER_MINUTE)] += gauss(0.0, _JUMP_SIZE * deviation)
            change = sum(moves)
            steps.extend(moves)
            deviations.append(deviation)
            volumes.append(self._minute_volume(minute, abs(change) / usual, gauss(0.0, 0.4)))
            variance = _BASELINE * long_run + _SURPRISE * change * change + _PERSISTENCE * variance
        # A bridge: the day ends where the next begins, at a drift far too small to see in a minute.
        drift = (end - start - sum(steps)) / STEPS
        logs = accumulate((step + drift for step in steps), initial=start)
        return _Day(prices=array("d", map(math.exp, logs)), deviations=deviations, volumes=volumes)

    def _minute_volume(self, minute: int, surprise: float, noise: float) -> float:
        busy = 1 + 0.4 * math.sin(2 * math.pi * (minute - 480) / MINUTES)
        return self._volume / MINUTES * busy * (0.5 + 0.5 * surprise) * math.exp(noise)

    def _anchor(self, number: int) -> float:
        spread = self._deviation * sum(
            _RECALL**age * self._shock("anchor", number - age) for age in range(_MEMORY_DAYS)
        )
        return math.log(self._price) + spread

    def _regime(self, number: int) -> float:
        swing = sum(_REGIME_RECALL**age * self._shock("regime", number - age) for age in range(_MEMORY_DAYS // 3))
        return math.exp(_REGIME_SWING * swing)

    def _draw_shock(self, what: str, number: int) -> float:
        return random.Random(f"{self._name}/{what}/{number}").gauss(0.0, 1.0)  # noqa: S311 - invented prices


def _bar(day: _Day, first: int, last: int) -> Bar:
    prices = day.prices[first : last + 1]
    volume = sum(day.volumes[first // _PER_MINUTE : last // _PER_MINUTE])
    if rest := last % _PER_MINUTE:
        volume += day.volumes[last // _PER_MINUTE] * rest / _PER_MINUTE
    return Bar(prices[0], max(prices), min(prices), prices[-1], volume)
