"""How much memory an idle engine holds, with Telegram, the paper exchange and one running bot."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.engine_process import EngineProcess, prepare, servers
from tests.benchmarks.figures import Figure, Size, Target, folder_on_disk

IDLE_SECONDS = 20.0
TARGET = Target(200)
_SHOWN = (("VmRSS", "resident (VmRSS)"), ("Pss", "proportional (PSS)"), ("VmHWM", "highest resident so far (VmHWM)"))


def measure(size: Size) -> Iterator[Figure]:
    """Let it idle, then ask the system."""
    runs, seconds = (3, IDLE_SECONDS) if size is Size.FULL else (1, 0.1)
    with folder_on_disk() as folder, servers() as found:
        prepare(folder / "home", "binance", found)
        seen: list[dict[str, int]] = []
        for _ in range(runs):
            engine = EngineProcess(folder / "home", found.token)
            time.sleep(seconds)
            seen.append(engine.memory())
            engine.stop()
    for key, name in _SHOWN:
        values = tuple(each[key] / 1024 for each in seen)
        target = TARGET if key in ("VmRSS", "Pss") else None
        yield Figure(name=f"{name}, idle", unit="MiB", values=values, target=target)
    yield Figure(name="threads", unit="", values=tuple(float(each["Threads"]) for each in seen))
