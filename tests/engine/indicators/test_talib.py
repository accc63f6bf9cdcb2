"""Streams against TA-Lib itself, over every bar of every recorded file, with the standard parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib

from data.bars import Bars
from engine.indicators.base import make
from tests.engine.indicators.markets import read, recorded, same, streamed, tolerance

SMA: Any = 0
"""TA-Lib's number for simple averages; its type is not exported."""
Call = Callable[[Bars], Any]
TALIB: dict[str, Call] = {
    "rsi": lambda bars: [talib.RSI(bars.close, 14)],
    "sma": lambda bars: [talib.SMA(bars.close, 20)],
    "ema": lambda bars: [talib.EMA(bars.close, 20)],
    "macd": lambda bars: talib.MACD(bars.close, 12, 26, 9),
    "atr": lambda bars: [talib.ATR(bars.high, bars.low, bars.close, 14)],
    "adx": lambda bars: [
        each(bars.high, bars.low, bars.close, 14) for each in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)
    ],
    "bollinger": lambda bars: talib.BBANDS(bars.close, 20, 2, 2),
    "stochastic": lambda bars: talib.STOCH(
        bars.high,
        bars.low,
        bars.close,
        fastk_period=14,
        slowk_period=3,
        slowk_matype=SMA,
        slowd_period=3,
        slowd_matype=SMA,
    ),
    "obv": lambda bars: [talib.OBV(bars.close, bars.volume)],
    "donchian": lambda bars: [
        talib.MAX(bars.high, 20),
        (talib.MAX(bars.high, 20) + talib.MIN(bars.low, 20)) / 2,
        talib.MIN(bars.low, 20),
    ],
    "keltner": lambda bars: [
        talib.EMA(bars.close, 20) + way * 2 * talib.ATR(bars.high, bars.low, bars.close, 10) for way in (1, 0, -1)
    ],
}
"""The same outputs by TA-Lib, in the same order."""
SCORED = {
    "zscore": lambda bars: (bars.close - talib.SMA(bars.close, 20)) / (talib.STDDEV(bars.close, 20) * (20 / 19) ** 0.5)
}


@pytest.mark.slow
@pytest.mark.parametrize("file", recorded())
def test_every_stream_equals_talib_on_whole_files(file: Path) -> None:
    bars = read(file)
    for name, call in TALIB.items():
        indicator = make(name)
        wanted = np.column_stack(list(call(bars)))
        # Directional indices and Keltner's middle begin earlier there: here an indicator has all values or none.
        wanted[: indicator.warm_up - 1] = np.nan
        same(streamed(indicator.stream(), bars), wanted, tolerance(indicator, bars))


@pytest.mark.slow
@pytest.mark.parametrize("file", recorded())
def test_the_z_score_is_near_talibs_where_the_market_moves(file: Path) -> None:
    bars = read(file)
    found = streamed(make("zscore").stream(), bars)[:, 0]
    # TA-Lib subtracts whole prices: beside a deviation of a few ticks their rounding shows.
    moving = talib.STDDEV(bars.close, 20) > 1e-4 * bars.close
    assert moving.sum() > len(bars) / 4
    np.testing.assert_allclose(found[moving], SCORED["zscore"](bars)[moving], rtol=0, atol=1e-6)
