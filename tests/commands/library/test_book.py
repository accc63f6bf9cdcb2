"""/book."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from data.observations import PublicTrade
from engine.exchanges.base import NotPossible
from engine.markets.service import Stale
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines


async def test_both_sides_are_listed_with_growing_sums() -> None:
    table = await Stage().table("/book BTC/USDT 3")
    assert [(row[0], row[2]) for row in table.rows] == [
        ("ask", "6"), ("ask", "4"), ("ask", "2"), ("last", ""), ("bid", "1"), ("bid", "2"), ("bid", "3"),
    ]  # fmt: skip
    prices = [float(row[1]) for row in table.rows]
    assert prices == sorted(prices, reverse=True)
    assert prices[2] > prices[3] == 61_000 > prices[4]
    assert "33.33 % of it are bids" in table.note
    assert "Seen 0 s ago." in table.note
    assert lines(table) == ["/book BTC/USDT 3", "/market BTC/USDT", "/chart BTC/USDT"]


async def test_what_was_traded_last_tells_who_is_in_a_hurry() -> None:
    table = await Stage().table("/book BTC/USDT")
    assert table.note.splitlines()[1] == (
        "Last trades: 4 in 30 s, 85.71 % of their value bought. Newest: sold 0.5 BTC, 0 s ago."
    )


async def test_an_exchange_that_tells_no_trades_shows_its_book_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = FakeDesk()

    async def refuse(symbol: str, limit: int) -> Sequence[PublicTrade]:
        raise NotPossible("binance is no exchange that tells its trades")

    monkeypatch.setattr(desk.venue, "trades", refuse)
    table = await Stage(desk=desk).table("/book BTC/USDT 3")
    assert len(table.rows) == 6
    assert len(table.note.splitlines()) == 1


async def test_an_empty_side_is_said() -> None:
    desk = FakeDesk()
    desk.venue.thin.add("BTC/USDT")
    table = await Stage(desk=desk).table("/book BTC/USDT")
    assert table.note.startswith("One side is empty.\n")
    assert {row[0] for row in table.rows} == {"ask"}


async def test_too_many_levels_are_refused_with_what_is_accepted() -> None:
    failure = await Stage().failure("/book BTC/USDT 99")
    assert (failure.field, failure.value) == ("levels", "99")


async def test_an_exchange_that_is_away_is_said_with_the_age_of_what_is_known() -> None:
    desk = FakeDesk()
    stage = Stage(desk=desk)
    await stage.table("/book BTC/USDT")
    market = await desk.market("BTC/USDT")
    desk.available = False
    desk.venue.clock.advance(60_000)
    with pytest.raises(Stale, match=r"binance did not answer in 10 s; what is known is 60 s old"):
        await desk.data.book(market.symbol)


async def test_without_a_market_the_favourites_are_offered() -> None:
    card = await Stage().card("/book")
    assert lines(card) == ["/book BTC/USDT", "/book ETH/USDT"]
