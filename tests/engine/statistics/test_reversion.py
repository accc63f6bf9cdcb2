"""The half-life of a known process is found within its stated error; a walk has none that is significant."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics.reversion import of_logs, reversion
from engine.statistics.series import HOUR, TooFewBars
from tests.engine.statistics.paths import FINE, bars_along, reverting, walk

SEEDS = 80


@pytest.mark.parametrize("half_life", [5.0, 12.0, 25.0])
def test_a_known_half_life_is_within_two_errors_in_nearly_all_cases(half_life: float) -> None:
    found = [reversion(bars_along(reverting(700, 0.004, seed, half_life))) for seed in range(SEEDS)]
    inside = [abs(each.half_life_hours - half_life) <= 2 * each.error_hours for each in found]
    # The estimate of a short half-life is skewed: a little less than the 95 % of a normal distribution.
    assert np.mean(inside) >= 0.88
    assert np.median([each.half_life_hours for each in found]) == pytest.approx(half_life, rel=0.1)
    assert all(each.error_hours < 0.6 * each.half_life_hours for each in found if half_life < 20)
    # A Dickey-Fuller test of 700 steps misses one in five of the slowest of these.
    assert np.mean([each.significant for each in found]) > (0.95 if half_life < 20 else 0.7)


def test_a_walk_is_rarely_called_reverting() -> None:
    found = [reversion(bars_along(walk(700, 0.004, seed))) for seed in range(SEEDS)]
    assert np.mean([each.significant for each in found]) < 0.15
    assert np.mean([math.isinf(each.half_life_hours) for each in found]) > 0.05


def test_a_price_that_runs_away_has_no_half_life() -> None:
    logs = np.exp(np.arange(200) * 0.01)
    found = of_logs(logs[:-1], logs[1:], HOUR)
    assert math.isinf(found.half_life_hours)
    assert math.isinf(found.error_hours)
    assert not found.significant


def test_an_exact_decay_gives_its_exact_rate() -> None:
    # Without noise the least-squares slope is exact; what is left is the correction for bias.
    logs = 0.5 ** (np.arange(400) / 10.0)
    found = of_logs(logs[:-1], logs[1:], HOUR)
    raw = found.slope - (1 + 3 * 0.5 ** (1 / 10)) / 399
    assert raw == pytest.approx(0.5 ** (1 / 10) - 1)


def test_a_price_that_stands_still_has_no_half_life() -> None:
    assert math.isinf(reversion(bars_along(np.zeros(100 * FINE + 1))).half_life_hours)


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(TooFewBars):
        reversion(bars_along(walk(20, 0.01, 1)))
