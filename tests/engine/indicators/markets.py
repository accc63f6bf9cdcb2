"""Bars to try indicators on: recorded ones, and invented ones of every awkward kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from data.bars import Bars
from engine.indicators.base import Bar, Indicator, Stream, discover, each_bar

SHARED = Path(__file__).parents[3] / "../shared/data/ohlcv"
FILES = sorted(SHARED.glob("*.parquet"))
MINUTE = 60_000
START = 1_700_000_000_000
KNOWN = discover()
CLOSE_ENOUGH = 1e-9
"""Relative difference that two ways of reckoning may have."""
SPAN = {
    **dict.fromkeys(("adx", "rsi", "stochastic"), 1.0),
    **dict.fromkeys(("hurst", "zscore"), 1.0),
    "realised_volatility": 1e-3,
}
"""How large the values of an indicator are by nature; of all others, as large as the prices, or the volume summed."""


def recorded() -> list[Any]:
    """Return every recorded file as a parameter, or one that is skipped where there is none."""
    if not FILES:
        reason = f"recorded candles are not at {SHARED}"
        return [pytest.param(SHARED, marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(file, id=file.stem) for file in FILES]


def read(file: Path) -> Bars:
    """Return a recorded file, whole but for bars without a trade that have no prices (one, in a file of Coinbase)."""
    from pyarrow import parquet

    names = ("open", "high", "low", "close", "volume")
    table = parquet.read_table(file, columns=["timestamp", *names])
    traded = np.isfinite(table["close"].to_numpy())
    columns = {name: table[name].to_numpy()[traded] for name in names}
    return Bars(at=table["timestamp"].to_numpy()[traded], **columns)


def streamed(stream: Stream, bars: Bars) -> npt.NDArray[np.float64]:
    """Return the stream's answers to the bars, one row for each."""
    update = stream.update
    return np.array([update(bar) for bar in each_bar(bars)], dtype=np.float64)


def tolerance(indicator: Indicator, bars: Bars) -> float:
    """Return the absolute difference that is rounding beside values as large as these."""
    if indicator.name == "obv":
        return CLOSE_ENOUGH * 1e-3 * float(bars.volume.sum())
    return CLOSE_ENOUGH * SPAN.get(indicator.name, 1e-3 * float(bars.high.max()))


def same(found: npt.ArrayLike, wanted: npt.ArrayLike, rounding: float) -> None:
    """Raise AssertionError unless both are equal to nine digits, and NaN at the same places."""
    one, other = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    np.testing.assert_allclose(one, other, rtol=CLOSE_ENOUGH, atol=rounding, equal_nan=True)


def from_closes(closes: npt.ArrayLike, volume: float = 1.0) -> Bars:
    """Return bars that each go straight from one close to the next."""
    close = np.asarray(closes, dtype=np.float64)
    opened = np.concatenate((close[:1], close[:-1]))
    at = START + MINUTE * np.arange(len(close), dtype=np.int64)
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Bars(at=at, open=opened, high=high, low=low, close=close, volume=np.full(len(close), volume))


def random_walk(count: int, seed: int, price: float = 100.0, size: float = 1e-3) -> Bars:
    """Return bars of a walk whose steps have the standard deviation ``size``, with random wicks and volumes."""
    random = np.random.default_rng(seed)
    bars = from_closes(price * np.exp(np.cumsum(random.normal(0, size, count))))
    wick = np.exp(np.abs(random.normal(0, size, (2, count))))
    return Bars(
        at=bars.at,
        open=bars.open,
        high=bars.high * wick[0],
        low=bars.low / wick[1],
        close=bars.close,
        volume=random.exponential(10, count),
    )


_BAR = st.tuples(
    st.integers(-3, 3) | st.just(0) | st.integers(-60, 60),  # ticks from the last close: often none, seldom many
    st.integers(0, 3),  # ticks of the upper wick
    st.integers(0, 3),  # and of the lower one
    st.integers(0, 3) | st.just(0),  # volume
    st.sampled_from((1, 1, 1, 7, 2000)),  # minutes since the bar before: gaps, and days left out
)


@st.composite
def markets(draw: st.DrawFn, least: int = 0, most: int = 90) -> Bars:
    """Draw bars on a grid of ticks, so that equal prices, flat stretches and empty bars are common."""
    # A size drawn first: left to themselves, lists are mostly shorter than any window.
    count = draw(st.integers(least, most))
    rows = draw(st.lists(_BAR, min_size=count, max_size=count))
    tick = draw(st.sampled_from((0.01, 1e-8, 250.0)))
    closes, close, at = [], 5_000, START
    times = []
    for step, _, _, _, minutes in rows:
        close = max(10, close + step)
        at += minutes * MINUTE
        closes.append(close)
        times.append(at)
    end = np.array(closes, dtype=np.float64)
    begin = np.concatenate((end[:1], end[:-1]))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Bars(
        at=np.array(times, dtype=np.int64),
        open=begin * tick,
        high=(np.maximum(begin, end) + table[:, 1]) * tick,
        low=(np.minimum(begin, end) - table[:, 2]) * tick,
        close=end * tick,
        volume=table[:, 3] * 0.1,
    )


def parameters(name: str) -> st.SearchStrategy[Indicator]:
    """Draw an indicator of the kind with short windows, so that few bars go round them many times."""
    short = st.integers(2, 9)
    if name == "macd":
        spans = st.lists(st.integers(2, 9), min_size=2, max_size=2, unique=True).map(sorted)
        return st.builds(lambda span, signal: KNOWN[name](fast=span[0], slow=span[1], signal=signal), spans, short)
    if name == "realised_volatility":
        spans = st.lists(st.integers(2, 20), min_size=3, max_size=3, unique=True).map(sorted)
        return spans.map(lambda span: KNOWN[name](short=span[0], medium=span[1], long=span[2]))
    given: dict[str, st.SearchStrategy[Any]] = {}
    for field in KNOWN[name].__struct_fields__:
        given[field] = st.floats(0.5, 4) if field == "width" else st.integers(16, 24) if name == "hurst" else short
    return st.builds(KNOWN[name], **given)


def bar(
    close: float, *, at: int = START, volume: float = 1.0, high: float | None = None, low: float | None = None
) -> Bar:
    """Return a bar that opens where it closes."""
    return Bar(at, close, close if high is None else high, close if low is None else low, close, volume)
