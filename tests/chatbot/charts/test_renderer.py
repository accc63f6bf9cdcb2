"""The worker process of the charts: comes when needed, goes when idle, is replaced when it dies."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chatbot.charts.renderer import ChartFailed, Renderer, render
from commands.reply import PnlSeries
from tests.golden.pictures import GOLDEN, series

ROOT = Path(__file__).parents[3]


def alive(pid: int) -> bool:
    """Return whether the process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Let everybody else work until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.002)


def pid_of(renderer: Renderer) -> int:
    """Return the worker that must be there."""
    assert renderer.worker_pid is not None
    return renderer.worker_pid


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    one = Renderer()
    yield one
    await one.close()


async def test_worker_draws_what_this_process_would_draw_and_stays(renderer: Renderer) -> None:
    assert renderer.worker_pid is None
    pictures = [GOLDEN["pnl_gain"], GOLDEN["grid_exits"]]
    assert await asyncio.gather(*map(renderer.png, pictures)) == [render(picture) for picture in pictures]
    first = pid_of(renderer)
    await renderer.png(pictures[0])
    assert renderer.worker_pid == first


async def test_idle_worker_ends_and_the_next_picture_starts_another() -> None:
    renderer = Renderer(idle_seconds=0.05)
    await renderer.png(series(3))
    first = pid_of(renderer)
    await until(lambda: renderer.worker_pid is None)
    await until(lambda: not alive(first))
    assert await renderer.png(series(3)) == render(series(3))
    await renderer.close()


async def test_dead_worker_is_replaced(renderer: Renderer) -> None:
    await renderer.png(series(3))
    first = pid_of(renderer)
    os.kill(first, signal.SIGKILL)
    assert await renderer.png(series(3)) == render(series(3))
    assert renderer.worker_pid != first


async def test_worker_that_dies_twice_fails_clearly(renderer: Renderer) -> None:
    await renderer.png(series(3))
    first = pid_of(renderer)
    os.kill(first, signal.SIGSTOP)
    drawing = asyncio.create_task(renderer.png(series(10_000)))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    await until(lambda: renderer.worker_pid not in (None, first))
    os.kill(pid_of(renderer), signal.SIGKILL)
    with pytest.raises(ChartFailed, match="died twice"):
        await drawing
    assert await renderer.png(series(3)) == render(series(3))


async def test_stuck_worker_is_given_up_and_killed() -> None:
    renderer = Renderer(timeout_seconds=0.3)
    await renderer.png(series(1))
    stuck = pid_of(renderer)
    os.kill(stuck, signal.SIGSTOP)
    with pytest.raises(ChartFailed, match=r"longer than 0\.3 s"):
        await renderer.png(series(1))
    await until(lambda: not alive(stuck))
    await renderer.close()


async def test_picture_that_cannot_be_drawn_says_why_and_harms_nothing(renderer: Renderer) -> None:
    good = series(3)
    broken = PnlSeries(
        title=good.title,
        mode=good.mode,
        currency=good.currency,
        at=good.at,
        equity=good.equity[:2],
        buy_and_hold=good.buy_and_hold,
        hold_initial_mix=good.hold_initial_mix,
        invested=good.invested,
    )
    with pytest.raises(ChartFailed, match="equity: 2 values for 3 instants"):
        await renderer.png(broken)
    first = pid_of(renderer)
    assert await renderer.png(good) == render(good)
    assert renderer.worker_pid == first


async def test_closing_ends_the_worker_and_what_it_draws() -> None:
    renderer = Renderer()
    await renderer.png(series(1))
    worker = pid_of(renderer)
    os.kill(worker, signal.SIGSTOP)
    drawing = asyncio.create_task(renderer.png(series(1)))
    await asyncio.sleep(0)
    await renderer.close()
    with pytest.raises(ChartFailed, match="closed"):
        await drawing
    await until(lambda: not alive(worker))
    with pytest.raises(ChartFailed, match="closed"):
        await renderer.png(series(1))
    await renderer.close()


SCRIPT = """
import asyncio, sys
from chatbot.charts.renderer import Renderer
from tests.golden.pictures import series

async def main():
    renderer = Renderer()
    await renderer.png(series(3))
    heavy = [name for name in ("matplotlib", "numpy", "PIL") if name in sys.modules]
    print(renderer.worker_pid, *heavy, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_killed_engine_leaves_no_worker_and_never_loaded_matplotlib(tmp_path: Path) -> None:
    script = tmp_path / "engine.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    engine = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert engine.stdout is not None
    said = (await engine.stdout.readline()).decode()
    engine.kill()
    await engine.wait()
    worker, *heavy = said.split()
    assert heavy == []
    await until(lambda: not alive(int(worker)))
