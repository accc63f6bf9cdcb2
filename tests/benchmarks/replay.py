"""How many one-minute bars per second a replay walks, its journal on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from chatbot.replay_command import replay_file
from data.grids import GridSpec
from engine.clock import Stopwatch
from engine.exchanges.candle_market import ReplayMarket
from engine.replay import ReplayReport
from tests.benchmarks.figures import ROOT, Figure, Size, Target, folder_on_disk
from tests.benchmarks.generated import candles, write_csv

RECORDED = ROOT / "../shared/data/ohlcv/binance-spot-BTCUSDT-1m-202104_202105.parquet"
LINES = (20, 40, 100)
RANGE = (Decimal(30_000), Decimal(60_000))
"""Holds nearly every bar of either file: outside the range nothing would happen, which is fast and proves nothing."""
TARGET = Target(100_000, least=True)


class _Timed(msgspec.Struct, frozen=True):
    report: ReplayReport
    whole_seconds: float


def measure(size: Size) -> Iterator[Figure]:
    """Replay recorded candles when they are there, generated ones in any case."""
    bars, runs = (40_000, 5) if size is Size.FULL else (300, 1)
    with folder_on_disk() as folder:
        files = {"generated": write_csv(candles(bars), folder / "candles.csv")}
        if size is Size.FULL and RECORDED.exists():
            files = {"recorded": RECORDED, **files}
        for kind, file in files.items():
            for lines in LINES:
                yield from _figures(kind, lines, [_replay(file, lines, folder) for _ in range(runs)])


def _replay(file: Path, lines: int, folder: Path) -> _Timed:
    lower, upper = RANGE
    spec = GridSpec(symbol="BTC/USDT", lower=lower, upper=upper, levels=lines, investment=Decimal(100_000))
    journal = folder / "journal.sqlite"
    watch = Stopwatch()
    report = replay_file(file, spec, ReplayMarket(fee=Decimal("0.001")), chart=None, journal=journal)
    seconds = watch.seconds()
    for left in folder.glob("journal.sqlite*"):
        left.unlink()
    if report.identity_error or not report.fills:
        raise AssertionError(f"{file.name}, {lines} lines: the replay is wrong ({report}), its speed means nothing")
    return _Timed(report, seconds)


def _figures(kind: str, lines: int, timed: list[_Timed]) -> Iterator[Figure]:
    report = timed[0].report
    name = f"{kind}, {lines} lines, {report.fills:,} fills in {report.bars:,} bars"
    speeds = tuple(float(each.report.bars_per_second) for each in timed)
    yield Figure(name=name, unit="bars/s", values=speeds, target=TARGET)
    if lines == LINES[0]:
        whole = tuple(each.report.bars / each.whole_seconds for each in timed)
        yield Figure(name=f"{kind}, {lines} lines, reading the file included", unit="bars/s", values=whole)
