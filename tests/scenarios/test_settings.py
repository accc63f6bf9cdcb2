"""Settings that an operator changes do what they say, in a whole Batuta."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path

import pytest

from chatbot.rendering import first_line
from commands.dispatch import Dispatcher
from commands.registry import Role
from commands.reply import Reply
from data.events import StartBot
from data.grids import GridSpec
from engine.grid.plan import GridPlan
from tests.scenarios.world import World


class Ear:
    """A chat that only listens."""

    name = "telegram"

    def __init__(self) -> None:
        """Have heard nothing yet."""
        self.heard: list[str] = []

    async def start(self, dispatcher: Dispatcher) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Remember the first line."""
        self.heard.append(first_line(reply))
        return "1"


async def planned(world: World) -> GridPlan:
    """Return a grid of ten slots and 1000 USDT around the price of SOL/USDT."""
    price = (await world.app.desk.ticker("SOL/USDT")).last
    lower, upper = price * 19 / 20, price * 21 / 20
    return await world.app.desk.plan(
        GridSpec(symbol="SOL/USDT", lower=lower, upper=upper, levels=11, investment=price / price * 1000)
    )


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, None),
        ({"grid": {"spot": {"min_order_size_usd": 150}}}, "under the market's minimum"),
        ({"risk_management": {"max_open_orders": 9}}, "risk_management.max_open_orders"),
        ({"risk_management": {"spot_risk": {"max_asset_allocation_perc": 9}}}, "max_asset_allocation_perc"),
        ({"risk_management": {"spot_risk": {"min_stable_balance_perc": 91}}}, "min_stable_balance_perc"),
    ],
)
async def test_each_limit_forbids_a_plan(tmp_path: Path, sections: dict[str, object], words: str | None) -> None:
    world = World(tmp_path, "", **sections)
    await world.app.start([])
    await world.app.ready.wait()
    found = await planned(world)
    assert len(found.problems) == (words is not None)
    assert all(str(words) in each.problem for each in found.problems)
    # The stricter limit is for planning alone; the bot lives on the market as it is.
    assert found.market == await world.app.desk.market("SOL/USDT")
    await world.app.stop()


@pytest.mark.parametrize("enabled", [True, False])
async def test_a_trade_is_tabled_and_told_unless_alerts_are_off(tmp_path: Path, enabled: bool) -> None:
    world = World(tmp_path, alerts={"enabled": enabled}, logging={"trade_log_file": "mine/trades.csv"})
    ear = Ear()
    world.let_in("telegram:7", Role.OWNER)
    await world.app.start([ear])
    await world.app.ready.wait()
    found = await planned(world)
    await world.app.desk.ask(StartBot(at=world.clock.now(), by="t", spec=found.spec, market=found.market))
    async with asyncio.timeout(20):
        while not (world.app.desk.fills(1, 1) and (ear.heard or not enabled)):
            world.clock.advance(100)
            await asyncio.sleep(0)
    fill = world.app.desk.fills(1, 10)[-1]
    await world.app.stop()
    with (tmp_path / "mine" / "trades.csv").open(newline="") as text:
        assert next(csv.DictReader(text))["trade_id"] == fill.trade_id
    assert bool(ear.heard) == enabled
