"""What a job is, what it is given, and how jobs are found: every module of `scheduler.jobs` makes some."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, tzinfo
from typing import cast

import msgspec

from config.schema import Settings


class Every(msgspec.Struct, frozen=True):
    """Again and again, first after one interval."""

    seconds: float


class Daily(msgspec.Struct, frozen=True):
    """Once a day at a time such as ``03:30`` in a time zone."""

    time: str
    zone: tzinfo = UTC


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens by itself. ``what`` is one line in English; whoever shows it translates it."""

    name: str
    what: str
    trigger: Every | Daily
    run: Callable[[], Awaitable[None]]
    """Does it once. An exception is logged and shown; the next time comes all the same."""


class AgentTick(msgspec.Struct, frozen=True, kw_only=True):
    """An agent to be asked, and how often."""

    name: str
    what: str
    interval_seconds: float


class JobContext(msgspec.Struct, frozen=True, kw_only=True):
    """What jobs may do, handed in by whoever puts the program together. Each call does its work once."""

    settings: Settings
    agents: tuple[AgentTick, ...]
    tick_agent: Callable[[str], Awaitable[None]]
    reconcile: Callable[[], Awaitable[None]]
    hold_alive: Callable[[], Awaitable[None]]
    """Tell the exchanges that the engine lives, so that they keep its orders on perpetuals."""
    snapshot_equity: Callable[[], Awaitable[None]]
    send_digest: Callable[[], Awaitable[None]]
    save_state: Callable[[], Awaitable[None]]
    """Write the engine's state beside the journal, so that a start need not replay all of it."""
    prune: Callable[[], Awaitable[None]]
    """Thin out old equity points and delivered messages."""
    checkpoint: Callable[[], Awaitable[None]]
    """Fold the database's write-ahead log back into it."""
    heartbeat: Callable[[], Awaitable[None]]
    """Leave a sign of life for whoever watches the process from outside."""
    back_up: Callable[[], Awaitable[None]]
    """Copy the running database and drop the oldest copies."""


Jobs = Callable[[JobContext], Sequence[Job]]


def discover() -> dict[str, Jobs]:
    """Import every job module and return its ``jobs`` by module name. Raises TypeError for a module without one."""
    package = importlib.import_module("scheduler.jobs")
    found: dict[str, Jobs] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        make = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "jobs", None)
        if not callable(make):
            raise TypeError(f"scheduler/jobs/{module.name}.py: has no function jobs(context) that returns jobs")
        found[module.name] = cast("Jobs", make)
    return found


def collect(context: JobContext) -> tuple[Job, ...]:
    """Return all jobs by name. Raises ValueError when two share a name."""
    jobs = [job for make in discover().values() for job in make(context)]
    names = [job.name for job in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"job name: {', '.join(twice)} is taken twice; each job needs its own")
    return tuple(sorted(jobs, key=lambda each: each.name))
