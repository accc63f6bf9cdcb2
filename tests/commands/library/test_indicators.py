"""/indicators."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.market import Candle
from data.values import Millis
from engine.exchanges.base import timeframe_millis
from engine.indicators.base import discover
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import market


async def test_every_indicator_has_a_value_and_what_it_means() -> None:
    card = await Stage().card("/indicators BTC/USDT", "vera")
    assert len(card.fields) == len(discover())
    assert {"ADX", "Bollinger bands", "Realised volatility", "Z-score"} <= {each.label for each in card.fields}
    assert value(card, "EMA") == "61115 · price 0.19 % below the 20-bar exponential average"
    assert not any("nan" in each.value for each in card.fields)
    assert card.title == "BTC/USDT, 1h: indicators"
    assert lines(card)[-1] == "/chart BTC/USDT 1h"


async def test_another_timeframe_is_one_tap_away() -> None:
    card = await Stage().card("/indicators btcusdt 4h")
    assert card.title == "BTC/USDT, 4h: indicators"
    assert "/indicators BTC/USDT 1h" in lines(card)


async def test_what_is_a_part_of_the_price_is_told_in_percent_and_no_direction_as_a_number() -> None:
    card = await Stage().card("/indicators BTC/USDT")
    assert value(card, "Realised volatility").startswith("short window 1.15 %, medium window 1.47 %, ")
    assert value(card, "Supertrend").startswith("59198 · trend up")


async def test_tiny_prices_are_written_without_an_exponent() -> None:
    desk = FakeDesk()
    desk.list_market(market("PEPE"), Decimal("0.00000123"))
    still = Candle(0, *(Decimal("0.00000123"),) * 4, Decimal(1))

    async def candles(symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        step = timeframe_millis(timeframe)
        return [msgspec.structs.replace(still, opened_at=since + place * step) for place in range(limit)]

    desk.venue.candles_since = candles  # type: ignore[method-assign]
    card = await Stage(desk=desk).card("/indicators PEPE/USDT")
    assert value(card, "SMA") == "0.00000123 · price at the mean of the last 20 closes"
    assert not any("e-" in each.value for each in card.fields)


async def test_a_month_is_no_minute() -> None:
    assert (await Stage().card("/indicators BTC/USDT 4H")).title == "BTC/USDT, 4h: indicators"
    failure = await Stage().failure("/indicators BTC/USDT 1M")
    assert failure.accepted == "one of: 1m, 5m, 15m, 1h, 4h, 1d"


async def test_without_a_market_the_favourites_are_offered() -> None:
    assert lines(await Stage().card("/indicators"))[0] == "/indicators BTC/USDT"


async def test_an_exchange_that_is_away_is_said() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "did not answer" in (await Stage(desk=desk).failure("/indicators BTC/USDT")).problem
