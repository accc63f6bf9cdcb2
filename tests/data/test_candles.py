"""Candle files: exact numbers from Parquet and CSV, and a precise complaint about everything else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from data.candles import read_candles
from data.market import Candle
from data.tables import TableFileError

START = 1_700_000_000_000
HEADER = "timestamp,open,high,low,close,volume\n"


def columns(count: int = 3) -> dict[str, list[Any]]:
    return {
        "timestamp": [START + 60_000 * n for n in range(count)],
        "open": [0.1] * count,
        "high": [0.30000000000000004] * count,
        "low": [1e-8] * count,
        "close": [0.2] * count,
        "volume": [0.0, *[1e22] * (count - 1)],
    }


def parquet_file(folder: Path, data: dict[str, list[Any]]) -> Path:
    path = folder / "bars.parquet"
    parquet.write_table(pa.table(data), path)
    return path


def csv_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "bars.csv"
    path.write_text(header + "".join(line + "\n" for line in lines))
    return path


def complaint(path: Path) -> TableFileError:
    with pytest.raises(TableFileError) as caught:
        read_candles(path)
    assert str(path) in str(caught.value)
    return caught.value


def test_floats_become_the_decimals_they_print_as(tmp_path: Path) -> None:
    bars = read_candles(parquet_file(tmp_path, columns()))
    assert len(bars) == 3
    assert bars.at == columns()["timestamp"]
    assert (bars.open[0], bars.high[0], bars.low[0]) == (
        Decimal("0.1"),
        Decimal("0.30000000000000004"),
        Decimal("1e-8"),
    )
    assert bars.volume == [Decimal(0), Decimal("1e22"), Decimal("1e22")]
    assert next(iter(bars)) == Candle(
        START, Decimal("0.1"), Decimal("0.30000000000000004"), Decimal("1e-8"), Decimal("0.2"), Decimal(0)
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(min_value=1e-12, max_value=1e15), min_size=1, max_size=50))
def test_any_float_keeps_its_shortest_form(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    data: dict[str, list[Any]] = dict.fromkeys(("open", "high", "low", "close", "volume"), values)
    data["timestamp"] = [START + n for n in range(len(values))]
    bars = read_candles(parquet_file(tmp_path_factory.mktemp("bars"), data))
    assert bars.close == bars.volume == [Decimal(repr(value)) for value in values]


def test_csv_is_taken_digit_by_digit(tmp_path: Path) -> None:
    bars = read_candles(
        csv_file(tmp_path, f"{START},1.10,1.20,1.00,1.150,0", f"{START + 1},1,2.00000000000000000001,1,2,3")
    )
    assert [str(value) for value in bars.open] == ["1.10", "1"]
    assert str(bars.high[1]) == "2.00000000000000000001"


def test_csv_instants_may_be_written_out(tmp_path: Path) -> None:
    bars = read_candles(
        csv_file(
            tmp_path,
            "2023-11-14,1,1,1,1,1",
            "2023-11-14T22:13:20Z,1,1,1,1,1",
            "2023-11-14T20:13:21.500-03:00,1,1,1,1,1",
        )
    )
    assert bars.at == [1_699_920_000_000, START, START + 3_601_500]


def test_parquet_timestamps_of_any_unit_are_instants(tmp_path: Path) -> None:
    data: dict[str, Any] = columns()
    data["timestamp"] = pa.array(data["timestamp"], pa.timestamp("ms", tz="UTC")).cast(pa.timestamp("ns", tz="UTC"))
    assert read_candles(parquet_file(tmp_path, data)).at == columns()["timestamp"]


def test_more_columns_are_ignored_and_order_does_not_matter(tmp_path: Path) -> None:
    data = {"note": ["x"] * 3, **dict(reversed(columns().items()))}
    assert read_candles(parquet_file(tmp_path, data)).at == columns()["timestamp"]


def test_a_range_includes_its_start_and_excludes_its_end(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, columns(10))
    at = columns(10)["timestamp"]
    assert read_candles(path, since=at[2], until=at[5]).at == at[2:5]
    assert read_candles(path, since=at[2] + 1).at == at[3:]
    assert read_candles(path, since=at[5], until=at[2]).at == []
    assert len(read_candles(path, until=at[4]).close) == 4


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    data = columns()
    del data["low"], data["volume"]
    error = complaint(parquet_file(tmp_path, data))
    assert error.field == "columns"
    assert "low, volume missing" in str(error)
    assert "accepted: timestamp, open, high, low, close, volume" in str(error)
    assert complaint(csv_file(tmp_path, "1,2", header="time,open\n")).field == "columns"


@pytest.mark.parametrize(
    ("second", "field", "value"),
    [
        (f"{START},1,1,1,1,1", "timestamp", "twice"),
        (f"{START - 1},1,1,1,1,1", "timestamp", "comes after"),
        ("yesterday,1,1,1,1,1", "timestamp", "'yesterday'"),
        (",1,1,1,1,1", "timestamp", "missing"),
        (f"{START // 1000},1,1,1,1,1", "timestamp", f"{START // 1000}"),
        (f"{START + 1},abc,1,1,1,1", "open", "'abc'"),
        (f"{START + 1},1_0,10,10,10,1", "open", "'1_0'"),
        (f"{START + 1},1,1,1,,1", "close", "missing"),
        (f"{START + 1},1,1,0,1,1", "low", "0"),
        (f"{START + 1},1,1,-1,1,1", "low", "-1"),
        (f"{START + 1},1,inf,1,1,1", "high", "inf"),
        (f"{START + 1},1,1,1,1,-2", "volume", "-2"),
        (f"{START + 1},2,1,1,1,1", "high", "1.0 where the open is 2.0"),
        (f"{START + 1},1,1,1,2,1", "high", "close"),
        (f"{START + 1},1,3,2,2,1", "low", "open"),
        (f"{START + 1},2,3,2,1,1", "low", "close"),
    ],
)
def test_a_bad_row_is_named_with_field_and_value(tmp_path: Path, second: str, field: str, value: str) -> None:
    error = complaint(csv_file(tmp_path, f"{START},1,1,1,1,1", second))
    assert (error.field, error.row) == (field, 2)
    assert value in str(error)
    assert "accepted: " in str(error)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, 0.0])
def test_a_bad_price_in_parquet_is_named(tmp_path: Path, bad: float | None) -> None:
    data = columns()
    data["open"][1] = bad
    error = complaint(parquet_file(tmp_path, data))
    assert (error.field, error.row) == ("open", 2)


def test_a_row_keeps_its_number_when_only_a_range_is_read(tmp_path: Path) -> None:
    data = columns(10)
    data["close"][7] = -1.0
    path = parquet_file(tmp_path, data)
    with pytest.raises(TableFileError) as caught:
        read_candles(path, since=data["timestamp"][5])
    assert caught.value.row == 8
    assert len(read_candles(path, until=data["timestamp"][5])) == 5


def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    assert "not there" in str(complaint(tmp_path / "absent.parquet"))
    assert "not there" in str(complaint(tmp_path / "absent.csv"))
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    assert "unreadable" in str(complaint(broken))
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    assert "unreadable" in str(complaint(empty))
    assert ".parquet, .csv" in str(complaint(tmp_path / "bars.xlsx"))
