"""/indicators."""

from __future__ import annotations

from engine.indicators.base import discover
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value


async def test_every_indicator_has_a_value_and_what_it_means() -> None:
    card = await Stage().card("/indicators BTC/USDT", "vera")
    assert [each.label for each in card.fields] == [name.replace("_", " ") for name in discover()]
    assert value(card, "ema") == "61115 · price 0.19 % below the 20-bar exponential average"
    assert not any("nan" in each.value for each in card.fields)
    assert card.title == "BTC/USDT, 1h: indicators"
    assert lines(card)[-1] == "/chart BTC/USDT 1h"


async def test_another_timeframe_is_one_tap_away() -> None:
    card = await Stage().card("/indicators btcusdt 4h")
    assert card.title == "BTC/USDT, 4h: indicators"
    assert "/indicators BTC/USDT 1h" in lines(card)


async def test_without_a_market_the_favourites_are_offered() -> None:
    assert lines(await Stage().card("/indicators"))[0] == "/indicators BTC/USDT"


async def test_an_exchange_that_is_away_is_said() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "did not answer" in (await Stage(desk=desk).failure("/indicators BTC/USDT")).problem
