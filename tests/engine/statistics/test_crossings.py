"""Fills and cycles: counted as a replay does, for a diffusion as derived, foretold within the interval."""

from __future__ import annotations

import math
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.bars import bars_of
from data.candles import CandleColumns
from data.grids import GridSpec, Spacing
from data.journal import Journal
from data.market import Fees, Filters, Market
from data.orders import WHOLE, parse_client_id
from data.values import Side
from engine.replay import Replay
from engine.statistics import diffusion
from engine.statistics.crossings import count_fills, expected, fills_a_day, geometric_lines
from engine.statistics.series import MINUTE, TooFewBars, span_days
from tests.engine.statistics.paths import bars_along, recorded, reverting, walk

SPACINGS = (0.003, 0.005, 0.01, 0.02)
FREE = Market(
    exchange="test",
    symbol="AAA/USDT",
    base="AAA",
    quote="USDT",
    filters=Filters(price_tick=D("0.1"), quantity_step=D("0.001"), max_orders=1000),
    fees=Fees(maker=D(0), taker=D(0)),
)


@st.composite
def candles(draw: st.DrawFn) -> CandleColumns:
    """Draw bars on a tick of 0.1 around 100, with gaps, flat bars and wide ones."""
    here, rows = draw(st.integers(900, 1100)), []
    for _ in range(draw(st.integers(2, 40))):
        first = max(500, here + draw(st.sampled_from((0, 0, 0, 1, -3, 40, -60))))
        close = max(500, first + draw(st.integers(-80, 80)))
        high = max(first, close) + draw(st.sampled_from((0, 0, 3, 60)))
        low = min(first, close) - draw(st.sampled_from((0, 0, 3, 60)))
        rows.append([D(value) / 10 for value in (first, high, low, close)])
        here = close
    opens, highs, lows, closes = (list(column) for column in zip(*rows, strict=True))
    at = [1_600_000_000_000 + MINUTE * i for i in range(len(rows))]
    return CandleColumns(at=at, open=opens, high=highs, low=lows, close=closes, volume=[D(0)] * len(rows))


