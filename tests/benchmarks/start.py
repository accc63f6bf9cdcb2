"""How long a fresh process takes from the command to a trading engine, one running bot in its journal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.clock import Stopwatch
from tests.benchmarks.engine_process import EngineProcess, prepare, servers
from tests.benchmarks.figures import ROOT, Figure, Size, Target, folder_on_disk

TARGET = Target(1.6)


def measure(size: Size) -> Iterator[Figure]:
    """Start with a chat and the paper exchange, with the invented exchange alone, and only import."""
    runs = 7 if size is Size.FULL else 1
    with folder_on_disk() as folder:
        if size is Size.FULL:
            with servers() as found:
                prepare(folder / "paper", "binance", found)
                yield from _starts("Telegram, paper exchange", folder / "paper", found.token, runs)
        prepare(folder / "simulated", "simulated", None)
        yield from _starts("no chat, simulated exchange", folder / "simulated", None, runs)
    for module in ("chatbot.app", "chatbot.cli"):
        yield Figure(
            name=f"python -c 'import {module}'", unit="s", values=tuple(_import_of(module) for _ in range(runs))
        )
    yield Figure(name="python -c 'pass'", unit="s", values=tuple(_import_of("sys") for _ in range(runs)))


def _starts(what: str, home: Path, token: str | None, runs: int) -> Iterator[Figure]:
    seconds, busy = [], []
    for _ in range(runs):
        engine = EngineProcess(home, token)
        engine.stop()
        seconds.append(engine.seconds)
        busy.append(engine.busy_seconds)
    yield Figure(name=f"start to ready, {what}, one bot", unit="s", values=tuple(seconds), target=TARGET)
    # What other work on the machine does not change much.
    yield Figure(name="the same, processor time", unit="s", values=tuple(busy))


def _import_of(module: str) -> float:
    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, env=os.environ, check=True)
    return watch.seconds()
