"""/orders."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage
from tests.commands.worlds import bot_view, spec


async def test_orders_of_one_bot_are_sorted_by_price_with_their_distance() -> None:
    table = await Stage(desk=FakeDesk(bot_view(1))).table("/orders 1", "vera")
    assert table.title == "Open orders of Bot 1 BTC/USDT"
    assert table.rows[0] == ("sell", "64050.00", "0.00195 BTC", "+5.00 %", "open")
    assert table.rows[-1] == ("buy", "57950.00", "0.00195 BTC", "-5.00 %", "open")


async def test_orders_of_all_bots_name_the_bot() -> None:
    table = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))).table("/orders")
    assert len(table.rows) == 16
    assert {row[0] for row in table.rows} == {"1 BTC/USDT", "2 ETH/USDT"}


async def test_a_partial_fill_shows_what_is_left() -> None:
    bot = bot_view(1)
    bot.orders[0].filled = Decimal("0.00100")
    table = await Stage(desk=FakeDesk(bot)).table("/orders 1")
    assert table.rows[-1][2:] == ("0.00095 of 0.00195 BTC", "-5.00 %", "partly filled")


async def test_nothing_open_is_said() -> None:
    assert (await Stage().table("/orders")).empty == "There are no open orders."
    table = await Stage(desk=FakeDesk(bot_view(1, status=BotStatus.PAUSED))).table("/orders")
    assert table.rows == ()


async def test_without_a_price_there_is_no_distance() -> None:
    bot = msgspec.structs.replace(bot_view(1), ticker=None)
    assert (await Stage(desk=FakeDesk(bot)).table("/orders")).rows[0][3] == "–"


async def test_an_unknown_bot_is_a_failure() -> None:
    assert (await Stage(desk=FakeDesk(bot_view(1))).failure("/orders 9")).field == "bot"
