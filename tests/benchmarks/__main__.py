"""Run benchmarks and print one table: `python -m tests.benchmarks [name…] [--json FILE]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import Benchmark, Figure, Size, discover, machine, usual

_PIPED_WIDTH = 140


def main(arguments: list[str]) -> int:
    """Measure what was asked for; a missed target is shown, and is no failure: machines are noisy."""
    known = discover()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=f"Known: {', '.join(known)}.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"when none is named: {', '.join(usual())}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value there too")
    parser.add_argument("--tiny", action="store_true", help="only see whether they run; the figures mean nothing")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"name: {', '.join(unknown)} is no benchmark; accepted: {', '.join(known)}")
    where, terminal = machine(), sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPED_WIDTH)
    chosen = {name: known[name] for name in given.names or usual()}
    figures = list(_measured(chosen, Size.TINY if given.tiny else Size.FULL, Console(stderr=True)))
    console.print(table(where, figures))
    if given.json:
        given.json.write_bytes(as_json(where, figures))
    return 0


def _measured(chosen: dict[str, Benchmark], size: Size, progress: Console) -> Iterable[tuple[str, Figure]]:
    for name, measure in chosen.items():
        # A line and no spinner: a thread that redraws it would be measured too.
        progress.print(f"measuring {name} …")
        yield from ((name, figure) for figure in measure(size))


def table(where: str, figures: Iterable[tuple[str, Figure]]) -> Table:
    """Return all figures as one table; the median is what a target is held against."""
    shown = Table(title=where, title_justify="left")
    for heading in ("benchmark", "figure", "unit"):
        shown.add_column(heading)
    for heading in ("min", "median", "max", "target"):
        shown.add_column(heading, justify="right")
    shown.add_column("met")
    before = ""
    for name, figure in figures:
        if name != before:
            shown.add_section()
        target = figure.target
        limit = "" if target is None else f"{'≥' if target.least else '≤'} {_number(target.limit)}"
        values = (_number(each) for each in (min(figure.values), figure.median, max(figure.values)))
        met = {None: "", True: "[green]yes[/]", False: "[bold red]no[/]"}[figure.met]
        shown.add_row("" if name == before else name, figure.name, figure.unit, *values, limit, met)
        before = name
    return shown


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def as_json(where: str, figures: Iterable[tuple[str, Figure]]) -> bytes:
    """Return all values of all runs."""
    rows = [{"benchmark": name, **msgspec.structs.asdict(figure), "median": figure.median} for name, figure in figures]
    return msgspec.json.format(msgspec.json.encode({"machine": where, "figures": rows}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
