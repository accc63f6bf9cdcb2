"""One life of the engine, from its journal to its death, composed as the program composes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from data.advice import Advice, OrdersAdvised
from data.database import Database
from data.events import AdvicePosted, Control
from data.journal import Journal
from data.limits import RiskLimits
from data.values import ONE, Mode
from engine.accounts.connection import attend, reach_first
from engine.accounts.execution import Execution
from engine.accounts.upkeep import hold_alive, reconcile_all
from engine.exchanges.base import ExchangeUnavailable
from engine.outcome import Outcome
from engine.runner import Runner, load_engine, save_checkpoint
from tests.simulation.exchange import SimulatedExchange
from tests.simulation.scenario import Death
from tests.simulation.virtual import Killed, VirtualClock, VirtualLoop

ADVICE_SECONDS = 45.0
CHECKPOINT_SECONDS = 100.0
COUNTDOWN_SECONDS = 90


class MortalJournal(Journal):
    """A journal whose commits may be the last thing that happens. What was not committed dies with it."""

    def __init__(self, database: Database, pass_by: Callable[[str], None]) -> None:
        super().__init__(database)
        self._pass_by = pass_by

    def commit(self, *beside: Callable[[], object]) -> None:
        """Commit, perhaps dying before, within or after."""
        self._pass_by("before commit")
        super().commit(*beside, lambda: self._pass_by("within commit"))
        self._pass_by("after commit")


async def attend_account(runner: Runner) -> None:
    """Compare the books after every interruption."""
    await attend(runner, runner.account(Mode.SHADOW))


@dataclass(frozen=True)
class Parts:
    """What a life is made of. A planted defect replaces one of these."""

    adapter: type[SimulatedExchange] = SimulatedExchange
    journal: type[MortalJournal] = MortalJournal
    runner: type[Runner] = Runner
    execution: type[Execution] = Execution
    limits: Callable[[RiskLimits], RiskLimits] = lambda limits: limits
    reach: Callable[[Runner], Awaitable[object]] = reach_first
    compare: Callable[[Runner], Awaitable[object]] = reconcile_all
    attend: Callable[[Runner], Awaitable[object]] = attend_account


class Life:
    """An engine that runs until it is killed, or until what it was given to do is done."""

    def __init__(
        self,
        parts: Parts,
        database: Database,
        adapter: SimulatedExchange,
        clock: VirtualClock,
        loop: VirtualLoop,
        death: Death | None,
        limits: RiskLimits,
    ) -> None:
        self.parts, self.adapter, self.clock, self.loop = parts, adapter, clock, loop
        self._database, self._death, self._limits = database, death, limits
        self._commits = death.commits if death and death.commits else 0
        self.outcomes: list[Outcome] = []
        self.seen: Callable[[Outcome], None] = lambda _: None
        self.ready = False
        self.runner: Runner

    def live(self, errand: Callable[[Life], Coroutine[Any, Any, None]], reconcile_seconds: float) -> bool:
        """Run to the end of the errand; return False when death came first."""
        try:
            self.loop.run_until_complete(self._live(errand, reconcile_seconds))
        except Killed:
            return False
        finally:
            self.adapter.dead = True
            self.loop.bury()
        return True

    async def ask(self, control: Control) -> Outcome:
        """Ask the engine for something."""
        return await self.runner.ask(control)

    def pass_by(self, instant: str) -> None:
        """Die here if it is time."""
        if self.loop.dead:
            raise Killed
        if self._commits and self._death is not None and instant == self._death.instant:
            self._commits -= 1
            if not self._commits:
                self.loop.die()

    def advise(self) -> None:
        """Have every bot decided for again, as the grid agent does."""
        now = self.clock.now()
        for bot in self.runner.engine.state.active_bots():
            advice = Advice(
                agent="grid",
                what=OrdersAdvised(bot=bot.id),
                confidence=ONE,
                reason="simulated",
                evidence={},
                expires_at=now + 60_000,
            )
            self.runner.post(AdvicePosted(at=now, advice=advice))

    def spare(self) -> None:
        """Let this life go on as long as it likes."""
        self.loop.steps_to_live, self._commits = None, 0

    async def _live(self, errand: Callable[[Life], Coroutine[Any, Any, None]], reconcile_seconds: float) -> None:
        parts = self.parts
        journal = parts.journal(self._database, self.pass_by)
        engine = load_engine(journal, parts.limits(self._limits))
        runner = self.runner = parts.runner(engine, journal, [self.adapter], self.clock)
        account = runner.account(Mode.SHADOW)
        account.execution = parts.execution(self.adapter, runner.post, self.clock)
        self.runner.observers.append(lambda outcome: self.seen(outcome))
        await self.runner.start("simulation")
        work = [
            asyncio.create_task(self.runner.wait()),
            asyncio.create_task(errand(self)),
            asyncio.create_task(self._upkeep(reconcile_seconds)),
        ]
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _upkeep(self, seconds: float) -> None:
        await self.parts.reach(self.runner)
        self.ready = True
        tasks = [
            asyncio.create_task(self._attend()),
            asyncio.create_task(self._compare(seconds)),
            asyncio.create_task(self._advise()),
            asyncio.create_task(self._checkpoint()),
            asyncio.create_task(self._hold()),
        ]
        await asyncio.gather(*tasks)

    async def _attend(self) -> None:
        await self.parts.attend(self.runner)

    async def _compare(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.parts.compare(self.runner)
            except ExchangeUnavailable:
                continue

    async def _advise(self) -> None:
        while True:
            await asyncio.sleep(ADVICE_SECONDS)
            self.advise()

    async def _checkpoint(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            save_checkpoint(self.runner)

    async def _hold(self) -> None:
        while True:
            await asyncio.sleep(COUNTDOWN_SECONDS / 3)
            try:
                await hold_alive(self.runner, COUNTDOWN_SECONDS)
            except ExchangeUnavailable:
                continue
