"""A stream says after every bar what the window computation says of the same bars, whatever the bars are like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.bars import Bars
from engine.indicators.base import Indicator, Stream, each_bar, make
from tests.engine.indicators.markets import (
    KNOWN,
    bar,
    from_closes,
    markets,
    parameters,
    random_walk,
    same,
    streamed,
    tolerance,
)

DECIDING = frozenset({"supertrend"})
"""Indicators that compare sums with prices: on a grid of ticks both may be equal, and the last digit then decides."""
LEVEL = ("rsi", "adx", "stochastic", "hurst", "zscore", "realised_volatility")


def window(indicator: Indicator, bars: Bars) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.column_stack(list(indicator.window(bars).values()))


@pytest.mark.parametrize("name", KNOWN)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_stream_equals_the_window_on_any_bars(name: str, data: st.DataObject) -> None:
    indicator = data.draw(parameters(name))
    if name in DECIDING:
        bars = random_walk(data.draw(st.integers(1, 90)), data.draw(st.integers(0, 10_000)))
    else:
        bars = data.draw(markets(1))
    same(streamed(indicator.stream(), bars), window(indicator, bars), tolerance(indicator, bars))


@pytest.mark.parametrize("name", KNOWN)
def test_a_stream_equals_the_window_with_the_standard_parameters(name: str) -> None:
    indicator, bars = make(name), random_walk(1_500, 3)
    same(streamed(indicator.stream(), bars), window(indicator, bars), tolerance(indicator, bars))


@pytest.mark.parametrize("name", KNOWN)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_value_is_missing_before_the_warm_up_and_finite_after_it(name: str, data: st.DataObject) -> None:
    indicator, bars = data.draw(parameters(name)), data.draw(markets(1))
    known = np.isfinite(streamed(indicator.stream(), bars)).all(axis=1)
    missing = np.isnan(streamed(indicator.stream(), bars)).all(axis=1)
    assert missing.tolist() == [place < indicator.warm_up - 1 for place in range(len(bars))]
    assert known.tolist() == [place >= indicator.warm_up - 1 for place in range(len(bars))]


@pytest.mark.parametrize("name", KNOWN)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_peek_shows_what_the_bar_would_do_and_takes_nothing_in(name: str, data: st.DataObject) -> None:
    indicator, bars, others = data.draw(parameters(name)), data.draw(markets(1)), data.draw(markets(1, 3))
    peeking, plain = indicator.stream(), indicator.stream()
    for each in each_bar(bars):
        for other in each_bar(others):
            peeking.peek(other)
        shown = peeking.peek(each)
        wanted = plain.update(each)
        assert _alike(shown, wanted)
        assert _alike(peeking.update(each), wanted)


@pytest.mark.parametrize("name", KNOWN)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_copies_go_their_own_ways(name: str, data: st.DataObject) -> None:
    indicator, bars, other = data.draw(parameters(name)), data.draw(markets(2)), data.draw(markets(1, 30))
    fork = len(bars) // 2
    stream = indicator.stream()
    streamed(stream, bars.part(0, fork))
    twin = stream.copy()
    streamed(stream, other)
    again = indicator.stream()
    streamed(again, bars.part(0, fork))
    rest = bars.part(fork)
    assert streamed(twin, rest).tobytes() == streamed(again, rest).tobytes()


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("count", [0, 1])
def test_a_history_too_short_is_all_missing(name: str, count: int) -> None:
    indicator, bars = make(name), from_closes([100.0] * count)
    if indicator.warm_up <= count:
        bars = bars.part(0, 0)
    found = indicator.window(bars)
    assert list(found) == list(indicator.outputs)
    assert all(len(column) == len(bars) and np.isnan(column).all() for column in found.values())


@pytest.mark.parametrize("name", KNOWN)
def test_the_columns_given_are_not_written_into(name: str) -> None:
    bars = random_walk(400, 5)
    for column in (bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume):
        column.flags.writeable = False
    found = make(name).window(bars)
    assert all(column.dtype == np.float64 and len(column) == 400 for column in found.values())


@pytest.mark.parametrize("name", KNOWN)
def test_a_dead_market_is_no_division_by_zero(name: str) -> None:
    indicator = make(name)
    bars = from_closes([0.1] * 300, volume=0.0)
    found = streamed(indicator.stream(), bars)
    same(found, window(indicator, bars), 0)
    assert np.isfinite(found[-1]).all()


@pytest.mark.parametrize("name", KNOWN)
def test_a_market_that_wakes_up_is_not_spoiled_by_having_been_dead(name: str) -> None:
    indicator = make(name)
    alive = random_walk(600, 8)
    closes = np.concatenate((np.full(300, 100.0), alive.close))
    bars = from_closes(closes)
    same(streamed(indicator.stream(), bars), window(indicator, bars), tolerance(indicator, bars))


@pytest.mark.parametrize("name", ["bollinger", "zscore", "realised_volatility", "hurst", "sma"])
def test_a_spike_that_leaves_the_window_leaves_nothing_behind(name: str) -> None:
    indicator = make(name)
    closes = random_walk(900, 9, size=1e-6).close.copy()
    closes[400] *= 1e9
    bars = from_closes(closes)
    found, fresh = streamed(indicator.stream(), bars), streamed(indicator.stream(), bars.part(420))
    begun = indicator.warm_up - 1
    same(found[420 + begun :], fresh[begun:], tolerance(indicator, bars.part(420)))


def test_rounding_errors_of_the_stochastic_means_do_not_stay() -> None:
    moving = random_walk(3_000, 12)
    bars = from_closes(np.concatenate((moving.close, np.full(60, moving.close[-1]))))
    assert streamed(make("stochastic").stream(), bars)[-1].tolist() == [0, 0]


@pytest.mark.parametrize("name", LEVEL)
def test_the_unit_of_the_price_does_not_matter(name: str) -> None:
    indicator, bars = make(name), random_walk(600, 11)
    tiny = Bars(
        at=bars.at,
        open=bars.open * 2.0**-40,
        high=bars.high * 2.0**-40,
        low=bars.low * 2.0**-40,
        close=bars.close * 2.0**-40,
        volume=bars.volume,
    )
    same(streamed(indicator.stream(), tiny), streamed(indicator.stream(), bars), 1e-12)
    same(window(indicator, tiny), window(indicator, bars), 1e-12)


def test_a_stream_answers_with_plain_numbers() -> None:
    for name in KNOWN:
        stream = make(name).stream()
        for each in each_bar(random_walk(300, 2)):
            values = stream.update(each)
        assert {type(value) for value in values} == {float}, name


def test_vwap_begins_anew_at_midnight_utc() -> None:
    stream = make("vwap").stream()
    midnight = 1_700_006_400_000
    assert midnight % 86_400_000 == 0
    assert stream.update(bar(10.0, at=midnight - 60_000, volume=5.0)) == (10.0,)
    assert stream.update(bar(20.0, at=midnight, volume=0.0)) == pytest.approx((20.0,))
    assert stream.update(bar(30.0, at=midnight + 60_000, volume=2.0)) == pytest.approx((30.0,))
    assert stream.update(bar(60.0, at=midnight + 120_000, volume=1.0)) == pytest.approx((40.0,))


def test_a_stream_must_name_what_it_remembers() -> None:
    with pytest.raises(TypeError, match="__slots__"):

        class Forgetful(Stream):
            pass


def _alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(left == right or (math.isnan(left) and math.isnan(right)) for left, right in pairs)
