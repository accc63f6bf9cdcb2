"""Funding rates of a perpetual from Parquet and CSV files as exact numbers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from data.tables import FRACTION, TIMESTAMP, exact, instants, numbers, read_table
from data.values import Millis

_RATE = "funding_rate"


class FundingColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Settlements as parallel lists, oldest first: long positions pay ``rate``, a fraction, of their value."""

    at: list[Millis] = []
    rate: list[Decimal] = []


def read_funding(path: Path) -> FundingColumns:
    """Read a ``.parquet`` or ``.csv`` file with the columns timestamp and funding_rate. Raises ``TableFileError``."""
    table = read_table(path, (TIMESTAMP, _RATE))
    texts, _ = numbers(path, _RATE, table[_RATE], FRACTION)
    return FundingColumns(at=instants(path, table[TIMESTAMP]), rate=exact(texts))
