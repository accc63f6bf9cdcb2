"""One seed from beginning to end: the world goes on, engines live and die in it, and in the end all must be well."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.database import Database
from data.events import OrderFilled, Reconciled, ResumeBot, SetTradingState
from data.journal import Journal
from data.orders import OrderStatus
from engine.outcome import Outcome
from engine.views import BotStatus
from tests.simulation.life import Life, Parts
from tests.simulation.money import OURS
from tests.simulation.neighbours import Neighbours
from tests.simulation.oracle import Oracle
from tests.simulation.person import Person
from tests.simulation.scenario import MIDDLE, TICK, drawn
from tests.simulation.truth import Happening, Truth
from tests.simulation.virtual import Time, VirtualClock, VirtualLoop
from tests.simulation.weather import Weather

SPREAD = 2
"""Between bid and ask, in ticks."""
REMEMBERED = 60
"""Price moves over which the lowest price counts."""
SETTLING, PATIENCE = 60.0, 3_000.0
"""Seconds all must have been well for, and seconds it may take until it is."""


class Verdict(msgspec.Struct):
    """What came of one seed."""

    seed: int
    problems: list[str]
    lives: int
    orders: int
    fills: int
    seconds: float
    trace: list[str]


class World:
    """Everything outside of the engine, and the engines one after the other."""

    def __init__(self, seed: int, parts: Parts, tell: Callable[[str], None] | None = None) -> None:
        self.scenario = scenario = drawn(seed)
        self.parts = parts
        self.time = Time()
        self.clock = VirtualClock(self.time)
        self.weather = Weather.drawn(random.Random(seed * 4 + 1))
        self.truth = Truth(scenario.markets, self.time.now)
        self.oracle = Oracle(self.truth, scenario.limits)
        self.database = Database.in_memory()
        self.trace: deque[str] = deque(maxlen=400)
        self.lives: list[Life] = []
        self._say = tell
        self._chance = random.Random(seed * 4 + 2)
        self._prices = {symbol: MIDDLE for symbol in self.truth.markets}
        self._past = {symbol: deque([TICK * MIDDLE], REMEMBERED) for symbol in self.truth.markets}
        self.truth.hear, self.truth.judge, self.truth.lateness = self._heard, self.oracle.judge, self.weather.listing
        self.truth.expires_crossing, self.truth.token_fees = scenario.expires_crossing, scenario.token_fees
        self.neighbours = Neighbours(self.truth, self.time, random.Random(seed * 4 + 3))
        self.person = Person(scenario, self.time, lambda: self.lives[-1] if self.lives else None)

    @property
    def calm(self) -> bool:
        """Whether the faults are over."""
        return self.weather.calm

    def run(self) -> Verdict:
        """Let everything happen."""
        self._schedule()
        deaths = list(self.scenario.deaths)
        try:
            while True:
                death = deaths.pop(0) if deaths and not self.calm else None
                loop = VirtualLoop(self.time, death.steps if death else None)
                adapter = self.parts.adapter(self.truth, self.weather, self.time, self.clock)
                life = Life(self.parts, self.database, adapter, self.clock, loop, death, self.scenario.limits)
                life.seen = self._stepped
                self.lives.append(life)
                self.note("life", number=len(self.lives), death=death)
                ended = life.live(self._to_the_end, self.scenario.reconcile_seconds)
                self.oracle.problems += loop.failures
                if ended:
                    break
                assert death is not None
                self.note("death", pause=death.pause)
                self.time.pass_by(death.pause)
        except Exception as error:
            self.oracle.problems.append(f"the engine ended: {error!r}")
            if self._say is not None:
                raise
        executed = sum(each.owner == OURS for each in self.truth.executed)
        self.database.close()
        return Verdict(
            seed=self.scenario.seed,
            problems=self.oracle.problems,
            lives=len(self.lives),
            orders=self.oracle.accepted,
            fills=executed,
            seconds=self.time.seconds,
            trace=list(self.trace),
        )

    def note(self, what: str, **facts: object) -> None:
        """Write down what happens."""
        line = f"{self.time.seconds:9.3f} {what} " + " ".join(f"{name}={value}" for name, value in facts.items())
        self.trace.append(line)
        if self._say is not None:
            self._say(line)

    # -- what goes on

    def _schedule(self) -> None:
        for symbol in self.truth.markets:
            self._move(symbol, 0)
        self.neighbours.settle_in(self.scenario.specs)
        self.person.plan()
        self.time.after(self.scenario.beat, self._beat)
        self.time.after(self._chance.uniform(20, 200), self._storm)
        self.time.after(self._chance.uniform(5, 60), self._meddle)
        self.time.after(self._chance.uniform(20, 90), self._fund)
        self.time.after(self.scenario.seconds, self._clear_up)

    def _beat(self) -> None:
        for symbol in self.truth.markets:
            stride = 0 if self.calm else self._chance.randint(-self.scenario.stride, self.scenario.stride)
            self._move(symbol, stride and stride + (MIDDLE - self._prices[symbol]) // 60)
        self.truth.expire_unattended()
        self.time.after(10.0 if self.calm else self.scenario.beat, self._beat)

    def _move(self, symbol: str, ticks: int) -> None:
        before, price = self._prices[symbol], self._prices[symbol] + ticks
        self._prices[symbol] = price
        self._past[symbol].append(TICK * price)
        self.oracle.lowest[symbol] = min(self._past[symbol])
        book = self.truth.books[symbol]
        sizes = [Decimal(self._chance.randint(1, 3000)) / 100 for _ in range(2)]
        if price != before and self._chance.random() < 0.6:
            self._nibble(symbol, price)
        book.move(TICK * price, TICK * (price + SPREAD), *sizes)
        book.last = TICK * price
        if self.lives:
            self.lives[-1].adapter.quote(self.truth.ticker(symbol))

    def _nibble(self, symbol: str, price: int) -> None:
        """Let somebody trade a part of the next order in the way."""
        book = self.truth.books[symbol]
        low, high = sorted((TICK * price, TICK * self._prices[symbol]))
        order = next((each for each in book.resting() if low <= each.price <= high), None)
        if order is not None:
            step = self.truth.markets[symbol].filters.quantity_step
            part = (order.remaining * self._chance.randint(1, 9) / 10) // step * step
            if part:
                book.trade(order.price, part, "SELL" if order.side == "BUY" else "BUY")

    def _fund(self) -> None:
        """Settle funding, and now and then shake the price as only perpetuals are shaken."""
        if self.calm:
            return
        for market in self.scenario.markets:
            # By a clock that jumps nobody can say whether a bot had ended when funding was settled.
            if market.perpetual and not self.scenario.jumps:
                self.truth.fund(market.symbol, Decimal(self._chance.randint(-30, 30)) / 10_000)
                if self._chance.random() < 0.2:
                    self._move(market.symbol, self._chance.choice((-300, 300)))
        self.time.after(self._chance.uniform(20, 90), self._fund)

    def _storm(self) -> None:
        weather = self.weather
        if self.calm:
            return
        what = self._chance.choice(("down", "silent"))
        self.note(f"goes {what}")
        setattr(weather, what, True)
        self.time.after(self._chance.uniform(3, 120), lambda: self._storm_passes(what))
        self.time.after(self._chance.uniform(120, 600), self._storm)

    def _storm_passes(self, what: str) -> None:
        setattr(self.weather, what, False)
        self.note(f"no longer {what}")
        if self.lives:
            self.lives[-1].adapter.restored()

    def _meddle(self) -> None:
        if self.calm:
            return
        self.neighbours.act()
        if self.scenario.jumps and self._chance.random() < 0.1:
            self.clock.wrong += self._chance.randint(-4000, 4000)
            self.note("clock jumps", wrong=self.clock.wrong)
        self.time.after(self._chance.uniform(5, 60), self._meddle)

    def _clear_up(self) -> None:
        self.note("calm")
        weather = self.weather
        weather.calm, weather.down, weather.silent = True, False, False
        self.neighbours.tidy_up()
        if self.lives:
            self.lives[-1].spare()
            self.lives[-1].adapter.restored()

    # -- what is heard of

    def _heard(self, event: Happening) -> None:
        self.note("exchange", event=event)
        if isinstance(event, OrderFilled):
            draft = self.truth.records[event.fill.client_id][-1].draft
            self.oracle.flows[draft.bot].book(event.fill, draft, self.truth.markets[draft.symbol])
        if self.lives:
            self.lives[-1].adapter.hear(event)

    def _stepped(self, outcome: Outcome) -> None:
        if self._say is not None:
            self.note("engine", event=outcome.event, approved=[each.draft.client_id for each in outcome.approved])
        if isinstance(outcome.event, Reconciled) and outcome.event.gap:
            self.oracle.problems.append(f"a gap was seen where none is: {outcome.event.gap}")

    # -- the end

    async def _to_the_end(self, life: Life) -> None:
        self.oracle.state = life.runner.engine.state
        await asyncio.sleep(max(0.0, self.scenario.seconds - self.time.seconds) + 1.0)
        await self._settle(life)
        self._examine(life)
        if not self.oracle.problems:
            await self._probe(life)
            self.oracle.replay(life.runner.engine.state, Journal(self.database))

    async def _settle(self, life: Life) -> None:
        """Wait until everybody has heard of everything, and let the person free what was held up."""
        well, since = 0.0, self.time.seconds
        while well < SETTLING and self.time.seconds < since + PATIENCE:
            await asyncio.sleep(10.0)
            await self._free(life)
            well = well + 10.0 if self._quiet(life) else 0.0
            if well >= SETTLING:
                life.advise()
                await life.parts.compare(life.runner)
                await asyncio.sleep(1.0)
                well = well if self._quiet(life) else 0.0

    def _quiet(self, life: Life) -> bool:
        """Return whether the engine waits for nothing."""
        unsure = (OrderStatus.INTENDED, OrderStatus.UNKNOWN, OrderStatus.CANCELLING)
        state = life.runner.engine.state
        changing = (BotStatus.STARTING, BotStatus.STOPPING)
        return life.ready and not (
            any(order.status in unsure for order in state.orders.values())
            or any(bot.status in changing for bot in state.bots.values())
        )

    async def _free(self, life: Life) -> None:
        state, now = life.runner.engine.state, self.clock.now()
        if state.trading_state is not TradingState.ACTIVE:
            await life.ask(SetTradingState(at=now, by="person", state=TradingState.ACTIVE))
        for bot in state.active_bots():
            if bot.status is BotStatus.PAUSED:
                await life.ask(ResumeBot(at=now, by="person", bot=bot.id))

    def _examine(self, life: Life) -> None:
        self.oracle.examine(life.runner.engine.state, Journal(self.database))

    async def _probe(self, life: Life) -> None:
        """Let the price cross a line of every market: the engine must answer with the orders that now should rest."""
        for symbol in self.scenario.symbols:
            for ticks in (-400, 300):
                self._move(symbol, ticks)
                await asyncio.sleep(30.0)
        await self._settle(life)
        self._examine(life)
