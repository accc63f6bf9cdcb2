"""Settings choose a recorded market, and say what is wrong when they cannot."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from chatbot.folders import Folders
from chatbot.recording import open_recording
from chatbot.venues import ModeUnavailable, open_venues
from config.load import load_settings
from config.schema import Settings
from config.secrets import Secrets
from engine.clock import ManualClock
from engine.exchanges.replayed import ReplayedExchange

FIRST, MINUTE = 1_600_000_020_000, 60_000
NOW = 1_790_000_000_000
HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = "".join(f"{FIRST + n * MINUTE},{100 + n},{101 + n},{99 + n},{100 + n}.50,1\n" for n in range(10))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    home = Folders(tmp_path / "home")
    (home.home / "bars.csv").write_text(HEADER + ROWS, encoding="utf-8")
    return home


def chosen(folders: Folders, **exchange: str) -> Settings:
    """Return settings that ask for a recorded market."""
    return load_settings(None, folders.home, {"exchange": {"name": "replayed", "candles": "bars.csv", **exchange}})


def opened(folders: Folders, clock: ManualClock, **exchange: str) -> ReplayedExchange:
    """Return the exchange without an account of its own, which only one may use at a time."""
    return open_recording(chosen(folders, **exchange), folders, clock, store=None)


async def test_the_market_is_derived_from_file_and_settings(folders: Folders) -> None:
    venue = opened(folders, ManualClock(FIRST), candles_symbol="eth/usdt")
    (market,) = await venue.markets()
    assert (market.exchange, market.symbol) == ("replayed", "ETH/USDT")
    assert market.filters.price_tick == Decimal("0.1")
    assert market.filters.quantity_step == Decimal("0.01")
    assert market.filters.min_notional == 5
    assert (market.fees.maker, market.fees.taker) == (Decimal("0.001"), Decimal("0.001"))


async def test_the_account_starts_with_what_the_settings_say(folders: Folders) -> None:
    with open_venues(chosen(folders), Secrets(), folders, ManualClock(FIRST)) as (venue,):
        assert isinstance(venue, ReplayedExchange)
        await venue.open(lambda event: None)
        assert [(held.asset, held.free) for held in await venue.balances()] == [("USDT", Decimal(10_000))]
        await venue.close()
    assert folders.account("replayed").exists()


async def test_a_clock_within_the_recording_plays_it_there(folders: Folders) -> None:
    venue = opened(folders, ManualClock(FIRST + 3 * MINUTE))
    await venue.open(lambda event: None)
    assert [bar.opened_at for bar in await venue.candles("BTC/USDT", "1m", 9)] == [FIRST + n * MINUTE for n in range(3)]
    await venue.close()
    assert not folders.recording.exists()


async def test_any_other_clock_plays_it_from_its_beginning_and_goes_on_after_a_restart(folders: Folders) -> None:
    clock = ManualClock(NOW)
    for minutes, bars in ((0, 0), (4, 4), (3, 7)):
        clock.advance(minutes * MINUTE)
        venue = opened(folders, clock)
        await venue.open(lambda event: None)
        shown = await venue.candles("BTC/USDT", "1m", 99)
        assert [bar.open for bar in shown] == [100 + number for number in range(bars)]
        assert all(NOW - MINUTE < bar.opened_at <= clock.now() for bar in shown)
        await venue.close()


async def test_another_file_begins_anew(folders: Folders) -> None:
    clock = ManualClock(NOW)
    first = opened(folders, clock).ends_at
    clock.advance(5 * MINUTE)
    (folders.home / "other.csv").write_text(HEADER + ROWS, encoding="utf-8")
    assert opened(folders, clock).ends_at == first
    assert opened(folders, clock, candles="other.csv").ends_at == first + 5 * MINUTE


async def test_a_spoilt_memory_of_the_beginning_is_no_obstacle(folders: Folders) -> None:
    folders.recording.write_text("{", encoding="utf-8")
    assert NOW < opened(folders, ManualClock(NOW)).ends_at <= NOW + 10 * MINUTE


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        ({"candles": "none.csv"}, r"exchange\.candles: .*none\.csv: file: not there; accepted: an existing file"),
        ({"candles": "empty.csv"}, r"exchange\.candles: .*empty\.csv has no bars; accepted"),
        ({"candles_symbol": "BTCUSDT"}, r"exchange\.candles_symbol: 'BTCUSDT' is not a pair such as BTC/USDT"),
    ],
)
def test_what_cannot_be_played_is_said(folders: Folders, exchange: dict[str, str], words: str) -> None:
    (folders.home / "empty.csv").write_text(HEADER, encoding="utf-8")
    with (
        pytest.raises(ModeUnavailable, match=words),
        open_venues(chosen(folders, **exchange), Secrets(), folders, ManualClock(NOW)),
    ):
        pass


def test_no_file_at_all_is_said(folders: Folders) -> None:
    settings = load_settings(None, folders.home, {"exchange": {"name": "replayed"}})
    wanted = r"exchange\.candles: null; accepted: the path"
    with pytest.raises(ModeUnavailable, match=wanted), open_venues(settings, Secrets(), folders, ManualClock(NOW)):
        pass
