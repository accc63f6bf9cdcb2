"""Returns and daily variances: scales, gaps and days."""

from __future__ import annotations

import numpy as np
import pytest

from data.bars import Bars
from engine.statistics.series import DAY, HOUR, MINUTE, TooFewBars, bar_millis, daily_variance, log_returns, newest
from tests.engine.statistics.paths import bars_along, walk


def without(bars: Bars, first: int, last: int) -> Bars:
    keep = np.r_[0:first, last : len(bars)]
    columns = {name: getattr(bars, name)[keep] for name in ("open", "high", "low", "close", "volume")}
    return Bars(at=bars.at[keep], **columns)


def test_returns_add_up_to_the_same_move_at_every_scale() -> None:
    bars = bars_along(walk(24 * 20 + 1, 0.005, 1))
    move = np.log(bars.close[-1] / bars.close[0])
    for scale in (0, HOUR, 4 * HOUR, DAY):
        assert log_returns(bars, scale).sum() == pytest.approx(move)


def test_a_return_over_a_gap_is_left_out() -> None:
    bars = bars_along(walk(100, 0.005, 1))
    assert len(log_returns(without(bars, 40, 50))) == 99 - 11
    assert bar_millis(without(bars, 40, 50)) == HOUR


def test_days_are_counted_back_from_the_newest_close() -> None:
    bars = bars_along(walk(24 * 5 + 1, 0.005, 1))
    squares = log_returns(bars) ** 2
    assert daily_variance(bars) == pytest.approx(squares.reshape(5, 24).sum(axis=1))


def test_a_day_with_a_long_gap_is_left_out_and_one_with_a_short_gap_scaled_up() -> None:
    bars = bars_along(walk(24 * 5 + 1, 0.005, 1))
    assert len(daily_variance(without(bars, 50, 60))) == 4
    short = daily_variance(without(bars, 60, 61))
    assert len(short) == 5
    squares = np.delete(log_returns(bars)[48:72] ** 2, [11, 12])
    assert short[2] == pytest.approx(squares.sum() * 24 / 22)


def test_the_variance_of_a_known_walk_is_found_from_minutes_and_hours() -> None:
    for millis, count in ((5 * MINUTE, 288), (HOUR, 24)):
        bars = bars_along(walk(count * 100, 0.03 / np.sqrt(count), 4), millis)
        assert daily_variance(bars).mean() == pytest.approx(0.0009, rel=0.1)


def test_the_newest_days_end_with_the_newest_bar() -> None:
    bars = bars_along(walk(100, 0.01, 1))
    assert newest(bars, 1).at.tolist() == bars.at[-24:].tolist()
    assert len(newest(bars, 1000)) == 100


@pytest.mark.parametrize("count", [0, 1])
def test_bars_without_a_length_are_refused(count: int) -> None:
    with pytest.raises(TooFewBars):
        bar_millis(bars_along(walk(5, 0.01, 1)).part(0, count))


def test_less_than_a_day_has_no_daily_variance() -> None:
    with pytest.raises(TooFewBars, match="24 hours"):
        daily_variance(bars_along(walk(20, 0.01, 1)))
