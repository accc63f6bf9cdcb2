"""Whatever instant the engine is killed at, on real sockets: no order twice, no trade forgotten, the books exact."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from chatbot.folders import Folders
from data.database import Database
from data.journal import Journal
from data.values import Mode
from engine.risk import RiskLimits
from engine.runner import load_engine
from engine.state import freeze
from tests.kill.nursery import ROOT, Nursery
from tests.kill.reaper import Orders
from tests.kill_live.child import GENERATION, SETTLE
from tests.kill_live.compare import differences
from tests.kill_live.exchange import KEY, SECRET, Exchange
from tests.kill_live.truth import truths

WORLDS = int(os.environ.get("BATUTA_LIVE_KILL_WORLDS", "3"))
KILLS = int(os.environ.get("BATUTA_LIVE_KILLS_PER_WORLD", "20"))
FIRST = int(os.environ.get("BATUTA_LIVE_KILL_START", "1"))
"""``make soak-kills`` raises the first two. A seed fixes prices, faults and instants, not how sockets take turns."""
INSTANTS = ("before_commit", "after_commit", "before_submit", "after_submit", "at_request", "")
LOOK_EVERY = 5
TURN_EVERY = 10
"""So many lives long the same bots trade; then they are to be closed, and others started."""
FRESH_EVERY = 12
"""So many lives after each other, one is that of a whole new ``batuta run``."""
PATIENCE = 30.0


class World:
    """One exchange, one home, many engines one after the other."""

    def __init__(self, seed: int, home: Path) -> None:
        home.mkdir()
        self.exchange = Exchange(seed)
        self.home, self.seed = home, seed
        self.deaths: Counter[str] = Counter()
        self.looks = self.generation = 0
        self._chance = random.Random(seed)
        self._environment = {
            "PATH": os.environ["PATH"],
            "BATUTA_HOME": str(home),
            "BATUTA_LEASES": str(home / "leases"),
            "BINANCE_TESTNET_API_KEY": KEY,
            "BINANCE_TESTNET_API_SECRET": SECRET,
        }
        self._nursery = Nursery("tests.kill_live.child", home / "stderr.txt", self._environment)

    async def run(self) -> None:
        """Kill ``KILLS`` engines, and look at everything now and then."""
        await self.exchange.start()
        settings = {"exchange": {"name": "binance", "urls": self.exchange.server.urls}}
        (self.home / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        await self._nursery.open()
        try:
            for number in range(1, KILLS + 1):
                if number % TURN_EVERY == 1:
                    self.generation += 1
                    (self.home / GENERATION).write_text(str(self.generation))
                await (self._fresh_life() if number % FRESH_EVERY == 0 else self._life(number))
                # The world goes on without us.
                self.exchange.move(self._chance.choice((0, 0, 1, 5, 40)))
                if number % LOOK_EVERY == 0 or number == KILLS:
                    await self._look(KILLS + number)
            assert self.exchange.server.mistakes == []
        finally:
            await self._nursery.close()
            await self.exchange.stop()

    async def _life(self, number: int) -> None:
        chance, deadly = self._chance, self._chance.choice(INSTANTS)
        count = chance.randint(1, 4) if chance.random() < 0.5 else chance.randint(1, 40)
        child = await self._nursery.born(Orders(str(self.home), self.seed * 1000 + number, deadly, count))
        dying = asyncio.create_task(self._nursery.died())
        if deadly == "at_request":
            self._ambush(child, count)
        # Some die by our hand at any time; the others are given long enough to come to their own end.
        await asyncio.wait({dying}, timeout=1.5 * chance.random() if not deadly else chance.uniform(1, 3))
        if not dying.done():
            _kill(child)
            deadly = ""
        self._ended(await dying, deadly)

    def _ambush(self, child: int, count: int) -> None:
        """Kill at an order that has been written to the socket: before anything is done about it, or a little later."""
        delay, left = self._chance.choice((0.0, 0.0005, 0.002, 0.01)), [count]

        def hear() -> None:
            left[0] -= 1
            if left[0] == 0 and delay:
                asyncio.get_running_loop().call_later(delay, _kill, child)
            elif left[0] == 0:
                _kill(child)

        self.exchange.on_order = hear

    async def _fresh_life(self) -> None:
        """Kill the program itself, as an operator starts it, at any time."""
        with (self.home / "run.txt").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "chatbot", "run", "--mode", "testnet", cwd=ROOT, env=self._environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        await asyncio.sleep(self._chance.uniform(0.5, 4))
        assert process.returncode is None, (self.home / "run.txt").read_text()[-3000:]
        process.kill()
        self._ended(await process.wait(), "fresh")

    def _ended(self, status: int, deadly: str) -> None:
        self.exchange.on_order = lambda: None
        assert status == -signal.SIGKILL, f"world {self.seed} ended with {status}: {self._nursery.last_words()}"
        self.deaths[deadly or "any time"] += 1

    async def _look(self, number: int) -> None:
        """Let a last engine come to rest in a market that stands still, and compare what it leaves on the disk."""
        child = await self._nursery.born(Orders(str(self.home), self.seed * 1000 + number))
        await asyncio.sleep(self._chance.choice((0, 0.5)))
        await self.exchange.freeze()
        (self.home / SETTLE).touch()
        dying = asyncio.create_task(self._nursery.died())
        await asyncio.wait({dying}, timeout=PATIENCE)
        if not dying.done():
            _kill(child)
        status = await dying
        found = self._differences()
        words = self._nursery.last_words()
        assert (status, found) == (0, []), f"world {self.seed} look {number}: {status}\n{words}\n" + "\n".join(found)
        (self.home / SETTLE).unlink()
        self.looks += 1
        self.exchange.thaw()

    def _differences(self) -> list[str]:
        database = Database(Folders(self.home).books(Mode.TESTNET))
        try:
            journal = Journal(database)
            engine = load_engine(journal, RiskLimits())
            assert journal.verify() == engine.state.sequence
            frozen = freeze(engine.state)
            found = list(differences(engine.state, journal, self.exchange, self.generation))
            assert freeze(load_engine(journal, RiskLimits()).state) == frozen
            return found
        finally:
            database.close()


def _kill(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(120 + WORLDS * KILLS * 3)
async def test_nothing_is_lost_or_doubled_by_any_kill_on_spot_and_perpetuals(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    worlds = [World(seed, tmp_path / str(seed)) for seed in range(FIRST, FIRST + WORLDS)]
    gate = asyncio.Semaphore(2)

    async def guarded(world: World) -> None:
        async with gate:
            await world.run()

    async with asyncio.TaskGroup() as group:
        for world in worlds:
            group.create_task(guarded(world))
    deaths = sum((world.deaths for world in worlds), Counter[str]())
    told = [truth for world in worlds for truth in truths(world.exchange)]
    orders = [sum(truth.accepted.total() for truth in told[half::2]) for half in (0, 1)]
    trades = [sum(len(truth.trades) for truth in told[half::2]) for half in (0, 1)]
    faults = sum(len(world.exchange.server.faults.struck) for world in worlds)
    looks = sum(world.looks for world in worlds)
    words = (
        f"{deaths.total()} kills {dict(deaths)} of a spot and a perpetual bot each: {orders} orders, {trades} trades, "
        f"{faults} faults, books compared {looks} times"
    )
    record_property("kills", words)
    print(words)  # noqa: T201 - the number is the point of this test
    assert deaths.total() == WORLDS * KILLS
    assert set(deaths) == {instant or "any time" for instant in INSTANTS} | {"fresh"}
    assert min(trades) > deaths.total()
