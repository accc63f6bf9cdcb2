"""The outlook on variance: known weights without history, better than the mean where variance clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.statistics.outlook import DOUBT, NEAR, outlook
from engine.statistics.series import TooFewBars


def clustered(count: int, seed: int) -> np.ndarray:
    """Return daily variances whose logs come back to that of 0.001 with a half-life of two weeks."""
    chance, logs = np.random.default_rng(seed), [0.0]
    for _ in range(count - 1):
        logs.append(0.95 * logs[-1] + 0.3 * chance.standard_normal())
    return 0.001 * np.exp(np.array(logs) + 0.3 * chance.standard_normal(count))


def test_without_history_the_given_weights_decide() -> None:
    known = np.array([0.001, 0.004])
    mean = known.mean()
    assert outlook(known).variance == pytest.approx(mean * (0.004 / mean) ** NEAR[0])
    assert outlook(known).doubt == DOUBT


def test_a_constant_variance_is_foretold_as_it_is() -> None:
    for days in (1, 10, 400):
        assert outlook(np.full(days, 0.002), 7).variance == pytest.approx(0.002)
    assert outlook(np.full(400, 0.002), 7).doubt < 0.2


@pytest.mark.parametrize("horizon", [1, 7])
def test_clustered_variance_is_foretold_better_than_by_its_mean(horizon: int) -> None:
    ours, naive, inside = [], [], []
    for seed in range(10):
        known = clustered(400, seed)
        for day in range(200, 393, 14):
            real = math.log(known[day : day + horizon].mean())
            told = outlook(known[:day], horizon)
            ours.append((math.log(told.variance) - real) ** 2)
            naive.append((math.log(known[:day].mean()) - real) ** 2)
            inside.append(abs(math.log(told.variance) - real) < told.doubt)
    assert np.mean(ours) < 0.7 * np.mean(naive)
    # Within one standard deviation in two of three cases.
    assert 0.55 < np.mean(inside) < 0.85


@given(
    known=st.lists(st.floats(0, 0.1), min_size=1, max_size=120),
    horizon=st.integers(1, 14),
    factor=st.floats(0.01, 100),
)
def test_the_outlook_is_finite_and_scales_with_the_variances(known: list[float], horizon: int, factor: float) -> None:
    values = np.maximum(np.array(known), 1e-6)
    told, scaled = outlook(values, horizon), outlook(values * factor, horizon)
    assert 0 < told.variance < math.inf
    assert scaled.variance == pytest.approx(told.variance * factor, rel=1e-6)
    assert 0 < outlook(np.array(known), horizon).variance < math.inf


def test_no_day_is_refused() -> None:
    with pytest.raises(TooFewBars):
        outlook(np.empty(0))
