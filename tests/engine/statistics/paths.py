"""Price paths whose statistics are known: walks, trends, reversion, bursts, as bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.bars import Bars, Floats, bars_of
from data.candles import read_candles
from engine.statistics.series import HOUR

SHARED = Path(__file__).parents[3] / "../shared/data/ohlcv"
START = 1_600_000_000_000 // HOUR * HOUR
FINE = 16
"""Points of the path within one bar, from which its extremes come."""


def bars_along(logs: Floats, millis: int = HOUR, price: float = 100.0) -> Bars:
    """Return bars of ``FINE`` steps each along log prices, the first of which is the first open."""
    count = (len(logs) - 1) // FINE
    points = price * np.exp(logs)
    steps = np.column_stack([points[i : i + count * FINE : FINE] for i in range(FINE + 1)])
    return Bars(
        at=START + millis * np.arange(count, dtype=np.int64),
        open=steps[:, 0],
        high=steps.max(axis=1),
        low=steps.min(axis=1),
        close=steps[:, -1],
        volume=np.ones(count),
    )


def walk(count: int, deviation: float, seed: int, drift: float = 0.0) -> Floats:
    """Return log prices of ``count`` bars that wander, ``deviation`` and ``drift`` per bar."""
    steps = np.random.default_rng(seed).standard_normal(count * FINE) * deviation / np.sqrt(FINE) + drift / FINE
    return np.concatenate(([0.0], np.cumsum(steps)))


def reverting(count: int, deviation: float, seed: int, half_life: float) -> Floats:
    """Return log prices that come back to 0 with a half-life in bars, ``deviation`` per bar."""
    keep = 0.5 ** (1 / (half_life * FINE))
    noise = np.random.default_rng(seed).standard_normal(count * FINE) * deviation / np.sqrt(FINE)
    logs = np.zeros(count * FINE + 1)
    # It starts anywhere in its long-run distribution, or the first half-life would show a trend.
    logs[0] = noise[0] / np.sqrt(1 - keep**2)
    for place, each in enumerate(noise):
        logs[place + 1] = keep * logs[place] + each
    return logs


def burst(count: int, deviation: float, seed: int, factor: float = 4.0) -> Floats:
    """Return log prices that wander, ``factor`` times as much in the newest fifth."""
    steps = np.diff(walk(count, deviation, seed))
    steps[-len(steps) // 5 :] *= factor
    return np.concatenate(([0.0], np.cumsum(steps)))


def recorded(name: str, bars: int) -> Bars:
    """Return the newest recorded bars of a file, or skip."""
    file = SHARED / f"binance-spot-{name}.parquet"
    if not file.exists():
        pytest.skip(f"needs the recorded candles in {SHARED.resolve()}, which are not part of the repository")
    found = bars_of(read_candles(file))
    return found.part(max(0, len(found) - bars))
