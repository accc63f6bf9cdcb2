"""/market."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.market import MarketKind, Ticker
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import NOW, market


async def test_price_day_spread_fees_and_limits_are_on_one_card() -> None:
    card = await Stage().card("/market btcusdt")
    assert card.title == "BTC/USDT 61000.00 USDT"
    assert value(card, "24 h") == "+2.00 %"
    assert value(card, "Low – high") == "59170.00 – 62830.00"
    assert value(card, "Volume") == "61,000,000 USDT (1,000 BTC)"
    assert value(card, "Fees") == "0.10 % / 0.10 %"
    assert value(card, "Smallest order") == "5.00 USDT"
    assert "spread 0.0" in value(card, "Bid / ask")
    assert lines(card) == ["/chart BTC/USDT", "/book BTC/USDT", "/grid BTC/USDT"]


async def test_of_a_perpetual_funding_and_open_interest_are_told() -> None:
    desk = FakeDesk()
    listed = msgspec.structs.replace(market("BTC"), symbol="BTC/USDT:USDT", kind=MarketKind.PERPETUAL)
    desk.list_market(listed, Decimal(61_000))
    card = await Stage(desk=desk).card("/market BTC/USDT:USDT")
    assert value(card, "Funding") == "0.0100 %, due in 1 h"
    assert value(card, "Open interest") == "6,100,000 USDT (100 BTC)"


async def test_a_market_that_is_not_listed_is_named_with_what_is() -> None:
    failure = await Stage().failure("/market BTX")
    assert failure.field == "symbol"
    assert lines(failure) == ["/market BTC/USDT"]


async def test_an_exchange_that_is_away_is_said() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "did not answer" in (await Stage(desk=desk).failure("/market BTC/USDT")).problem


async def test_without_a_market_the_favourites_are_offered() -> None:
    card = await Stage().card("/market")
    assert lines(card) == ["/market BTC/USDT", "/market ETH/USDT"]


async def test_the_spread_is_that_of_the_middle_however_old_the_last_price_is() -> None:
    desk = FakeDesk()
    desk.tickers["BTC/USDT"] = Ticker("BTC/USDT", Decimal(99), Decimal(101), Decimal(10), NOW)
    assert value(await Stage(desk=desk).card("/market BTC/USDT"), "Bid / ask") == "99.00 / 101.00, spread 2.0000 %"


async def test_an_empty_book_has_no_spread() -> None:
    desk = FakeDesk()
    desk.tickers["BTC/USDT"] = Ticker("BTC/USDT", Decimal(0), Decimal(0), Decimal(10), NOW)
    assert value(await Stage(desk=desk).card("/market BTC/USDT"), "Bid / ask") == "0.00 / 0.00"
