"""A person who starts bots, changes their mind, and asks again when nobody answered."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.events import Control, PauseBot, ResumeBot, SetStopLoss, SetTakeProfit, SetTradingState, StartBot, StopBot
from data.grids import Trigger, TriggerKind
from data.values import Mode
from engine.exchanges.base import ExchangeUnavailable
from tests.simulation.life import Life
from tests.simulation.scenario import Scenario
from tests.simulation.virtual import Time

D = Decimal
AGAIN = 7.0
"""Seconds after which the same is asked again, under the same plan."""


class Person:
    """Everything asked of the engine in one seed."""

    def __init__(self, scenario: Scenario, time: Time, living: Callable[[], Life | None]) -> None:
        self._scenario, self._time, self._living = scenario, time, living
        self._chance = random.Random(scenario.seed * 4)
        self._plans = 0
        self._answered: set[str] = set()
        self._asking: Life | None = None
        """The engine that has not answered yet: people ask one thing at a time."""

    def plan(self) -> None:
        """Decide what to ask, and when."""
        chance, scenario = self._chance, self._scenario
        markets = {market.symbol: market for market in scenario.markets}
        for spec in scenario.specs:
            self._plans += 1
            start = StartBot(at=0, by="person", plan=f"p{self._plans}", spec=spec, market=markets[spec.symbol])
            self._time.after(chance.choice((0.5, 0.5, 30.0)), lambda start=start: self._ask(start))  # type: ignore[misc]
        for _ in range(chance.choice((0, 0, 2, 5, 10))):
            control = self._control()
            self._time.after(chance.uniform(10, scenario.seconds), lambda control=control: self._ask(control))  # type: ignore[misc]

    def _control(self) -> Control:
        chance, by = self._chance, "person"
        self._plans += 1
        bot, plan = chance.randint(1, len(self._scenario.specs)), f"p{self._plans}"
        match chance.randrange(10):
            case 0:
                # What a perpetual bot leaves behind is nobody's business but the person's, and no longer compared.
                sell = self._scenario.perpetual or chance.random() < 0.6
                return StopBot(at=0, by=by, plan=plan, bot=bot, sell=sell)
            case 1 | 2:
                return PauseBot(at=0, by=by, plan=plan, bot=bot)
            case 3 | 4:
                return ResumeBot(at=0, by=by, plan=plan, bot=bot)
            case 5:
                return SetStopLoss(at=0, by=by, plan=plan, bot=bot, trigger=Trigger(TriggerKind.PERCENT, D(2)))
            case 6:
                return SetTakeProfit(at=0, by=by, plan=plan, bot=bot, trigger=Trigger(TriggerKind.PERCENT, D(1)))
            case _:
                states = (TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
                return SetTradingState(at=0, by=by, plan=plan, state=chance.choice(states))

    def _ask(self, control: Control) -> None:
        if control.plan in self._answered:
            return
        life = self._living()
        if life is not None and life.ready and not life.loop.dead and life is not self._asking:
            self._asking = life
            life.loop.create_task(self._asked(life, control))
        self._time.after(AGAIN, lambda: self._ask(control))

    async def _asked(self, life: Life, control: Control) -> None:
        try:
            if isinstance(control, StartBot):
                if control.market.perpetual and await self._occupied(life, control.spec.symbol):
                    return
                await life.runner.watch(control.spec.symbol)
                await self._prepare(life, control)
            await life.ask(msgspec.structs.replace(control, at=life.clock.now()))
            self._answered.add(control.plan)
        except ExchangeUnavailable:
            return
        finally:
            self._asking = None

    async def _occupied(self, life: Life, symbol: str) -> bool:
        """Return whether a position is open that no bot holds: no plan is made beside one."""
        held = sum((bot.books.base for bot in life.runner.engine.state.active_bots(symbol)), D(0))
        positions = await life.runner.account(Mode.SHADOW).exchange.positions()
        return any(each.symbol == symbol and each.quantity and not held for each in positions)

    async def _prepare(self, life: Life, start: StartBot) -> None:
        """Set leverage and margin mode, as is done before a bot is started on a perpetual on which none is at work."""
        spec, account = start.spec, life.runner.account(Mode.SHADOW)
        if start.market.perpetual and not any(life.runner.engine.state.active_bots(spec.symbol)):
            await account.exchange.prepare(spec.symbol, spec.leverage, spec.margin)
            account.prepared.add(spec.symbol)
