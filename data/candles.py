"""Candles from Parquet and CSV files as columns of exact numbers, with every doubt about the file reported."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from data.market import Candle
from data.values import Millis

if TYPE_CHECKING:
    import pyarrow as pa

_PRICES = ("open", "high", "low", "close")
_COLUMNS = ("timestamp", *_PRICES, "volume")
# From 1973 to 2286: seconds and microseconds fall outside, so a file in another unit is noticed.
_EARLIEST, _LATEST = 100_000_000_000, 9_999_999_999_999
_INSTANT = "milliseconds since 1970 (UTC), or in CSV an ISO 8601 instant such as 2024-01-31T12:00:00Z"
_PRICE = "a number above 0"
_VOLUME = "a number of at least 0"
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class CandleFileError(Exception):
    """A candle file cannot be used: the message names file, row (data rows count from 1), field, value and remedy."""

    def __init__(self, path: Path, field: str, value: object, accepted: str, row: int = 0) -> None:
        """Say what is wrong; ``row`` 0 means the file as a whole."""
        place = f"{path}, row {row}" if row else str(path)
        super().__init__(f"{place}: {field}: {value}; accepted: {accepted}")
        self.path, self.field, self.value, self.accepted, self.row = path, field, value, accepted, row


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
    as (0.1 is 0.1); CSV text is taken digit by digit. Raises ``CandleFileError``.
    """
    table = _table(path)
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise CandleFileError(
            path, "columns", f"{', '.join(missing)} missing among {', '.join(table.column_names)}", ", ".join(_COLUMNS)
        )
    at = _instants(path, table["timestamp"])
    _check_order(path, at)
    start = 0 if since is None else bisect_left(at, since)
    stop = len(at) if until is None else max(start, bisect_left(at, until))
    table = table.slice(start, stop - start)
    columns = {name: _numbers(path, name, table[name], start) for name in (*_PRICES, "volume")}
    _check_bars(path, {name: floats for name, (_, floats) in columns.items()}, start)
    exact = {name: list(map(Decimal, texts.to_pylist())) for name, (texts, _) in columns.items()}
    return CandleColumns(at=at[start:stop], **exact)


def _table(path: Path) -> pa.Table:
    import pyarrow as pa

    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            names = set(parquet.read_schema(path).names)
            return parquet.read_table(path, columns=[name for name in _COLUMNS if name in names] or None)
        if path.suffix == ".csv":
            from pyarrow import csv

            # As text: a price read as a float and written back would not always be the price in the file.
            types = csv.ConvertOptions(column_types=dict.fromkeys(_COLUMNS, pa.string()), strings_can_be_null=True)
            return csv.read_csv(path, convert_options=types)
    except FileNotFoundError:
        raise CandleFileError(path, "file", "not there", "an existing file") from None
    except (pa.ArrowException, OSError) as error:
        raise CandleFileError(path, "file", f"unreadable ({error})", "a Parquet or CSV file of candles") from error
    raise CandleFileError(path, "file", f"ends in {path.suffix!r}", ".parquet, .csv")


def _instants(path: Path, column: pa.ChunkedArray) -> list[Millis]:
    import pyarrow as pa

    if column.null_count:
        raise CandleFileError(path, "timestamp", "missing", _INSTANT, 1 + column.is_null().to_pylist().index(True))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    if pa.types.is_integer(column.type):
        at: list[Millis] = values
    else:
        at = [_instant(path, row, value) for row, value in enumerate(values, start=1)]
    for row, value in enumerate(at, start=1):
        if not _EARLIEST <= value <= _LATEST:
            raise CandleFileError(path, "timestamp", value, _INSTANT, row)
    return at


def _instant(path: Path, row: int, value: object) -> Millis:
    text = value if isinstance(value, str) else ""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise CandleFileError(path, "timestamp", repr(value), _INSTANT, row) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)


def _check_order(path: Path, at: list[Millis]) -> None:
    for row, (before, value) in enumerate(pairwise(at), start=2):
        if value == before:
            raise CandleFileError(path, "timestamp", f"{value} stands there twice", "each instant once", row)
        if value < before:
            raise CandleFileError(path, "timestamp", f"{value} comes after {before}", "oldest first", row)


def _numbers(path: Path, name: str, column: pa.ChunkedArray, offset: int) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the column as text and as floats, which serve the checks alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    accepted = _VOLUME if name == "volume" else _PRICE
    try:
        texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
        floats = column.cast(pa.float64())
    except pa.ArrowException as error:
        for row, value in enumerate(column.to_pylist(), start=offset + 1):
            if not _NUMBER.fullmatch(str(value)):
                raise CandleFileError(path, name, repr(value), accepted, row) from None
        raise CandleFileError(path, name, f"type {column.type}", accepted) from error
    usable = pc.greater_equal(floats, 0.0) if name == "volume" else pc.greater(floats, 0.0)
    usable = pc.fill_null(pc.and_(usable, pc.is_finite(floats)), False)
    bad = pc.index(usable, False).as_py()
    if bad >= 0:
        raise CandleFileError(path, name, _shown(texts[bad].as_py()), accepted, offset + bad + 1)
    return texts, floats


def _shown(value: str | None) -> str:
    return "missing" if value is None else value


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
            raise CandleFileError(path, name, pair, accepted, offset + bad + 1)