@settings(max_examples=60)
@given(columns=candles(), levels=st.integers(3, 60), spacing=st.sampled_from(Spacing))
def test_fills_and_cycles_are_counted_bar_by_bar_as_the_engine_trades(
    columns: CandleColumns, levels: int, spacing: Spacing
) -> None:
    spec = GridSpec(
        symbol=FREE.symbol,
        lower=min(columns.low) - 5,
        upper=max(columns.high) + 5,
        levels=levels,
        spacing=spacing,
        investment=D(1_000_000),
    )
    replay = Replay(columns, spec, FREE, Journal.in_memory())
    replay.run()
    lines = [float(slot.lower) for slot in replay.bot.slots] + [float(replay.bot.slots[-1].upper)]
    counted = count_fills(bars_of(columns), lines)
    assert int(counted.cycles.sum()) == sum(slot.cycles for slot in replay.bot.slots)
    filled = {Side.BUY: [0] * len(columns), Side.SELL: [0] * len(columns)}
    for fill in replay.journal.fills(None, 1_000_000):
        key = parse_client_id(fill.client_id)
        assert key is not None
        if key.slot != WHOLE:
            filled[fill.side][(fill.at - columns.at[0]) // MINUTE] += 1
    assert counted.buys.tolist() == filled[Side.BUY]
    assert counted.sells.tolist() == filled[Side.SELL]


def test_a_price_that_goes_to_and_fro_completes_a_cycle_each_time() -> None:
    there_and_back = np.concatenate([np.linspace(0, 0.02, 17), np.linspace(0.02, 0, 17)[1:]])
    logs = np.concatenate([there_and_back, *(there_and_back[1:] for _ in range(9))])
    lines = 100 * np.exp(np.array([-0.03, -0.011, -0.001, 0.009, 0.019, 0.03]))
    counted = count_fills(bars_along(logs), lines)
    # The first rise sells what two slots started with; every fall buys one of them back, every further rise sells it.
    assert counted.sells.tolist() == [2, 0, *[1, 0] * 9]
    assert counted.buys.tolist() == [0, 1] * 10
    assert counted.cycles.tolist() == [0, 0, *[1, 0] * 9]


@pytest.mark.parametrize("lines", [2.0, 4.0, 8.0])
def test_a_diffusion_fills_and_completes_as_derived(lines: float) -> None:
    steps, cycles, fills = 4000, [], []
    for seed in range(400):
        chance = np.random.default_rng(seed)
        path = np.concatenate(([0.0], np.cumsum(chance.standard_normal(steps * 16)))) / math.sqrt(steps * 16)
        bars = bars_along(path * lines * 0.001)
        counted = count_fills(bars, 100 * np.exp((np.arange(-60, 60) - chance.random()) * 0.001))
        cycles.append(counted.cycles.sum())
        fills.append(counted.buys.sum() + counted.sells.sum())
    # A path of steps oversteps a line by 0.58 of a step (Broadie, Glasserman & Kou, 1997). So much it must come back
    # before it reaches the line behind, and go beyond that one: d + 2r on that side and d on the other.
    overstep = 0.5826 * lines / math.sqrt(steps * 16)
    seen = lines / math.sqrt(1 + 2 * overstep)
    for found, told in ((cycles, diffusion.cycles(seen)), (fills, diffusion.fills(seen))):
        assert np.mean(found) == pytest.approx(told, abs=4 * np.std(found) / 20)
    assert np.var(cycles) < 1.4 * diffusion.SPREAD * lines**2


def test_the_sums_reach_the_limits_of_long_horizons() -> None:
    for lines in (12.0, 49.0, 51.0, 400.0):
        assert diffusion.fills(lines) == pytest.approx(lines**2 + 1 / 6, rel=1e-9)
        told = lines**2 / 2 - math.sqrt(2 / math.pi) * lines + 1 / 3
        assert diffusion.cycles(lines) == pytest.approx(told, rel=1e-9)
    assert diffusion.cycles(0) == diffusion.fills(0) == 0


@given(st.floats(0.01, 400), st.floats(1.0001, 3))
def test_more_movement_fills_and_completes_more(lines: float, factor: float) -> None:
    assert 0 <= diffusion.cycles(lines) <= diffusion.cycles(lines * factor)
    assert 0 < diffusion.fills(lines) <= diffusion.fills(lines * factor)
    assert 2 * diffusion.cycles(lines) <= diffusion.fills(lines)


def test_a_diffusion_has_a_factor_near_one() -> None:
    factors = [expected(bars_along(walk(288 * 30, 0.002, seed), 5 * MINUTE), 0.01).factor for seed in range(6)]
    assert np.mean(factors) == pytest.approx(1, abs=0.08)


def test_wide_lines_see_less_of_a_market_that_reverts() -> None:
    bars = bars_along(reverting(288 * 30, 0.002, 1, half_life=60), 5 * MINUTE)
    narrow, wide = expected(bars, 0.005), expected(bars, 0.04)
    assert wide.factor < 0.8 * narrow.factor


def test_a_diffusion_of_constant_variance_is_foretold() -> None:
    errors, inside = [], []
    for seed in range(30):
        bars = bars_along(walk(288 * 27, 0.002, seed), 5 * MINUTE)
        told = expected(bars.part(0, 288 * 20), 0.01)
        after = bars.part(288 * 20)
        real = count_fills(after, geometric_lines(after, 0.01)).cycles.sum() / span_days(after)
        errors.append(math.log(told.cycles / real))
        inside.append(told.low <= real <= told.high)
    assert abs(np.mean(errors)) < 0.12
    # Nothing is in doubt here but the days' chance, so that more than the four of five meant lie inside.
    assert np.mean(inside) >= 0.8


@pytest.mark.parametrize("name", ["BTCUSDT-5m-202401_202409", "XRPUSDT-5m-202401_202409"])
def test_recorded_markets_are_foretold_better_than_by_what_they_did_so_far(name: str) -> None:
    bars = recorded(name, 100_000)
    week, half = 288 * 7, len(bars) // 2
    ours, naive = [], []
    for spacing in SPACINGS:
        for begin in range(half, len(bars) - week, week):
            before, after = bars.part(0, begin), bars.part(begin, begin + week)
            real = max(count_fills(after, geometric_lines(after, spacing)).cycles.sum(), 1)
            weeks = [before.part(start, start + week) for start in range(begin - week, -1, -week)]
            past = np.mean([count_fills(part, geometric_lines(part, spacing)).cycles.sum() for part in weeks])
            ours.append(abs(expected(before, spacing).cycles * 7 / real - 1))
            naive.append(abs(past / real - 1))
    assert np.median(ours) < np.median(naive)


@given(seed=st.integers(0, 1000), spacing=st.floats(0.002, 0.1))
@settings(max_examples=25)
def test_the_interval_encloses_the_expectation(seed: int, spacing: float) -> None:
    told = expected(bars_along(walk(24 * 10, 0.005, seed)), spacing)
    assert 0 <= told.low <= told.cycles <= told.high
    assert told.fills >= 2 * told.cycles


def test_coarse_bars_are_said_to_be_coarse() -> None:
    bars = bars_along(walk(24 * 10, 0.01, 1))
    assert expected(bars, 0.002).coarse
    assert not expected(bars, 0.03).coarse


def test_fills_a_day_hardly_depend_on_where_the_lines_lie() -> None:
    bars = bars_along(walk(24 * 40, 0.004, 1))
    assert fills_a_day(bars, 0.01, 2) == pytest.approx(fills_a_day(bars, 0.01, 16), rel=0.1)


def test_what_cannot_be_answered_is_refused() -> None:
    bars = bars_along(walk(100, 0.01, 1))
    with pytest.raises(ValueError, match="above 0"):
        expected(bars, 0.0)
    with pytest.raises(TooFewBars):
        expected(bars.part(0, 20), 0.01)
