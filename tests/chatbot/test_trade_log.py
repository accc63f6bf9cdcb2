"""The table of trades: one row per booked fill, a head once, and nothing for anything else."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

from chatbot.trade_log import COLUMNS, TradeLog
from data.events import EngineStarted, OrderFilled
from data.orders import Fill
from data.values import Mode, Side
from engine.outcome import Outcome

AT = 1_767_225_600_123


def outcome(trade: str, sequence: int = 1) -> Outcome:
    """Return what a fill brings about."""
    fill = Fill(
        trade_id=trade, client_id="bt-1-1-3b1", symbol="BTC/USDT", side=Side.BUY, price=Decimal("60000.10"),
        quantity=Decimal("0.0100"), fee=Decimal("0.00001"), fee_asset="BTC", fee_quote=Decimal("0.6"),
        maker=True, at=AT,
    )  # fmt: skip
    return Outcome(sequence=sequence, event=OrderFilled(at=AT, fill=fill), bot=3)


def test_every_fill_is_one_row_below_one_head(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "trades.csv"
    for trade in ("7", "8"):
        TradeLog(file, {3: Mode.SHADOW}.__getitem__)(outcome(trade))
    with file.open(newline="") as text:
        head, first, second = csv.reader(text)
    assert tuple(head) == COLUMNS
    assert first == [
        "2026-01-01T00:00:00.123+00:00", "3", "shadow", "BTC/USDT", "buy", "60000.1", "0.01", "0.00001", "BTC", "7",
    ]  # fmt: skip
    assert second[-1] == "8"


def test_what_booked_no_fill_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    trades = TradeLog(file, {3: Mode.SHADOW}.__getitem__)
    trades(outcome("7", sequence=0))
    trades(Outcome(sequence=1, event=EngineStarted(at=AT, version="1")))
    assert not file.exists()
