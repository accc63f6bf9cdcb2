"""/cache."""

from __future__ import annotations

from tests.commands.library.stage import Stage


async def test_nothing_was_asked_at_first() -> None:
    table = await Stage().table("/cache")
    assert table.rows == ()
    assert table.empty == "Nobody has asked for anything yet."


async def test_what_was_asked_twice_came_once_from_memory() -> None:
    stage = Stage()
    for _ in range(2):
        await stage.table("/book BTC/USDT")
    await stage.card("/market BTC/USDT")
    table = await stage.table("/cache", "vera")
    rows = {row[0]: row for row in table.rows}
    assert rows["book"][1:4] == ("2", "50 %", "1")
    assert rows["days"][1:4] == ("1", "0 %", "0")
    assert rows["all"][1] == "3"
    assert table.title == "Market data from memory: 33 %"
