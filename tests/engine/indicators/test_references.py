"""Indicators that TA-Lib lacks, against references of their own and against pandas-ta-classic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.bars import Bars
from engine.indicators.base import make
from engine.indicators.columns import column, prices, series, technical
from tests.engine.indicators.markets import KNOWN, from_closes, random_walk, read, recorded, same, streamed, tolerance
from tests.engine.indicators.references import REFERENCES
from tests.engine.indicators.test_talib import TALIB

LAST = 2_000
"""Bars of each recorded file that the slow references go over."""


def test_every_indicator_is_held_against_something_independent() -> None:
    assert {*REFERENCES, *TALIB} == set(KNOWN)


@pytest.mark.slow
@pytest.mark.parametrize("file", recorded())
def test_streams_equal_the_references_on_recorded_bars(file: Path) -> None:
    bars = read(file)
    part = bars.part(len(bars) - LAST)
    for name, reference in REFERENCES.items():
        indicator = make(name)
        same(streamed(indicator.stream(), part), reference(part), tolerance(indicator, part))


@pytest.mark.slow
@pytest.mark.parametrize("file", recorded())
def test_streams_equal_the_windows_on_whole_files(file: Path) -> None:
    bars = read(file)
    for name in REFERENCES:
        indicator = make(name)
        wanted = np.column_stack(list(indicator.window(bars).values()))
        same(streamed(indicator.stream(), bars), wanted, tolerance(indicator, bars))


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize(
    "bars",
    [
        random_walk(700, 21),
        random_walk(700, 22, price=1e-6, size=0.05),
        from_closes([7.0] * 300),
        from_closes([7.0, 8.0] * 150),
    ],
)
def test_streams_and_windows_equal_the_references_on_invented_bars(name: str, bars: Bars) -> None:
    indicator = make(name)
    wanted = REFERENCES[name](bars)
    same(streamed(indicator.stream(), bars), wanted, tolerance(indicator, bars))
    same(np.column_stack(list(indicator.window(bars).values())), wanted, tolerance(indicator, bars))


def test_the_z_score_and_the_supertrend_are_those_of_pandas_ta() -> None:
    bars, ta = random_walk(2_000, 31), technical()
    scored = column(ta.zscore(series(bars.close), 20))
    np.testing.assert_allclose(make("zscore").window(bars)["zscore"], scored, rtol=1e-6, atol=1e-6)
    trend = ta.supertrend(*prices(bars), 10, 3.0)
    found = make("supertrend").window(bars)
    np.testing.assert_allclose(found["line"][10:], column(trend.iloc[10:, 0]), rtol=1e-12)
    assert (found["direction"][10:] == column(trend.iloc[10:, 1])).all()


def test_a_random_walk_has_an_exponent_of_a_half_and_a_trend_one_of_one() -> None:
    walk = make("hurst").window(random_walk(20_000, 41))["hurst"]
    assert abs(np.nanmean(walk) - 0.5) < 0.05
    rising = from_closes(100 * np.exp(1e-3 * np.arange(300)))
    assert make("hurst").window(rising)["hurst"][-1] == pytest.approx(1.0)
    swinging = from_closes(100 + np.arange(300) % 2)
    assert make("hurst").window(swinging)["hurst"][-1] == 0
    assert streamed(make("hurst").stream(), swinging)[-1] == 0


@pytest.mark.parametrize("length", [50, 100, 500])
def test_few_random_walks_are_said_to_have_a_tendency(length: int) -> None:
    indicator = make("hurst", {"length": length})
    apart = indicator.window(random_walk(length * 400, 43))["hurst"][length - 1 :: length]
    told = [indicator.reading({"hurst": value}, 1.0) for value in apart.tolist()]
    assert sum(not each.startswith("no clear") for each in told) < 0.08 * len(told)


def test_realised_volatility_is_the_size_of_the_steps() -> None:
    found = make("realised_volatility").window(random_walk(5_000, 42, size=2e-3))
    assert np.nanmean(found["long"]) == pytest.approx(2e-3, rel=0.05)
