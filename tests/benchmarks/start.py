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
                times = [_start(folder / "paper", found.token) for _ in range(runs)]
            name = "start to ready: Telegram, paper exchange, one bot"
            yield Figure(name=name, unit="s", values=tuple(times), target=TARGET)
        prepare(folder / "simulated", "simulated", None)
        times = [_start(folder / "simulated", None) for _ in range(runs)]
        name = "start to ready: no chat, simulated exchange, one bot"
        yield Figure(name=name, unit="s", values=tuple(times), target=TARGET)
    for module in ("chatbot.app", "chatbot.cli"):
        yield Figure(
            name=f"python -c 'import {module}'", unit="s", values=tuple(_import_of(module) for _ in range(runs))
        )
    yield Figure(name="python -c 'pass'", unit="s", values=tuple(_import_of("sys") for _ in range(runs)))


def _start(home: Path, token: str | None) -> float:
    engine = EngineProcess(home, token)
    engine.stop()
    return engine.seconds


def _import_of(module: str) -> float:
    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, env=os.environ, check=True)
    return watch.seconds()
