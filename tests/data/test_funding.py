"""Reading files of funding rates: exact to the digit, and every doubt about one named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from data.funding import read_funding
from data.tables import TableFileError

AT = [1_600_000_000_000, 1_600_028_800_000]


def csv(folder: Path, *rows: str, head: str = "timestamp,funding_rate") -> Path:
    file = folder / "rates.csv"
    file.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return file


def test_parquet_and_csv_give_the_numbers_that_stand_there(tmp_path: Path) -> None:
    file = tmp_path / "rates.parquet"
    parquet.write_table(pa.table({"timestamp": AT, "funding_rate": [0.0001, -1.871e-05]}), file)
    for rates in (read_funding(file), read_funding(csv(tmp_path, f"{AT[0]},0.0001", f"{AT[1]},-0.00001871"))):
        assert rates.at == AT
        assert rates.rate == [Decimal("0.0001"), Decimal("-0.00001871")]


@pytest.mark.parametrize(
    ("rows", "field", "row"),
    [
        ((f"{AT[0]},much",), "funding_rate", 1),
        ((f"{AT[0]},0.1", f"{AT[1]},-2"), "funding_rate", 2),
        ((f"{AT[0]},",), "funding_rate", 1),
        ((f"{AT[1]},0.1", f"{AT[0]},0.1"), "timestamp", 2),
        ((f"{AT[0]},0.1", f"{AT[0]},0.1"), "timestamp", 2),
        (("1600000000,0.1",), "timestamp", 1),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, rows: tuple[str, ...], field: str, row: int) -> None:
    with pytest.raises(TableFileError) as caught:
        read_funding(csv(tmp_path, *rows))
    assert (caught.value.field, caught.value.row) == (field, row)
    assert caught.value.accepted


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableFileError, match="columns: funding_rate missing.*accepted: timestamp, funding_rate"):
        read_funding(csv(tmp_path, f"{AT[0]},1", head="timestamp,open"))
    with pytest.raises(TableFileError, match="file: not there"):
        read_funding(tmp_path / "none.parquet")
