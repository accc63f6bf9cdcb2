"""What a benchmark hands back: measured values per run, beside the target they are held against."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import cast

import msgspec

import tests.benchmarks as package

ROOT = Path(__file__).parents[2]


class Size(StrEnum):
    """How much to measure."""

    FULL = "full"
    TINY = "tiny"
    """Just enough to see that the benchmark still runs."""


class Target(msgspec.Struct, frozen=True):
    """What the median is held against."""

    limit: float
    least: bool = False
    """Whether the median must be at least ``limit`` instead of at most."""

    def met(self, value: float) -> bool:
        """Say whether ``value`` is good enough."""
        return value >= self.limit if self.least else value <= self.limit


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured quantity: a value for each run."""

    name: str
    unit: str
    values: tuple[float, ...]
    target: Target | None = None

    @property
    def median(self) -> float:
        """Return the figure to quote."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Say whether the target is met; None without one."""
        return None if self.target is None else self.target.met(self.median)


Benchmark = Callable[[Size], Iterator[Figure]]


def discover() -> dict[str, Benchmark]:
    """Return every benchmark by the name of its module."""
    found: dict[str, Benchmark] = {}
    for each in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        if each.name.startswith(("test_", "__")):
            continue
        measure = getattr(importlib.import_module(f"{package.__name__}.{each.name}"), "measure", None)
        if callable(measure):
            found[each.name] = cast("Benchmark", measure)
    return found


def usual() -> list[str]:
    """Return the benchmarks that run when none is named: those whose module does not say ``ON_REQUEST``."""
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in discover()}
    return [name for name, module in modules.items() if not getattr(module, "ON_REQUEST", False)]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latencies(name: str, runs: Sequence[Sequence[int]], p50: Target | None = None) -> Iterator[Figure]:
    """Return the median and the 99th percentile of each run, from nanoseconds; ``p50`` is the target in µs."""
    for label, share, target in (("p50", 0.5, p50), ("p99", 0.99, None)):
        values = tuple(quantile(run, share) / 1000 for run in runs)
        yield Figure(name=f"{name}, {label}", unit="µs", values=values, target=target)


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """Lend a folder on the disk of the repository: the system's folder for temporary files may be memory."""
    place = ROOT / "build"
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=place) as folder:
        yield Path(folder)


def machine() -> str:
    """Describe what this ran on."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return f"{cores} cores, Python {platform.python_version()}, load {load:.1f} at the start"
