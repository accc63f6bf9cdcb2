"""Candles as columns of floats, for whatever only looks at a market, as indicators and charts do. Never for money."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from data.market import Candle

Floats = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]
COLUMNS = ("open", "high", "low", "close", "volume")


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of one market and timeframe, oldest first, in columns of one length.

    ``at`` is the open time of each, prices are in quote, volume in base. Nobody may write into the columns.
    """

    at: Instants
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.at)

    def part(self, start: int | None = None, stop: int | None = None) -> Bars:
        """Return the bars from place ``start`` to before ``stop``, without copying them."""
        cut = slice(start, stop)
        return Bars(at=self.at[cut], **{name: getattr(self, name)[cut] for name in COLUMNS})

    @property
    def bytes(self) -> int:
        """Return how much memory the columns take."""
        return int(self.at.nbytes + sum(getattr(self, name).nbytes for name in COLUMNS))


def bars_of(candles: Iterable[Candle]) -> Bars:
    """Return candles as columns."""
    rows = [(each.opened_at, each.open, each.high, each.low, each.close, each.volume) for each in candles]
    columns: dict[str, Any] = {
        name: np.array([row[place] for row in rows], dtype=np.float64) for place, name in enumerate(COLUMNS, start=1)
    }
    return Bars(at=np.array([row[0] for row in rows], dtype=np.int64), **columns)


def candles_of(bars: Bars) -> list[Candle]:
    """Return columns as candles; each number becomes the decimal that it prints as (0.1 is 0.1)."""
    columns = [[Decimal(repr(value)) for value in getattr(bars, name).tolist()] for name in COLUMNS]
    return list(map(Candle, bars.at.tolist(), *columns))
