"""Indicators are found, made with checked parameters, and explain themselves."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import engine.indicators
from data.bars import bars_of
from data.market import Candle
from engine.indicators.base import FRAME, bar_of, discover, each_bar, make
from tests.engine.indicators.markets import KNOWN, random_walk, streamed

ROOT = Path(__file__).parents[3]
STANDARD: dict[str, dict[str, float]] = {
    "adx": {"length": 14},
    "atr": {"length": 14},
    "bollinger": {"length": 20, "width": 2},
    "donchian": {"length": 20},
    "ema": {"length": 20},
    "fibonacci": {"length": 100},
    "hurst": {"length": 100},
    "keltner": {"length": 20, "atr_length": 10, "width": 2},
    "macd": {"fast": 12, "slow": 26, "signal": 9},
    "obv": {},
    "realised_volatility": {"short": 20, "medium": 60, "long": 240},
    "rsi": {"length": 14},
    "sma": {"length": 20},
    "stochastic": {"length": 14, "smooth": 3, "signal": 3},
    "supertrend": {"length": 10, "width": 3},
    "vwap": {},
    "zscore": {"length": 20},
}


def test_every_module_beside_the_frame_is_an_indicator() -> None:
    folder = Path(engine.indicators.__file__).parent
    assert set(discover()) == {file.stem for file in folder.glob("*.py")} - FRAME - {"__init__"}


def test_the_standard_parameters_are_those_of_the_field() -> None:
    assert {name: msgspec.structs.asdict(make(name)) for name in KNOWN} == STANDARD


@pytest.mark.parametrize("name", KNOWN)
def test_an_indicator_says_what_it_is(name: str) -> None:
    kind = KNOWN[name]
    assert kind.what.endswith(".")
    assert "\n" not in kind.what
    assert len(set(kind.outputs)) == len(kind.outputs) > 0


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("rsi", {"length": 1}, "rsi.length: 1 is not possible; accepted: a whole number from 2 to 10000"),
        ("rsi", {"length": 14.0}, "rsi.length: 14.0 is not possible; accepted: a whole number from 2 to 10000"),
        ("sma", {"length": True}, "sma.length: True is not possible; accepted: a whole number from 2 to 10000"),
        ("ema", {"length": "20"}, "ema.length: '20' is not possible; accepted: a whole number from 2 to 10000"),
        ("atr", {"length": 10_001}, "atr.length: 10001 is not possible; accepted: a whole number from 2 to 10000"),
        ("bollinger", {"width": 0}, "bollinger.width: 0 is not possible; accepted: a number above 0 and up to 100"),
        (
            "keltner",
            {"width": math.nan},
            "keltner.width: nan is not possible; accepted: a number above 0 and up to 100",
        ),
        (
            "supertrend",
            {"width": 101},
            "supertrend.width: 101 is not possible; accepted: a number above 0 and up to 100",
        ),
        ("macd", {"fast": 26}, "macd.fast: 26 is not possible; accepted: a number below slow, which is 26"),
        (
            "realised_volatility",
            {"medium": 240},
            "realised_volatility.medium: 240 is not possible; accepted: a number below long, which is 240",
        ),
        ("hurst", {"length": 15}, "hurst.length: 15 is not possible; accepted: a whole number from 16 to 10000"),
        ("stochastic", {"smooth": 0}, "stochastic.smooth: 0 is not possible; accepted: a whole number from 1 to 10000"),
        ("rsi", {"period": 14}, "rsi.period: 14 is not possible; accepted: length"),
        ("obv", {"length": 5}, "obv.length: 5 is not possible; accepted: no parameter at all"),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_accepted(name: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        make(name, given)
    assert str(caught.value) == told


def test_an_unknown_indicator_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="indicator: 'rsy' is not known; accepted: adx, atr, "):
        make("rsy")


def test_indicators_of_the_same_parameters_are_the_same() -> None:
    assert make("rsi") == make("rsi", {"length": 14}) != make("rsi", {"length": 15})
    assert len({make("rsi"), make("rsi", {"length": 14})}) == 1


def test_a_candle_and_its_row_of_columns_are_the_same_bar() -> None:
    candle = Candle(1_700_000_000_000, *map(Decimal, ("1.1", "1.3", "0.9", "1.2", "5")))
    assert list(each_bar(bars_of([candle]))) == [bar_of(candle)]


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_a_number_that_cannot_be_is_refused_before_it_spoils_anything(name: str, bad: float) -> None:
    good = random_walk(50, 52)
    column = getattr(good, name).copy()
    column[7] = bad
    bars = msgspec.structs.replace(good, **{name: column})
    told = f"bars.{name}: {bad!r} in the bar of {good.at[7]} is not possible; accepted: "
    for refuse in (each_bar, make("rsi").window):
        with pytest.raises(ValueError) as caught:
            refuse(bars)
        assert str(caught.value).startswith(told)


def test_importing_every_indicator_imports_nothing_heavy() -> None:
    heavy = ("pandas", "pandas_ta_classic", "talib", "scipy", "numba", "matplotlib")
    code = (
        "import sys; from engine.indicators.base import discover, make; import engine.indicators.board\n"
        "[make(name).stream() for name in discover()]\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("name", KNOWN)
def test_a_reading_is_one_short_line_for_any_values(name: str) -> None:
    indicator = make(name)
    for size in (1e-5, 1e-2):
        bars = random_walk(700, 51, size=size)
        rows = streamed(indicator.stream(), bars)
        for row, close in zip(rows, bars.close.tolist(), strict=True):
            told = indicator.reading(dict(zip(indicator.outputs, row.tolist(), strict=True)), close)
            assert 2 < len(told) < 130
            assert "nan" not in told.split()
            assert "\n" not in told
    assert told.startswith("not known") is bool(np.isnan(rows[-1]).any())


@pytest.mark.parametrize(
    ("name", "values", "price", "told"),
    [
        ("rsi", (math.nan,), 1.0, "not known yet: needs 15 bars"),
        ("rsi", (70.1,), 1.0, "overbought (above 70)"),
        ("rsi", (29.9,), 1.0, "oversold (below 30)"),
        ("rsi", (70.0,), 1.0, "neutral (between 30 and 70)"),
        ("rsi", (0.0,), 1.0, "no rise to measure: only falls, or no movement at all"),
        ("sma", (100.0,), 101.2, "price 1.20 % above the mean of the last 20 closes"),
        ("ema", (100.0,), 99.0, "price 1.00 % below the 20-bar exponential average"),
        ("vwap", (100.0,), 100.0, "price at what was paid on average since midnight UTC"),
        ("macd", (2.0, 1.0, 1.0), 1.0, "fast average above the slow one; above its signal: momentum up"),
        ("macd", (-2.0, -1.0, -1.0), 1.0, "fast average below the slow one; not above its signal: momentum down"),
        ("macd", (0.0, 0.0, 0.0), 1.0, "flat: both averages are the same"),
        ("atr", (2.0,), 100.0, "a bar moves 2.00 % of the price on average"),
        ("adx", (26.0, 30.0, 10.0), 1.0, "trend up (above 25)"),
        ("adx", (26.0, 10.0, 30.0), 1.0, "trend down (above 25)"),
        ("adx", (22.0, 10.0, 30.0), 1.0, "no clear trend (between 20 and 25)"),
        ("adx", (19.0, 10.0, 30.0), 1.0, "no trend (below 20)"),
        ("bollinger", (110.0, 100.0, 90.0), 111.0, "above the upper band: unusually high for these bars"),
        ("bollinger", (110.0, 100.0, 90.0), 105.0, "inside the bands, 75 % of the way from lower to upper"),
        ("stochastic", (81.0, 50.0), 1.0, "overbought (above 80): closing near the top of its range"),
        ("stochastic", (0.0, 0.0), 1.0, "at the bottom of its range, or price has not moved at all"),
        ("fibonacci", (110.0, 0, 0, 0, 0, 0, 90.0), 105.0, "25 % of the swing up of the last 100 bars given back"),
        ("fibonacci", (90.0, 0, 0, 0, 0, 0, 110.0), 89.0, "beyond the end of the swing down of the last 100 bars"),
        ("donchian", (110.0, 100.0, 90.0), 110.0, "at the highest price of 20 bars, or above"),
        ("supertrend", (90.0, 1.0), 99.0, "trend up, price 10.00 % above the line that would end it"),
        ("hurst", (0.7,), 1.0, "moves tend to go on (0.70, above 0.5)"),
        ("hurst", (0.55,), 1.0, "no clear tendency (0.55, as a random walk may have)"),
        ("zscore", (-2.5,), 1.0, "unusually low: 2.5 standard deviations from the mean of 20 closes"),
    ],
)
def test_readings_say_what_the_values_mean(name: str, values: tuple[float, ...], price: float, told: str) -> None:
    indicator = make(name)
    assert indicator.reading(dict(zip(indicator.outputs, values, strict=True)), price) == told
