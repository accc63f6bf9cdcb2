"""/indicators."""

from __future__ import annotations

from engine.indicators.base import discover
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines


async def test_every_indicator_has_a_value_and_what_it_means() -> None:
    table = await Stage().table("/indicators BTC/USDT", "vera")
    assert [row[0] for row in table.rows] == [name.replace("_", " ") for name in discover()]
    assert all(row[1] and row[2] for row in table.rows)
    assert not any("nan" in " ".join(row) for row in table.rows)
    assert table.title == "BTC/USDT, 1h: indicators"
    assert lines(table)[-1] == "/chart BTC/USDT 1h"


async def test_another_timeframe_is_one_tap_away() -> None:
    table = await Stage().table("/indicators btcusdt 4h")
    assert table.title == "BTC/USDT, 4h: indicators"
    assert "/indicators BTC/USDT 1h" in lines(table)


async def test_without_a_market_the_favourites_are_offered() -> None:
    assert lines(await Stage().card("/indicators"))[0] == "/indicators BTC/USDT"


async def test_an_exchange_that_is_away_is_said() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "did not answer" in (await Stage(desk=desk).failure("/indicators BTC/USDT")).problem
