"""The tests of stationarity tell a process with a mean from one without."""

from __future__ import annotations

import numpy as np
import pytest

from engine.statistics.series import TooFewBars
from engine.statistics.stationarity import Verdict, of_logs, stationarity
from tests.engine.statistics.paths import bars_along, reverting, walk

SEEDS = 25


def test_a_reverting_price_is_stationary() -> None:
    found = [stationarity(bars_along(reverting(800, 0.004, seed, 3))) for seed in range(SEEDS)]
    assert all(each.adf_p < 0.05 for each in found)
    # KPSS rejects 12 % of these where it should reject 5 %.
    assert np.mean([each.verdict is Verdict.STATIONARY for each in found]) >= 0.75
    assert {each.verdict for each in found} <= {Verdict.STATIONARY, Verdict.CONTRADICTORY}


def test_a_walk_is_a_random_walk() -> None:
    found = [stationarity(bars_along(walk(800, 0.004, seed))) for seed in range(SEEDS)]
    assert np.mean([each.verdict is Verdict.RANDOM_WALK for each in found]) >= 0.8
    assert not any(each.verdict is Verdict.STATIONARY for each in found)


def test_the_newest_thousand_hours_are_tested() -> None:
    calm, wild = reverting(1001, 0.004, 3, 5), walk(600, 0.02, 3)
    found = stationarity(bars_along(np.concatenate([wild, wild[-1] + calm - calm[0]])))
    assert found.observations == 1000
    assert found.adf_p < 0.05


def test_a_price_that_stands_still_is_stationary() -> None:
    assert of_logs(np.zeros(100)).verdict is Verdict.STATIONARY


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(TooFewBars, match="at least 50"):
        stationarity(bars_along(walk(40, 0.01, 1)))
