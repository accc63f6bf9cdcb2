"""`batuta doctor` on an engine for real money: the key, the clock and the markets of stored bots, one line each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from chatbot.app import limits_of
from chatbot.doctor import examine
from config.schema import Settings
from data.database import Database
from data.events import ArmMode, EngineStarted, StartBot, TickerMoved
from data.grids import GridSpec
from data.journal import Journal
from data.market import Fees, Filters, Market, Ticker
from data.values import Mode
from engine.core import Engine
from engine.recording import entry_of
from tests.servers.binance import BinanceServer

D = Decimal
NOW = 1_700_000_000_000
MARKET = Market(
    exchange="binance",
    symbol="ETH/USDT",
    base="ETH",
    quote="USDT",
    filters=Filters(price_tick=D("0.001"), quantity_step=D("0.00001"), min_notional=D(5)),
    fees=Fees(maker=D("0.001"), taker=D("0.001")),
)


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BinanceServer]:
    """Return an exchange that a home is configured for, with a key in the environment."""
    async with BinanceServer() as made:
        made.add_key("k", "s")
        exchange = {"urls": made.urls, "supported_markets": ["spot"]}
        settings = {"operation_mode": "production", "exchange": exchange}
        (tmp_path / "config.yaml").write_bytes(msgspec.json.encode(settings))
        monkeypatch.setenv("BINANCE_API_KEY", "k")
        monkeypatch.setenv("BINANCE_API_SECRET", "s")
        yield made


def keep_a_bot(home: Path) -> None:
    """Write a journal with a bot whose lines no longer fit its market."""
    database = Database(home / "batuta.sqlite")
    journal, engine = Journal(database), Engine(limits_of(Settings()))
    spec = GridSpec(
        symbol="ETH/USDT", mode=Mode.PRODUCTION, lower=D("2400.001"), upper=D("2600.002"), levels=5, investment=D(500)
    )
    limits = msgspec.structs.replace(limits_of(Settings()), armed=(Mode.PRODUCTION,))
    engine.step(TickerMoved(at=NOW, ticker=Ticker("ETH/USDT", D(2500), D(2500), D(2500), NOW)))
    ticker = engine.state.tickers["ETH/USDT"]
    journal.append(entry_of(engine.step(EngineStarted(at=NOW, version="1", limits=limits)), engine.state))
    journal.append(entry_of(engine.step(ArmMode(at=NOW, by="t", mode=Mode.PRODUCTION, cap=D(900))), engine.state))
    engine.step(TickerMoved(at=NOW, ticker=ticker))
    outcome = engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET))
    assert outcome.problem == ""
    journal.append(entry_of(outcome, engine.state))
    journal.commit()
    database.close()


async def told(home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = await examine(config=None, home=home)
    return code, " ".join(capsys.readouterr().out.split())


async def test_a_good_key_is_a_clean_bill(
    server: BinanceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = await told(tmp_path, capsys)
    assert code == 0, text
    assert "✔ Exchange key the exchange accepts it for production" in text
    assert "✔ Withdrawals the key cannot take money away" in text
    assert "✔ Right to trade the production key may trade spot" in text


async def test_what_is_wrong_is_named(
    server: BinanceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_a_bot(tmp_path)
    server.keyring.keys["k"].rights.add("withdraw")
    server.clock_offset = 9_000
    code, text = await told(tmp_path, capsys)
    assert code == 1
    assert "✘ Withdrawals the key may take money away" in text
    assert "✘ Clock" in text
    assert "bot 1 ETH/USDT: its price 2400.001 does not fit the tick of 0.01" in text


async def test_a_key_of_another_place_and_a_missing_one_are_said(
    server: BinanceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "of the test environment")
    code, text = await told(tmp_path, capsys)
    assert (code, "✘ Exchange key the exchange does not accept it for production (" in text) == (1, True)
    monkeypatch.delenv("BINANCE_API_KEY")
    code, text = await told(tmp_path, capsys)
    assert code == 1
    assert "production needs an exchange key; accepted: BINANCE_API_KEY" in text


async def test_a_journal_that_cannot_be_stepped_hides_nothing_else(
    server: BinanceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "batuta.sqlite").write_text("no database", encoding="utf-8")
    code, text = await told(tmp_path, capsys)
    assert code == 1
    assert "✔ Exchange key" in text
