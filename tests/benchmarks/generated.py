"""Candles made for measuring: reproducible, restless enough to fill a grid."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

from data.candles import CandleColumns
from data.values import ZERO

_START = 1_617_235_200_000
_MINUTE = 60_000


def candles(count: int, seed: int = 7) -> CandleColumns:
    """Return ``count`` one-minute bars that wander around 50,000 with a tick of 0.01."""
    chance = random.Random(seed)
    rows: list[tuple[Decimal, Decimal, Decimal, Decimal]] = []
    here = 50_000.0
    for _ in range(count):
        # A pull to the middle keeps the price where the grid is, however long the series.
        close = here * (1 + chance.gauss(0, 0.0012)) + (50_000 - here) * 0.00005
        high = max(here, close) * (1 + abs(chance.gauss(0, 0.0004)))
        low = min(here, close) * (1 - abs(chance.gauss(0, 0.0004)))
        first, top, bottom, last = (Decimal(f"{price:.2f}") for price in (here, high, low, close))
        rows.append((first, max(top, first, last), min(bottom, first, last), last))
        here = close
    opens, highs, lows, closes = (list(column) for column in zip(*rows, strict=True))
    at = [_START + _MINUTE * number for number in range(count)]
    return CandleColumns(at=at, open=opens, high=highs, low=lows, close=closes, volume=[ZERO] * count)


def write_csv(columns: CandleColumns, target: Path) -> Path:
    """Write the bars as a file that the replay reads, and return ``target``."""
    names = ("at", "open", "high", "low", "close", "volume")
    lines = zip(*(getattr(columns, name) for name in names), strict=True)
    text = "\n".join(",".join(map(str, line)) for line in lines)
    target.write_text(f"timestamp,open,high,low,close,volume\n{text}\n", encoding="utf-8")
    return target
