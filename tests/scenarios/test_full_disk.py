"""The disk is full: the engine ends rather than trade without its journal, says so, and nothing is lost."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from chatbot.app import limits_of
from commands.registry import Role
from data.database import Database, StorageFull
from data.journal import Journal
from engine.grid.slots import violations
from engine.runner import load_engine
from tests.scenarios.on_telegram import telegram
from tests.scenarios.world import World


async def test_a_full_disk_ends_the_engine_and_is_told_and_loses_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with telegram(world) as owner:
        world.let_in(owner.identity, Role.OWNER)
        await owner.say("/grid BTC/USDT 80000 100000 10 1000")
        await owner.expect("Can be confirmed until")
        await owner.tap("Start")
        await owner.expect("started with")
        # The database may not grow by a single page any more: SQLite answers as on a full disk.
        world.app.database.rows("PRAGMA max_page_count = 1")
        for line in cycle(("/pause 1", "/resume 1")):
            if world.app.runner.failure is not None:
                break
            await owner.say(line)
            await owner.expect("")
            await world.app.runner.settled()
        failure = world.app.runner.failure
        assert isinstance(failure, StorageFull)
        with pytest.raises(StorageFull):
            await world.app.runner.wait()
        await world.app.say_last_words(failure)
        told = await owner.expect("the engine has ended")
        assert "the disk is full" in told.text
    app = world.app
    assert app.journal.pending > 0
    journal = Journal(Database(world.folders.database))
    assert journal.verify() == app.journal.last_sequence - app.journal.pending
    (bot,) = load_engine(journal, limits_of(app.settings)).state.bots.values()
    assert bot.status.active
    assert violations(bot.slots) == []


async def test_a_sign_of_life_that_cannot_be_written_does_not_keep_the_engine_from_trading(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.folders.heartbeat.mkdir()
    async with telegram(world) as owner:
        world.let_in(owner.identity, Role.OWNER)
        await owner.say("/grid BTC/USDT 60000 70000 10 1000")
        await owner.expect("Can be confirmed until")
        await owner.tap("Start")
        await owner.expect("Initial buy of")
