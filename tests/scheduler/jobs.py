"""A job context that writes down what it is asked to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from config.schema import Settings
from scheduler.registry import AgentTick, JobContext

STEPS = (
    "reconcile",
    "hold_alive",
    "snapshot_equity",
    "send_digest",
    "save_state",
    "prune",
    "checkpoint",
    "heartbeat",
    "back_up",
)


def context(done: list[str], *, settings: Settings | None = None, failing: tuple[str, ...] = ()) -> JobContext:
    """Return a context with two agents whose steps append their names to ``done``; ``failing`` ones then raise."""

    def step(name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            done.append(name)
            if name in failing:
                raise OSError(f"{name}: disk is full")

        return run

    async def tick(name: str) -> None:
        done.append(f"tick {name}")

    return JobContext(
        settings=settings or Settings(),
        agents=(
            AgentTick(name="grid", what="Looks at orders", interval_seconds=60),
            AgentTick(name="risk", what="Looks at losses", interval_seconds=30),
        ),
        tick_agent=tick,
        **{name: step(name) for name in STEPS},
    )
