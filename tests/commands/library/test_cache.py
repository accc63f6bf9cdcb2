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
    assert rows["24 h of all markets"][1:4] == ("1", "0 %", "0")
    every = rows.pop("all")
    assert int(every[1]) == sum(int(row[1]) for row in rows.values())
    assert table.title == f"Market data from memory: {every[2]}"


async def test_answers_that_were_too_old_are_the_reason_for_none_from_memory() -> None:
    stage = Stage()
    await stage.table("/book BTC/USDT")
    assert "too old" not in ((await stage.table("/cache")).note or "")
    stage.desk.venue.clock.advance(3_600_000)
    await stage.table("/book BTC/USDT")
    table = await stage.table("/cache")
    assert table.title == "Market data from memory: 0 %"
    assert (table.note or "").startswith("Most of what was remembered was too old to be given again")
