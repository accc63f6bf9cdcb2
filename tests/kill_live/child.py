"""The engine as it is composed in production, with the live adapter, in a process that dies at an instant it was told.

It opens the journal, rebuilds, connects, reconciles and trades a spot and a perpetual bot. Once its home says that the
market stands still, it goes on until nothing is left to do, and ends.
"""

from __future__ import annotations

import asyncio
import os
import random
from decimal import Decimal
from pathlib import Path

import ccxt.pro  # noqa: F401 - imported before the children are made

from chatbot.app import allocation_of, limits_of
from chatbot.folders import Folders
from chatbot.venues import credentials, market_kinds
from config.load import load_settings
from config.schema import Settings
from config.secrets import load_secrets
from data.database import Database
from data.equity import EquityStore
from data.events import AdvicePosted, StartBot, StopBot
from data.grids import Direction, GridSpec
from data.installation import installation_tag
from data.orders import OrderStatus
from data.values import Mode
from engine.accounts.connection import attend, reach_first
from engine.accounts.upkeep import reconcile_all
from engine.agents.grid import GridAgent
from engine.clock import SystemClock
from engine.exchanges.base import ExchangeUnavailable, Submitted
from engine.exchanges.ccxt_live import CcxtExchange
from engine.front_desk import FrontDesk
from engine.risk import Approved
from engine.runner import Runner, load_engine, save_checkpoint
from engine.views import BotStatus
from tests.engine.live import market_data
from tests.kill.nursery import rear
from tests.kill.reaper import MortalJournal, Orders, Reaper
from tests.kill_live.exchange import PERPETUAL, SPOT

D = Decimal
SETTLE = "settle"
"""File in the home that says: the market stands still."""
GENERATION = "generation"
"""File in the home that holds a number: bots of lower ones are to be stopped, new ones to be started."""
HASTE = 20
"""How much shorter waits are; time itself is the exchange's."""
CALM = 3
"""Rounds after each other that must change nothing."""
DIRECTIONS = (Direction.NEUTRAL, Direction.LONG, Direction.SHORT)


class HastyClock(SystemClock):
    """Tells the time, and waits less."""

    async def sleep(self, seconds: float) -> None:
        """Wait, but not so long."""
        await asyncio.sleep(seconds / HASTE)


