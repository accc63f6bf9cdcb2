"""/trades."""

from __future__ import annotations

import pytest

from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines
from tests.commands.worlds import bot_view, spec


async def test_newest_first_with_value_and_fee() -> None:
    table = await Stage(desk=FakeDesk(bot_view(1))).table("/trades 1", "vera")
    assert len(table.rows) == 8
    assert table.rows[0] == (
        "2026-01-14 12:07 UTC", "1 BTC/USDT", "buy", "63287.50", "0.00195 BTC", "123.41 USDT", "0.12 USDT",
    )  # fmt: skip


async def test_count_limits_and_offers_more() -> None:
    table = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))).table("/trades count=3")
    assert len(table.rows) == 3
    assert lines(table)[0] == "/trades count=15"


async def test_nothing_traded_is_said() -> None:
    table = await Stage().table("/trades")
    assert (table.rows, table.empty) == ((), "Nothing was traded yet.")


@pytest.mark.parametrize("line", ["/trades 1 0", "/trades 1 501", "/trades 1 many"])
async def test_a_bad_count_says_what_is_accepted(line: str) -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1))).failure(line)
    assert (failure.field, failure.accepted) == ("count", "a whole number, at least 1, at most 500")


async def test_an_unknown_bot_is_a_failure() -> None:
    assert (await Stage(desk=FakeDesk(bot_view(1))).failure("/trades 9")).field == "bot"
