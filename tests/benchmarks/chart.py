"""How long a chart takes, drawn by a warm worker process, the way there and back included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from chatbot.charts.renderer import Renderer
from engine.clock import Stopwatch
from tests.benchmarks.figures import Figure, Size, Target
from tests.golden.pictures import GOLDEN

PICTURES = ("pnl_gain", "grid_exits")
TARGET = Target(110)


def measure(size: Size) -> Iterator[Figure]:
    """Draw charts as a person would ask for them."""
    yield from asyncio.run(_measured(7 if size is Size.FULL else 1))


async def _measured(runs: int) -> list[Figure]:
    renderer, figures = Renderer(), []
    watch = Stopwatch()
    await renderer.png(GOLDEN[PICTURES[0]])
    first = watch.seconds() * 1000
    for name in PICTURES:
        # The first of each kind fills caches that later ones find full.
        await renderer.png(GOLDEN[name])
        times = []
        for _ in range(runs):
            watch = Stopwatch()
            await renderer.png(GOLDEN[name])
            times.append(watch.seconds() * 1000)
        figures.append(Figure(name=f"{name}, warm", unit="ms", values=tuple(times), target=TARGET))
    await renderer.close()
    return [*figures, Figure(name="first one, worker's start included", unit="ms", values=(first,))]
