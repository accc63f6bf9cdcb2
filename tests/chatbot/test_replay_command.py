"""`batuta replay` from the command line: what it reports, and what it refuses by the name of the field."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chatbot.cli import FAILED, cli

START = 1_600_000_000_000
HOUR = 3_600_000
PRICES = [1001, 1040, 985, 1030, 960, 1050, 990, 1020, 940, 1060] * 3
RANGE = ("--lower", "900", "--upper", "1100", "--levels", "9", "--quote", "20000", "--step", "0.001")
SPOT, PERPETUAL = ("--symbol", "btc/usdt"), ("--symbol", "btc/usdt:usdt")

Run = Callable[..., Result]


@pytest.fixture
def replay(tmp_path: Path) -> Run:
    """Return a call of the command on candles that swing; ``rates.csv`` is there for it as well."""
    bars = pairwise(PRICES)
    rows = [f"{START + HOUR * i},{a},{max(a, b)},{min(a, b)},{b},1" for i, (a, b) in enumerate(bars)]
    candles = tmp_path / "bars.csv"
    candles.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n", encoding="utf-8")
    rates = [f"{START + HOUR * hour},{rate}" for hour, rate in ((0, "0.5"), (8, "0.0004"), (16, "-0.0001"))]
    (tmp_path / "rates.csv").write_text("timestamp,funding_rate\n" + "\n".join(rates) + "\n", encoding="utf-8")

    def run(*options: str) -> Result:
        given = [option.replace("FOLDER", str(tmp_path)) for option in options]
        return CliRunner().invoke(cli, ["replay", "--candles", str(candles), *RANGE, *given])

    return run


@pytest.mark.parametrize("direction", ["long", "neutral", "short"])
def test_a_perpetual_reports_direction_leverage_funding_and_liquidations(replay: Run, direction: str) -> None:
    options = (*PERPETUAL, "--direction", direction, "--leverage", "3", "--funding", "FOLDER/rates.csv", "--json")
    result = replay(*options)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["direction"], report["leverage"], report["liquidations"]) == (direction, 3, 0)
    assert report["fills"] > 10
    assert report["funding"] != 0
    assert report["identity_error"] == 0


def test_the_table_says_what_only_perpetuals_have_of_them_alone(replay: Run) -> None:
    spot, perpetual = replay(*SPOT).stdout, replay(*PERPETUAL, "--funding", "FOLDER/rates.csv").stdout
    for label in ("Direction", "funding", "Liquidations"):
        assert label in perpetual
        assert label not in spot
    assert "USDT:USDT" not in perpetual


@pytest.mark.parametrize(
    "options",
    [
        ("--trail-up", "1300", "--trail-down", "700"),
        ("--trigger", "960"),
        ("--infinity",),
        ("--reinvest",),
        ("--recentre",),
    ],
    ids=lambda options: options[0],
)
def test_options_of_the_grid_are_taken(replay: Run, options: tuple[str, ...]) -> None:
    result = replay(*SPOT, *options, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["identity_error"] == 0


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("funding", (*SPOT, "--funding", "FOLDER/rates.csv")),
        ("margin", (*SPOT, "--margin", "isolated")),
        ("direction", (*SPOT, "--direction", "short")),
        ("leverage", (*SPOT, "--leverage", "2")),
        ("leverage", (*PERPETUAL, "--leverage", "200")),
        ("infinity", (*PERPETUAL, "--infinity")),
        ("trail_up", (*PERPETUAL, "--trail-up", "1000")),
        ("recentre", (*SPOT, "--recentre", "--out-of-range", "stop_sell")),
        ("symbol", ("--symbol", "btc/usdt:eur")),
        ("fee", (*PERPETUAL, "--fee", "1")),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(replay: Run, field: str, options: tuple[str, ...]) -> None:
    result = replay(*options)
    assert result.exit_code == FAILED
    assert f" {field}: " in result.stderr
    assert result.stdout == ""


def test_rates_of_another_time_are_refused(replay: Run, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(f"timestamp,funding_rate\n{START - HOUR},0.0001\n", encoding="utf-8")
    result = replay(*PERPETUAL, "--funding", "FOLDER/old.csv")
    assert result.exit_code == FAILED
    assert "old.csv has no rate of the candles' time; accepted: one from" in result.stderr
