"""Every benchmark still runs, and the table tells the truth about targets."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tests.benchmarks.__main__ import as_json, table
from tests.benchmarks.figures import Figure, Size, Target, discover, quantile

KNOWN = discover()


@pytest.mark.parametrize("name", KNOWN)
def test_every_benchmark_runs(name: str) -> None:
    figures = list(KNOWN[name](Size.TINY))
    assert figures
    assert all(value >= 0 or " adds" in figure.name for figure in figures for value in figure.values)
    assert len({figure.name for figure in figures}) >= len(figures) - 1


@pytest.mark.parametrize(
    ("target", "met"), [(None, None), (Target(2), True), (Target(1.9), False), (Target(2.1, least=True), False)]
)
def test_the_median_is_held_against_the_target(target: Target | None, met: bool | None) -> None:
    assert Figure(name="n", unit="s", values=(1, 2, 90), target=target).met is met


def test_the_table_and_the_file_show_every_figure() -> None:
    figures = [("journal", Figure(name="commit", unit="µs", values=(100.0, 190.0, 8000.0), target=Target(200)))]
    written = io.StringIO()
    Console(file=written, width=140).print(table("2 cores", figures))
    assert all(
        part in written.getvalue() for part in ("2 cores", "journal", "100.0", "190.0", "8,000", "≤ 200.0", "yes")
    )
    assert json.loads(as_json("2 cores", figures))["figures"][0]["values"] == [100.0, 190.0, 8000.0]


def test_quantiles_are_measured_values() -> None:
    assert [quantile(range(100), share) for share in (0.5, 0.99)] == [50, 99]
