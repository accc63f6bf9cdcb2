"""/chart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from commands.reply import Chart, GridPicture
from data.grids import Trigger, TriggerKind
from data.market import Candle
from engine.exchanges.base import ExchangeUnavailable
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import NOW, bot_view, spec


def picture(chart: Chart) -> GridPicture:
    """Return the picture of a market chart."""
    assert isinstance(chart.picture, GridPicture)
    return chart.picture


async def test_a_bots_lines_fills_and_price_exits_are_on_the_picture() -> None:
    above, below = Trigger(TriggerKind.PRICE, Decimal(66000)), Trigger(TriggerKind.PERCENT, Decimal(5))
    bot = bot_view(1, spec(take_profit=above, stop_loss=below))
    chart = await Stage(desk=FakeDesk(bot)).chart("/chart BTC/USDT", "vera")
    assert picture(chart).lines == bot.lines
    assert (picture(chart).take_profit, picture(chart).stop_loss) == (Decimal(66000), None)
    assert [mark.at for mark in picture(chart).fills] == sorted(mark.at for mark in picture(chart).fills)
    assert len(picture(chart).fills) == 8
    assert len(picture(chart).candles) == 120
    assert value(chart.caption, "Take profit") == "price 66000.00 USDT"
    assert "/chart 1 4h" in lines(chart)


async def test_fills_before_the_first_candle_are_left_out() -> None:
    assert picture(await Stage(desk=FakeDesk(bot_view(1))).chart("/chart 1 5m")).fills == ()


async def test_a_market_without_a_bot_is_plain_and_offers_a_grid() -> None:
    chart = await Stage(desk=FakeDesk(bot_view(1))).chart("/chart sol/usdt 1d")
    assert (picture(chart).symbol, picture(chart).lines, picture(chart).timeframe) == ("SOL/USDT", (), "1d")
    assert "/grid SOL/USDT" in lines(chart)


async def test_without_a_market_it_shows_the_only_bot_or_asks() -> None:
    assert picture(await Stage(desk=FakeDesk(bot_view(2))).chart("/chart")).symbol == "BTC/USDT"
    asked = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))).card("/chart")
    assert lines(asked) == ["/chart 1", "/chart 2"]
    assert lines(await Stage().card("/chart")) == ["/chart BTC/USDT", "/chart ETH/USDT"]


async def test_a_market_without_candles_says_so() -> None:
    desk = FakeDesk()
    desk.no_candles = True
    caption = (await Stage(desk=desk).chart("/chart SOL/USDT")).caption
    assert caption.note == "There are no candles yet."
    assert [each.label for each in caption.fields] == ["Price"]


async def test_an_unknown_market_offers_near_ones() -> None:
    failure = await Stage().failure("/chart SOLL/USDT")
    assert (failure.field, failure.value) == ("symbol", "SOLL/USDT")
    assert lines(failure) == ["/chart SOL/USDT"]


async def test_a_bad_timeframe_lists_the_good_ones() -> None:
    failure = await Stage().failure("/chart BTC/USDT 7m")
    assert failure.accepted == "one of: 1m, 5m, 15m, 1h, 4h, 1d"


async def test_a_number_without_a_bot_is_no_market() -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1))).failure("/chart 7")
    assert failure.problem == "There is no such bot."
    assert lines(failure) == ["/chart 1"]


@pytest.mark.parametrize(
    ("hours", "timeframe"),
    [(1, "5m"), (8, "5m"), (9, "15m"), (24, "15m"), (25, "1h"), (96, "1h"), (97, "4h"), (999, "1d")],
)
async def test_the_length_of_a_candle_follows_the_age_of_the_bot(hours: int, timeframe: str) -> None:
    young = msgspec.structs.replace(bot_view(1), started_at=NOW - hours * 3_600_000)
    assert picture(await Stage(desk=FakeDesk(young)).chart("/chart 1")).timeframe == timeframe
    assert picture(await Stage(desk=FakeDesk(young)).chart("/chart SOL/USDT")).timeframe == "1h"
    assert picture(await Stage(desk=FakeDesk(young)).chart("/chart 1 1d")).timeframe == "1d"


class Recording(FakeDesk):
    """A desk whose market was recorded hour by hour."""

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Refuse what is shorter than an hour."""
        if timeframe.endswith("m"):
            raise ExchangeUnavailable("recorded in 1h")
        return await super().candles(symbol, timeframe, limit)


async def test_a_recording_that_is_too_coarse_is_shown_by_the_hour() -> None:
    young = msgspec.structs.replace(bot_view(1), started_at=NOW - 3_600_000)
    assert picture(await Stage(desk=Recording(young)).chart("/chart 1")).timeframe == "1h"
