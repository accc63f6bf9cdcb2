"""Candles from Parquet and CSV files as columns of exact numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from data.market import Candle
from data.tables import ABOVE_ZERO, FROM_ZERO, TIMESTAMP, TableFileError, exact, instants, numbers, read_table
from data.values import Millis

if TYPE_CHECKING:
    import pyarrow as pa

_BOUNDS = {name: ABOVE_ZERO for name in ("open", "high", "low", "close")} | {"volume": FROM_ZERO}


class CandleColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Bars as parallel lists, oldest first: ``at`` is the open time, prices are in quote, volume in base."""

    at: list[Millis]
    open: list[Decimal]
    high: list[Decimal]
    low: list[Decimal]
    close: list[Decimal]
    volume: list[Decimal]

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.at)

    def __iter__(self) -> Iterator[Candle]:
        """Yield the bars one by one."""
        return map(Candle, self.at, self.open, self.high, self.low, self.close, self.volume)


def read_candles(path: Path, since: Millis | None = None, until: Millis | None = None) -> CandleColumns:
    """Read the bars of ``since <= timestamp < until`` from a ``.parquet`` or ``.csv`` file.

    The file has the columns timestamp, open, high, low, close and volume. Floats become the decimal that they print
    as (0.1 is 0.1); CSV text is taken digit by digit. Raises ``TableFileError``.
    """
    table = read_table(path, (TIMESTAMP, *_BOUNDS))
    at = instants(path, table[TIMESTAMP])
    start = 0 if since is None else bisect_left(at, since)
    stop = len(at) if until is None else max(start, bisect_left(at, until))
    table = table.slice(start, stop - start)
    columns = {name: numbers(path, name, table[name], bounds, start) for name, bounds in _BOUNDS.items()}
    _check_bars(path, {name: floats for name, (_, floats) in columns.items()}, start)
    return CandleColumns(at=at[start:stop], **{name: exact(texts) for name, (texts, _) in columns.items()})


def _check_bars(path: Path, floats: dict[str, pa.ChunkedArray], offset: int) -> None:
    import pyarrow.compute as pc

    for name, other, wrong, accepted in (
        ("high", "open", pc.less, "at least the open"),
        ("high", "close", pc.less, "at least the close"),
        ("low", "open", pc.greater, "at most the open"),
        ("low", "close", pc.greater, "at most the close"),
    ):
        bad = pc.index(wrong(floats[name], floats[other]), True).as_py()
        if bad >= 0:
            pair = f"{floats[name][bad].as_py()!r} where the {other} is {floats[other][bad].as_py()!r}"
            raise TableFileError(path, name, pair, accepted, offset + bad + 1)
