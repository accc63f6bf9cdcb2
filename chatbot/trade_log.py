"""The table of all trades, one CSV row per fill, for spreadsheets; the journal stays what counts."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from data.events import OrderFilled
from data.values import Mode, plain
from engine.outcome import Outcome

COLUMNS = ("time", "bot", "mode", "symbol", "side", "price", "quantity", "fee", "fee_asset", "trade_id")


class TradeLog:
    """An observer of the engine that appends every booked fill to a file."""

    def __init__(self, file: Path, mode_of: Callable[[int], Mode]) -> None:
        """Write to ``file``, made with its folder at the first fill; ``mode_of`` tells a bot's mode by its number."""
        self._file, self._mode_of = file, mode_of

    def __call__(self, outcome: Outcome) -> None:
        """Append a row when the outcome booked a fill. Raises OSError when the file cannot be written."""
        if not isinstance(outcome.event, OrderFilled) or not outcome.durable:
            return
        fill = outcome.event.fill
        row = (
            datetime.fromtimestamp(fill.at / 1000, UTC).isoformat(timespec="milliseconds"),
            str(outcome.bot), self._mode_of(outcome.bot).value, fill.symbol, fill.side.value,
            plain(fill.price), plain(fill.quantity), plain(fill.fee), fill.fee_asset, fill.trade_id,
        )  # fmt: skip
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Opened for each row, so that a person may move the file away at any time.
        with self._file.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(COLUMNS)
            writer.writerow(row)
