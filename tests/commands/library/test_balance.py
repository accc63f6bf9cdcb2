"""/balance."""

from __future__ import annotations

from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage
from tests.commands.worlds import bot_view


async def test_every_asset_with_what_bots_account_for() -> None:
    table = await Stage(desk=FakeDesk(bot_view(1))).table("/balance", "vera")
    assert table.rows == (
        ("USDT", "9000.00", "8500.25", "499.75", "1000.00"),
        ("BTC", "0.0123", "0.0041", "0.0082", "0.0123"),
    )
    assert table.note == "Bots are worth 1003.25 USDT (shadow)."
    assert table.mode == "shadow"


async def test_an_empty_account_is_said() -> None:
    desk = FakeDesk()
    desk.balances = ()
    table = await Stage(desk=desk).table("/balance")
    assert (table.rows, table.empty) == ((), "The account is empty.")


async def test_an_exchange_that_is_away_is_a_failure_that_says_so() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "binance did not answer" in (await Stage(desk=desk).failure("/balance")).problem
