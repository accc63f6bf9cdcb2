"""How long eleven indicators take to follow a new bar: one-bar updates beside the window computed anew."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from time import perf_counter_ns

import numpy as np

from data.bars import Bars
from engine.indicators.base import Bar, Indicator, each_bar, make
from engine.indicators.board import Board
from tests.benchmarks.figures import Figure, Size, Target, latencies

ELEVEN = ("rsi", "sma", "ema", "macd", "atr", "adx", "bollinger", "stochastic", "vwap", "obv", "fibonacci")
WINDOW = 500
"""Bars that the recomputation goes over for each new one."""
BARS = 20_000
AGAIN = 100
START = 1_700_000_000_000
MINUTE = 60_000


def measure(size: Size) -> Iterator[Figure]:
    """Feed a walk of one-minute bars to all eleven."""
    runs, share = (5, 1) if size is Size.FULL else (1, 50)
    indicators = {name: make(name) for name in ELEVEN}
    bars = _walk(WINDOW + BARS // share)
    updates = [_updates(indicators, bars) for _ in range(runs)]
    yield from latencies("all eleven, one new bar", updates, Target(3))
    means = tuple(sum(run) / len(run) / 1000 for run in updates)
    yield Figure(name="all eleven, one new bar, mean", unit="µs", values=means)
    yield from latencies("all eleven, unfinished bar shown", [_peeks(indicators, bars) for _ in range(runs)])
    windows = [_windows(indicators, bars, max(3, AGAIN // share)) for _ in range(runs)]
    yield from latencies(f"all eleven by pandas-ta-classic over {WINDOW} bars", windows)
    pairs = zip(windows, updates, strict=True)
    ratios = tuple(_middle(window) / _middle(update) for window, update in pairs)
    yield Figure(name="one new bar: recomputing over updating", unit="×", values=ratios, target=Target(100, least=True))


def _updates(indicators: dict[str, Indicator], bars: Bars) -> list[int]:
    board = Board.over(indicators, bars.part(0, WINDOW))
    update, taken = board.update, []
    for bar in each_bar(bars.part(WINDOW)):
        begun = perf_counter_ns()
        update(bar)
        taken.append(perf_counter_ns() - begun)
    _check(board, indicators, bars)
    return taken


def _check(board: Board, indicators: dict[str, Indicator], bars: Bars) -> None:
    """Raise AssertionError unless what was measured was right."""
    for name, indicator in indicators.items():
        wanted = [column[-1] for column in indicator.window(bars).values()]
        np.testing.assert_allclose(list(board.values[name].values()), wanted, rtol=1e-9, err_msg=name)


def _peeks(indicators: dict[str, Indicator], bars: Bars) -> list[int]:
    board = Board.over(indicators, bars.part(0, WINDOW))
    at, taken = board.at + MINUTE, []
    for row in each_bar(bars.part(WINDOW, WINDOW + 2_000)):
        bar = Bar(at, row.open, row.high, row.low, row.close, row.volume)
        begun = perf_counter_ns()
        board.peek(bar)
        taken.append(perf_counter_ns() - begun)
    return taken


def _windows(indicators: dict[str, Indicator], bars: Bars, count: int) -> list[int]:
    # The first one imports the library.
    for indicator in indicators.values():
        indicator.window(bars.part(0, WINDOW))
    gc.collect()
    taken = []
    for start in range(count):
        part = bars.part(start, start + WINDOW)
        begun = perf_counter_ns()
        for indicator in indicators.values():
            indicator.window(part)
        taken.append(perf_counter_ns() - begun)
    return taken


def _middle(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


def _walk(count: int) -> Bars:
    random = np.random.default_rng(7)
    close = 50_000 * np.exp(np.cumsum(random.normal(0, 5e-4, count)))
    begun = np.concatenate((close[:1], close[:-1]))
    wick = np.exp(np.abs(random.normal(0, 3e-4, (2, count))))
    return Bars(
        at=START + MINUTE * np.arange(count, dtype=np.int64),
        open=begun,
        high=np.maximum(begun, close) * wick[0],
        low=np.minimum(begun, close) / wick[1],
        close=close,
        volume=random.exponential(10, count),
    )
