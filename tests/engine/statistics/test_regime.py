"""The regime is named rightly on paths of each kind, and price scale does not matter."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.bars import Bars, Floats
from engine.statistics.regime import LEAST, Kind, of_returns, regime, variance_ratio
from engine.statistics.series import TooFewBars
from tests.engine.statistics.paths import bars_along, burst, reverting, walk

SEEDS = 60
COUNT = 400
KINDS: dict[Kind, Callable[[int], Floats]] = {
    Kind.TREND: lambda seed: walk(COUNT, 0.005, seed, drift=0.0016 * (1 if seed % 2 else -1)),
    Kind.RANGE: lambda seed: reverting(COUNT, 0.005, seed, half_life=8),
    Kind.VOLATILE: lambda seed: burst(COUNT, 0.004, seed),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_is_named_with_a_clear_margin(kind: Kind) -> None:
    found = [regime(bars_along(KINDS[kind](seed))) for seed in range(SEEDS)]
    assert np.mean([each.kind is kind for each in found]) >= 0.95
    assert np.median([getattr(each, kind.value) for each in found]) > 0.85


def test_a_trend_is_told_with_its_direction() -> None:
    rises = [regime(bars_along(KINDS[Kind.TREND](seed))).direction for seed in range(20)]
    assert rises == [1 if seed % 2 else -1 for seed in range(20)]


def test_a_plain_walk_is_named_with_less_confidence_than_a_reverting_one() -> None:
    walks = [regime(bars_along(walk(COUNT, 0.005, seed))) for seed in range(SEEDS)]
    ranges = [regime(bars_along(KINDS[Kind.RANGE](seed))) for seed in range(SEEDS)]
    assert np.median([each.range for each in walks]) < np.median([each.range for each in ranges]) - 0.2


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(Kind), factor=st.sampled_from((1e-8, 0.37, 64.0, 50_000.0)))
def test_price_scale_does_not_matter_and_probabilities_sum_to_one(seed: int, kind: Kind, factor: float) -> None:
    bars = bars_along(KINDS[kind](seed))
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    scaled = Bars(**prices, at=bars.at, volume=bars.volume)
    one, other = regime(bars), regime(scaled)
    assert one.kind is other.kind
    assert [one.trend, one.range, one.volatile] == pytest.approx([other.trend, other.range, other.volatile], abs=1e-6)
    assert one.trend + one.range + one.volatile == pytest.approx(1)
    assert 0 <= one.efficiency <= 1


@given(st.lists(st.floats(-0.5, 0.5), min_size=LEAST, max_size=200))
def test_any_returns_have_a_regime(returns: list[float]) -> None:
    found = of_returns(np.array(returns))
    assert all(np.isfinite(value) for value in msgspec.structs.astuple(found) if isinstance(value, float))
    assert found.trend + found.range + found.volatile == pytest.approx(1)


def test_a_price_that_stands_still_ranges_and_one_that_marches_trends() -> None:
    assert of_returns(np.zeros(100)).kind is Kind.RANGE
    assert of_returns(np.full(100, 0.001)).kind is Kind.TREND
    assert of_returns(np.full(100, -0.001)).direction == -1


def test_the_variance_ratio_of_a_walk_is_one_and_of_alternating_returns_near_zero() -> None:
    ratios = [variance_ratio(np.random.default_rng(seed).standard_normal(400), 10) for seed in range(200)]
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)
    assert variance_ratio(np.tile([1.0, -1.0], 100), 10) == pytest.approx(0, abs=0.01)


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(TooFewBars, match="at least 60"):
        regime(bars_along(walk(50, 0.01, 1)))
