"""Whatever instant the engine is killed at: no order twice, no fill forgotten, the books equal the exchange."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from data.database import Database
from data.journal import Journal
from data.values import ZERO, Side
from engine.grid.slots import missing, violations
from engine.runner import load_engine
from engine.state import Bot, EngineState, freeze, thaw
from engine.views import BotStatus
from tests.kill import wire
from tests.kill.child import LIMITS
from tests.kill.exchange import FOREIGN, OPENING, RecordingExchange, held
from tests.kill.nursery import Nursery
from tests.kill.reaper import Orders

WORLDS = int(os.environ.get("BATUTA_KILL_WORLDS", "8"))
KILLS = int(os.environ.get("BATUTA_KILLS_PER_WORLD", "28"))
"""``make soak-kills`` raises both."""
INSTANTS = ("before_commit", "after_commit", "before_submit", "after_submit", "")
PATIENCE = 20.0


class World:
    """One exchange, one home, many engines one after the other."""

    def __init__(self, seed: int, home: Path) -> None:
        self.exchange = RecordingExchange(seed)
        self.home, self.seed = home, seed
        self.deaths: Counter[str] = Counter()
        self.reports = 0
        self.seen = ""
        self._chance = random.Random(seed)

    async def run(self) -> None:
        """Kill ``KILLS`` engines, then let a last one live and look at everything."""
        port = await self.exchange.start()
        nursery = Nursery("tests.kill.child", self.home / "stderr.txt")
        await nursery.open()
        try:
            for number in range(KILLS):
                await self._life(nursery, port, number)
            await self._last_life(nursery, port)
        finally:
            await nursery.close()
            await self.exchange.stop()

    async def _life(self, nursery: Nursery, port: int, number: int) -> None:
        chance = self._chance
        deadly = chance.choice(INSTANTS)
        count = chance.randint(1, 4) if chance.random() < 0.3 else chance.randint(1, 60)
        orders = Orders(str(self.home), self.seed * 1000 + number, deadly, count, port)
        child = await nursery.born(orders)
        ended = asyncio.ensure_future(nursery.died())
        # Some die by our hand at any time; the others are given long enough to come to their own end.
        patience = chance.uniform(0.01, 0.5) if not deadly else PATIENCE
        deadline = asyncio.get_running_loop().time() + patience
        while not ended.done():
            report = asyncio.ensure_future(self.exchange.reports.get())
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait({ended, report}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if report.done():
                if report.result().seed == orders.seed:
                    self._check(report.result())
                self.exchange.frozen = False
            else:
                report.cancel()
            if not ended.done() and asyncio.get_running_loop().time() >= deadline:
                os.kill(child, signal.SIGKILL)
                deadly = ""
                break
        status = await ended
        assert status == -signal.SIGKILL, f"ended with {status}: {nursery.last_words()}"
        self.deaths[deadly or "any time"] += 1
        self.exchange.frozen = False
        # The world goes on without us.
        self.exchange.move(chance.choice((0, 0, 1, 5, 40)))

    async def _last_life(self, nursery: Nursery, port: int) -> None:
        orders = Orders(str(self.home), self.seed * 1000 + 999, port=port)
        child = await nursery.born(orders)
        report = await asyncio.wait_for(self.exchange.reports.get(), PATIENCE)
        while report.seed != orders.seed:
            report = await asyncio.wait_for(self.exchange.reports.get(), PATIENCE)
        self._check(report)
        os.kill(child, signal.SIGKILL)
        await nursery.died()
        database = Database(self.home / "batuta.sqlite")
        journal = Journal(database)
        assert journal.verify() == thaw(report.state.encode()).sequence
        assert freeze(load_engine(journal, LIMITS).state) == report.state.encode()
        database.close()

    def _check(self, report: wire.Report) -> None:
        """Hold what the engine believes against what the exchange knows, at an instant when nothing moves."""
        self.reports += 1
        exchange, state = self.exchange, thaw(report.state.encode())
        assert exchange.doubled == []
        assert sorted(report.trades) == sorted(fill.trade_id for fill in exchange.fills)
        (bot,) = state.bots.values()
        assert bot.status is BotStatus.RUNNING
        assert held(exchange) == {
            "AAA": OPENING["AAA"] + bot.books.base,
            "USDT": OPENING["USDT"] + bot.books.cash - bot.books.invested,
        }
        assert bot.books.identity_error(exchange.ticker().last) == ZERO
        assert bot.books.base == sum((slot.held for slot in bot.slots), ZERO)
        assert violations(bot.slots) == []
        self._check_orders(bot, state)

    def _check_orders(self, bot: Bot, state: EngineState) -> None:
        resting = {order.client_id: order for order in self.exchange.matching.orders()}
        assert resting.pop(FOREIGN).filled == ZERO
        assert resting.keys() == state.orders.keys() == set(bot.live)
        for client_id, order in state.orders.items():
            assert (order.draft.quantity, order.filled) == (resting[client_id].quantity, resting[client_id].filled)
        ticker = self.exchange.ticker()
        for slot in bot.slots:
            live = [order for order in state.live_orders(bot) if order.draft.slot == slot.index]
            for side in Side:
                assert slot.resting(side) == sum((o.remaining for o in live if o.draft.side is side), ZERO)
            crossing = {Side.BUY: slot.lower >= ticker.ask, Side.SELL: slot.upper <= ticker.bid}
            for side in Side:
                lacking = missing(slot, side, bot.market.filters)
                assert lacking == ZERO or crossing[side], f"slot {slot.index} lacks a {side} of {lacking}: {slot}"


@pytest.mark.slow
@pytest.mark.timeout(60 + WORLDS * KILLS)
async def test_nothing_is_lost_or_doubled_by_any_kill(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    worlds = [World(seed, tmp_path / str(seed)) for seed in range(1, WORLDS + 1)]
    for world in worlds:
        world.home.mkdir()
    # Four at a time: more would only wait for the processors.
    gate = asyncio.Semaphore(4)

    async def guarded(world: World) -> None:
        async with gate:
            await world.run()

    async with asyncio.TaskGroup() as group:
        for world in worlds:
            group.create_task(guarded(world))
    deaths = sum((world.deaths for world in worlds), Counter[str]())
    fills = sum(len(world.exchange.fills) for world in worlds)
    placed = sum(len(world.exchange.placed) for world in worlds)
    reports = sum(world.reports for world in worlds)
    told = f"{deaths.total()} kills {dict(deaths)}, {placed} orders, {fills} fills, books compared {reports} times"
    record_property("kills", told)
    print(told)  # noqa: T201 - the number is the point of this test
    assert deaths.total() == WORLDS * KILLS >= 200
    assert all(deaths[instant or "any time"] > 10 for instant in INSTANTS)
    assert reports > deaths.total() / 4
    assert fills > deaths.total()
