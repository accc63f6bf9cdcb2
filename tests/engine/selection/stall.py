"""A desk over the real step and a real journal, on five markets at a hundred, for whoever starts bots."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.advice import Advice, MarketProposed
from data.decisions import Decision
from data.events import AdvicePosted, Control, EngineStarted, Event, OrderCancelled, StopBot, TickerMoved
from data.grids import GridSpec
from data.journal import Journal
from data.market import Market, Ticker
from data.values import Millis, Mode
from engine.booking.arming import arming_problems
from engine.desk import EngineView
from engine.grid.plan import GridPlan, Problem
from engine.grid.sizing import plan_grid
from engine.outcome import Outcome
from engine.pictures import bot_views
from engine.recording import entry_of
from engine.risk import RiskLimits
from engine.runner import load_engine
from engine.views import BotView
from tests.engine.agents.desk import MARKET, ShownDesk

D = Decimal
NOW: Millis = 1_768_478_400_000
NAMES = ("A", "B", "C", "D", "E")
LIMITS = RiskLimits(stale_millis=1 << 50, armed=(Mode.PRODUCTION, Mode.SHADOW))


class Killed(Exception):
    """The process ended here."""


def listed(name: str) -> Market:
    """Return the spot market of ``name``."""
    return msgspec.structs.replace(MARKET, symbol=f"{name}/USDT", base=name)


class Stall(ShownDesk):
    """Takes controls as the engine does; ``fate`` says what befalls the next one: early, late or after the step."""

    def __init__(self, journal: Journal | None = None, now: Millis = NOW) -> None:
        """Start an engine from ``journal``, as the program does."""
        super().__init__()
        self.journal, self.now = journal or Journal.in_memory(), now
        self.kernel = load_engine(self.journal, LIMITS)
        self.fate = ""
        self.late: list[Control] = []
        self.troubles: tuple[Problem, ...] = ()
        self.planned = 0
        self.step(EngineStarted(at=now, version="t", limits=LIMITS))
        for name in NAMES:
            self.price(name, D(100))

    def restart(self) -> Stall:
        """Return what the journal makes of it after a kill: what was on its way is lost."""
        return Stall(self.journal, self.now)

    def step(self, event: Event) -> Outcome:
        """Take one step and commit it."""
        outcome = self.kernel.step(event)
        if outcome.sequence:
            self.journal.append(entry_of(outcome, self.kernel.state))
            self.journal.commit()
        return outcome

    def price(self, name: str, last: Decimal) -> None:
        """Move a market."""
        symbol = f"{name}/USDT"
        self.prices[symbol] = Ticker(symbol, last - D("0.01"), last + D("0.01"), last, self.now)
        self.step(TickerMoved(at=self.now, ticker=self.prices[symbol]))

    def propose(self, name: str, investment: int = 30) -> str:
        """Let a market be proposed, and return the decision that says so."""
        what = MarketProposed(symbol=f"{name}/USDT", lower=D(90), upper=D(110), levels=4, investment=D(investment))
        advice = Advice(
            agent="pairs", what=what, confidence=D("0.7"), reason="it suits", evidence={}, expires_at=self.now + 60_000
        )
        (decision,) = self.step(AdvicePosted(at=self.now, advice=advice)).decisions
        return decision.id

    def stop(self, number: int) -> None:
        """Let a person stop a bot, and the exchange take its orders off."""
        self.step(StopBot(at=self.now, by="t:1", bot=number, sell=False))
        for client_id in list(self.kernel.state.bots[number].live):
            self.step(OrderCancelled(at=self.now, client_id=client_id))

    def deliver(self) -> None:
        """Let controls arrive that nobody waits for any more."""
        late, self.late = self.late, []
        for control in late:
            self.step(control)

    async def ask(self, control: Control) -> Outcome:
        """Take a control, as far as its fate lets it."""
        fate, self.fate = self.fate, ""
        if fate == "early":
            raise Killed
        if fate == "late":
            self.late.append(control)
            raise TimeoutError
        outcome = self.step(control)
        if fate == "after":
            raise Killed
        return outcome

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Return the plan, with what forbids it."""
        self.planned += 1
        plan = plan_grid(spec, listed(spec.symbol[0]), self.prices[spec.symbol], LIMITS)
        problems = (*plan.problems, *arming_problems(self.kernel.state, spec), *self.troubles)
        return msgspec.structs.replace(plan, problems=problems)

    def engine(self) -> EngineView:
        """Return the engine."""
        state = self.kernel.state
        return msgspec.structs.replace(super().engine(), caps=dict(state.armed), trading_state=state.trading_state)

    def bots(self) -> Sequence[BotView]:
        """Return its bots."""
        return bot_views(self.kernel.state)

    def bot(self, bot: int) -> BotView | None:
        """Return one of them."""
        return next((each for each in self.bots() if each.id == bot), None)

    def decisions(self, bot: int | None, limit: int) -> Sequence[Decision]:
        """Return what the journal holds."""
        return self.journal.decisions(bot, limit)
