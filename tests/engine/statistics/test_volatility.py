"""Volatility: known where the process is known; the forecast beats a constant on held-back days."""

from __future__ import annotations

import math

import numpy as np
import pytest

from data.bars import Bars, Floats
from engine.statistics.series import DAY, HOUR, MINUTE, bar_millis, daily_variance, newest
from engine.statistics.volatility import Method, annualised, ewma, forecast, garch_day, realised
from tests.engine.statistics.paths import bars_along, recorded, walk


def garch_path(count: int, seed: int) -> tuple[Floats, float]:
    """Return returns of a GARCH(1,1) of variance 1e-4, and the true variance of the next one."""
    chance, variance, found = np.random.default_rng(seed), 1e-4, []
    for _ in range(count):
        found.append(math.sqrt(variance) * chance.standard_normal())
        variance = 1e-4 * 0.05 + 0.10 * found[-1] ** 2 + 0.85 * variance
    return np.array(found), variance


def test_the_volatility_of_a_walk_is_the_same_at_every_scale() -> None:
    bars = bars_along(walk(288 * 60, 0.002, 1), 5 * MINUTE)
    told = {each.scale_millis: each.annual for each in realised(bars)}
    assert set(told) == {5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY}
    true = annualised(0.002**2 * 288)
    assert told[5 * MINUTE] == pytest.approx(true, rel=0.03)
    assert told[DAY] == pytest.approx(true, rel=0.3)


def test_scales_without_enough_returns_are_left_out() -> None:
    scales = [each.scale_millis for each in realised(bars_along(walk(24 * 3, 0.005, 1)))]
    assert scales == [HOUR, 4 * HOUR]


def test_garch_finds_the_variance_of_a_known_process() -> None:
    errors = []
    for seed in range(12):
        returns, true = garch_path(1500, seed)
        told = garch_day(returns, 1)
        assert told is not None
        errors.append(math.log(told / true))
    assert np.mean(errors) == pytest.approx(0, abs=0.1)
    assert np.std(errors) < 0.2


def test_garch_does_not_depend_on_the_scale_of_returns() -> None:
    returns, _ = garch_path(800, 1)
    told = [garch_day(returns * factor, 6) for factor in (1e-5, 1.0, 20.0)]
    assert all(each is not None for each in told)
    scaled = [each / factor**2 for each, factor in zip(told, (1e-5, 1.0, 20.0), strict=True) if each is not None]
    assert scaled == pytest.approx([scaled[1]] * 3, rel=0.02)


def test_a_price_that_stands_still_has_no_garch() -> None:
    assert garch_day(np.zeros(500), 1) is None


def test_few_bars_fall_back_and_say_so() -> None:
    told = forecast(bars_along(walk(24 * 5 + 1, 0.01, 1)))
    assert told.method is Method.EWMA
    assert "300" in told.because
    assert told.daily == pytest.approx(0.01 * math.sqrt(24), rel=0.3)


def test_many_bars_are_fitted_and_say_so() -> None:
    told = forecast(bars_along(walk(24 * 60, 0.01, 1)))
    assert told.method is Method.GARCH_NORMAL
    assert told.because == "GARCH(1,1) converged on 359 returns of 4 h"
    assert told.daily == pytest.approx(0.01 * math.sqrt(24), rel=0.1)
    assert told.annual == pytest.approx(told.daily * math.sqrt(365))


def test_a_fit_that_fails_falls_back_and_says_so() -> None:
    flat = bars_along(np.zeros(16 * 24 * 60 + 1))
    told = forecast(flat)
    assert told.method is Method.EWMA
    assert "did not converge" in told.because
    assert told.daily < 1e-5


def test_the_newest_day_weighs_most() -> None:
    assert ewma(np.array([1.0, 1.0, 4.0])) > ewma(np.array([4.0, 1.0, 1.0])) > 1
    assert ewma(np.full(50, 3.0)) == pytest.approx(3)


def losses(bars: Bars, count: int) -> tuple[float, float]:
    """Return mean QLIKE of the forecast and of a constant over ``count`` held-back days."""
    day = DAY // bar_millis(bars)
    ours: list[float] = []
    constant: list[float] = []
    for begin in np.linspace(len(bars) // 2, len(bars) - day, count).astype(int):
        before = bars.part(0, begin)
        real = float(daily_variance(bars.part(begin - 1, begin + day))[-1])
        for told, found in (
            (forecast(newest(before, 400)).daily ** 2, ours),
            (daily_variance(before).mean(), constant),
        ):
            found.append(real / told - math.log(real / told) - 1)
    return float(np.mean(ours)), float(np.mean(constant))


@pytest.mark.parametrize("name", ["BTCUSDT-1h-201708_202412", "SOLUSDT-1h-202009_202412"])
def test_the_forecast_beats_a_constant_on_held_back_days(name: str) -> None:
    ours, constant = losses(recorded(name, 100_000), 25)
    assert ours < constant
