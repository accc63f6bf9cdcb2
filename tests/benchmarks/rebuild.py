"""How long a restart takes to bring the state back from the journal, with and without a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from data.database import Database
from data.grids import GridSpec
from data.journal import Journal
from engine.clock import Stopwatch
from engine.core import Engine
from engine.replay import Replay
from engine.runner import load_engine
from engine.state import freeze
from tests.benchmarks.figures import Figure, Size, folder_on_disk
from tests.benchmarks.floor import MARKET
from tests.benchmarks.generated import candles

LINES = 100


def measure(size: Size) -> Iterator[Figure]:
    """Restart on a journal that a replay wrote: one busy bot."""
    bars, runs = (60_000, 5) if size is Size.FULL else (300, 1)
    with folder_on_disk() as folder:
        file = folder / "journal.sqlite"
        engine = _trade(file, bars)
        entries = engine.state.sequence
        seconds = [_restart(file, engine) for _ in range(runs)]
        yield Figure(
            name=f"restart without a checkpoint, {entries:,} entries",
            unit="entries/s",
            values=tuple(entries / each for each in seconds),
        )
        yield Figure(name="the same", unit="ms", values=tuple(each * 1000 for each in seconds))
        with closing(Database(file)) as database:
            Journal(database).checkpoint(entries, freeze(engine.state))
        seconds = [_restart(file, engine) for _ in range(runs)]
        yield Figure(
            name="restart with a checkpoint at the end", unit="ms", values=tuple(each * 1000 for each in seconds)
        )


def _trade(file: Path, bars: int) -> Engine:
    spec = GridSpec(
        symbol=MARKET.symbol, lower=Decimal(30_000), upper=Decimal(60_000), levels=LINES, investment=Decimal(100_000)
    )
    with closing(Database(file)) as database:
        replay = Replay(candles(bars), spec, MARKET, Journal(database))
        replay.run()
        return replay.engine


def _restart(file: Path, before: Engine) -> float:
    watch = Stopwatch()
    with closing(Database(file)) as database:
        engine = load_engine(Journal(database), before.limits)
    seconds = watch.seconds()
    if freeze(engine.state) != freeze(before.state):
        raise AssertionError("the restart gave another state; its speed means nothing")
    return seconds
