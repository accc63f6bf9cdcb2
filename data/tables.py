"""Columns of exact numbers from Parquet and CSV files, with every doubt about the file reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.values import Millis

if TYPE_CHECKING:
    import pyarrow as pa

TIMESTAMP = "timestamp"
# From 1973 to 2286: seconds and microseconds fall outside, so a file in another unit is noticed.
_EARLIEST, _LATEST = 100_000_000_000, 9_999_999_999_999
_INSTANT = "milliseconds since 1970 (UTC), or in CSV an ISO 8601 instant such as 2024-01-31T12:00:00Z"
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class TableFileError(Exception):
    """A file cannot be used: the message names file, row (data rows count from 1), field, value and remedy."""

    def __init__(self, path: Path, field: str, value: object, accepted: str, row: int = 0) -> None:
        """Say what is wrong; ``row`` 0 means the file as a whole."""
        place = f"{path}, row {row}" if row else str(path)
        super().__init__(f"{place}: {field}: {value}; accepted: {accepted}")
        self.path, self.field, self.value, self.accepted, self.row = path, field, value, accepted, row


class Bounds(NamedTuple):
    """Which numbers a column may hold: those above ``low`` or, ``reached``, from it on."""

    low: float
    reached: bool
    accepted: str


ABOVE_ZERO = Bounds(0.0, False, "a number above 0")
FROM_ZERO = Bounds(0.0, True, "a number of at least 0")
FRACTION = Bounds(-1.0, False, "a fraction such as 0.0001 for 0.01 %")


def read_table(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read these columns of a ``.parquet`` or ``.csv`` file. Raises ``TableFileError``."""
    table = _table(path, columns)
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        there = f"{', '.join(missing)} missing among {', '.join(table.column_names)}"
        raise TableFileError(path, "columns", there, ", ".join(columns))
    return table


def _table(path: Path, columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            names = set(parquet.read_schema(path).names)
            return parquet.read_table(path, columns=[name for name in columns if name in names] or None)
        if path.suffix == ".csv":
            from pyarrow import csv

            # As text: a price read as a float and written back would not always be the price in the file.
            types = csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True)
            return csv.read_csv(path, convert_options=types)
    except FileNotFoundError:
        raise TableFileError(path, "file", "not there", "an existing file") from None
    except (pa.ArrowException, OSError) as error:
        accepted = f"a Parquet or CSV file of {', '.join(columns)}"
        raise TableFileError(path, "file", f"unreadable ({error})", accepted) from error
    raise TableFileError(path, "file", f"ends in {path.suffix!r}", ".parquet, .csv")


def instants(path: Path, column: pa.ChunkedArray) -> list[Millis]:
    """Return a column of instants, each after the one before. Raises ``TableFileError``."""
    import pyarrow as pa

    if column.null_count:
        raise TableFileError(path, TIMESTAMP, "missing", _INSTANT, 1 + column.is_null().to_pylist().index(True))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    if pa.types.is_integer(column.type):
        at: list[Millis] = values
    else:
        at = [_instant(path, row, value) for row, value in enumerate(values, start=1)]
    for row, value in enumerate(at, start=1):
        if not _EARLIEST <= value <= _LATEST:
            raise TableFileError(path, TIMESTAMP, value, _INSTANT, row)
    _check_order(path, at)
    return at


def _instant(path: Path, row: int, value: object) -> Millis:
    text = value if isinstance(value, str) else ""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise TableFileError(path, TIMESTAMP, repr(value), _INSTANT, row) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)


def _check_order(path: Path, at: list[Millis]) -> None:
    for row, (before, value) in enumerate(pairwise(at), start=2):
        if value == before:
            raise TableFileError(path, TIMESTAMP, f"{value} stands there twice", "each instant once", row)
        if value < before:
            raise TableFileError(path, TIMESTAMP, f"{value} comes after {before}", "oldest first", row)


def numbers(
    path: Path, name: str, column: pa.ChunkedArray, bounds: Bounds, offset: int = 0
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return a column as text and as floats, which serve checks alone; ``offset`` rows of the file were left out.

    Raises ``TableFileError``.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
        floats = column.cast(pa.float64())
    except pa.ArrowException as error:
        for row, value in enumerate(column.to_pylist(), start=offset + 1):
            if not _NUMBER.fullmatch(str(value)):
                raise TableFileError(path, name, repr(value), bounds.accepted, row) from None
        raise TableFileError(path, name, f"type {column.type}", bounds.accepted) from error
    usable = (pc.greater_equal if bounds.reached else pc.greater)(floats, bounds.low)
    usable = pc.fill_null(pc.and_(usable, pc.is_finite(floats)), False)
    bad = pc.index(usable, False).as_py()
    if bad >= 0:
        raise TableFileError(path, name, _shown(texts[bad].as_py()), bounds.accepted, offset + bad + 1)
    return texts, floats


def exact(texts: pa.ChunkedArray) -> list[Decimal]:
    """Return the numbers digit by digit; floats become the decimal that they print as (0.1 is 0.1)."""
    return list(map(Decimal, texts.to_pylist()))


def _shown(value: str | None) -> str:
    return "missing" if value is None else value