class MortalExchange(CcxtExchange):
    """The live adapter; a submit may be the last thing that happens."""

    reaper: Reaper

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, perhaps dying before or after."""
        self.reaper.pass_by("before_submit")
        answer = await super().submit(order)
        self.reaper.pass_by("after_submit")
        return answer


class Life:
    """One engine, from its start to its end."""

    def __init__(self, orders: Orders) -> None:
        """Put the engine together as the settings of the home have it."""
        self._orders, self._home = orders, Path(orders.home)
        settings = load_settings(None, self._home, {"operation_mode": Mode.TESTNET.value})
        database, reaper = Database(Folders(self._home).books(Mode.TESTNET)), Reaper(orders)
        journal = MortalJournal(database)
        journal.reaper = reaper
        exchange = _exchange(settings, self._home)
        exchange.reaper = reaper
        engine = load_engine(journal, limits_of(settings))
        self.runner = Runner(engine, journal, [exchange], HastyClock(), tag=installation_tag(database))
        self._agent = GridAgent(settings.trading.cycle_interval_seconds)
        self._desk = FrontDesk(
            self.runner,
            EquityStore(database),
            market_data(self.runner),
            version="kill",
            mode=Mode.TESTNET,
            max_bots=settings.risk_management.max_bots,
            min_order=settings.grid.spot.min_order_size_usd,
            allocation=allocation_of(settings),
        )

    async def trade(self) -> None:
        """Connect, reconcile, and do what the scheduler does in production, faster."""
        runner, chance = self.runner, random.Random(self._orders.seed)
        await reach_first(runner)
        attending = asyncio.create_task(attend(runner, runner.first))
        while not (self._home / SETTLE).exists():
            await self._look_after()
            if chance.random() < 0.3:
                save_checkpoint(runner)
            await asyncio.sleep(chance.uniform(0.03, 0.2))
        await self._settled()
        attending.cancel()
        os._exit(0)

    async def _look_after(self) -> None:
        """Start and stop bots if need be, compare the books, and ask the grid agent."""
        runner = self.runner
        try:
            await turn_over(runner, self._orders.seed // 1000, int((self._home / GENERATION).read_text()))
            await reconcile_all(runner)
        except ExchangeUnavailable:
            return
        now = runner.clock.now()
        for advice in await self._agent.advise(self._desk, now):
            runner.post(AdvicePosted(at=now, advice=advice))
        await runner.settled()

    async def _settled(self) -> None:
        """Go on until several rounds after each other leave every order resting and nothing changed."""
        state, calm = self.runner.engine.state, 0
        before: list[tuple[str, OrderStatus, Decimal]] = []
        while calm < CALM:
            await self._look_after()
            await asyncio.sleep(0.05)
            known = [(order.draft.client_id, order.status, order.filled) for order in state.orders.values()]
            still = all(status is OrderStatus.OPEN for _, status, _ in known)
            still = still and all(bot.status is BotStatus.RUNNING for bot in state.active_bots())
            calm = calm + 1 if still and known == before and self.runner.first.connected else 0
            before = known


def _exchange(settings: Settings, home: Path) -> MortalExchange:
    key, secret = credentials(settings, load_secrets(home, settings.api), Mode.TESTNET)
    return MortalExchange(
        clock=HastyClock(),
        mode=Mode.TESTNET,
        key=key,
        secret=secret,
        kinds=market_kinds(settings),
        urls={name: str(value) for name, value in settings.exchange.urls.items()},
        timeout_seconds=2,
    )


async def live(orders: Orders) -> None:
    """Start, which is to recover; trade on."""
    life = Life(orders)
    await life.runner.start("kill")
    async with asyncio.TaskGroup() as group:
        group.create_task(life.runner.wait())  # whatever ends the engine ends the process
        group.create_task(life.trade())


async def turn_over(runner: Runner, world: int, generation: int) -> None:
    """Stop the bots of earlier generations, and start a spot and a perpetual bot once the market is theirs."""
    state, now = runner.engine.state, runner.clock.now()
    for spec in specs(world + generation):
        plan = plan_of(spec.symbol, generation)
        if plan in state.plans:
            continue
        before = list(state.active_bots(spec.symbol))
        for bot in before:
            if bot.status is not BotStatus.STOPPING:
                await runner.ask(StopBot(at=now, by="test", bot=bot.id, sell=True))
        if not before:
            await _start(runner, spec, plan)


def plan_of(symbol: str, generation: int) -> str:
    """Return the name of the plan by which a bot is started once."""
    return f"{symbol} {generation}"


async def _start(runner: Runner, spec: GridSpec, plan: str) -> None:
    market = await runner.exchange.market(spec.symbol)
    await runner.watch(spec.symbol)
    if market.perpetual:
        await runner.exchange.prepare(spec.symbol, spec.leverage, spec.margin)
    outcome = await runner.ask(StartBot(at=runner.clock.now(), by="test", plan=plan, spec=spec, market=market))
    assert not outcome.problem, outcome.problem


def specs(number: int) -> tuple[GridSpec, GridSpec]:
    """Return the grids of a number: one in two trails, and each direction has its turn."""
    spot = GridSpec(
        symbol=SPOT,
        mode=Mode.TESTNET,
        lower=D(48_500),
        upper=D(51_500),
        levels=21,
        investment=D(2_000),
        trail_up=D(53_000) if number % 2 else None,
    )
    perpetual = GridSpec(
        symbol=PERPETUAL,
        mode=Mode.TESTNET,
        lower=D(2_450),
        upper=D(2_550),
        levels=21,
        investment=D(1_000),
        direction=DIRECTIONS[number % 3],
        leverage=3,
    )
    return spot, perpetual


if __name__ == "__main__":
    rear(live)
