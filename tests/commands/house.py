"""A dispatcher with everything around it: people, a desk, a clock in hand, and commands that obey the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from typing import Annotated

from commands.context import Context, Explainer, Person
from commands.dispatch import Dispatcher, Request, Services
from commands.library.confirm import confirm
from commands.library.discard import discard
from commands.library.pair import pair
from commands.library.start import start
from commands.notice import Notice
from commands.pairing import Pairing
from commands.plan import Answer, Planned
from commands.registry import Command, Param, Registry, Role, Tier, command, command_of
from commands.reply import Card, Reply, Text
from config.schema import Settings
from data.advice import TradingState
from data.events import Control, SetTradingState, StopBot
from data.values import Millis, Mode
from engine.accounts.findings import Check, Finding, Grade
from engine.clock import ManualClock
from engine.desk import AgentView, JobView
from engine.exchanges.base import ExchangeUnavailable
from engine.outcome import Outcome
from tests.commands.fake_desk import FakeDesk
from tests.commands.worlds import NOW, bot_view


class MemoryPeople:
    """People in a dictionary; ``broken`` makes every read raise."""

    def __init__(self, *people: Person) -> None:
        """Know ``people``."""
        self.known = {each.id: each for each in people}
        self.broken = False

    def get(self, person: str, /) -> Person | None:
        """Return one person by id, or None for a stranger."""
        if self.broken:
            raise OSError("the disk is gone")
        return self.known.get(person)

    def all(self) -> Sequence[Person]:
        """Return everybody."""
        return tuple(self.known.values())

    def put(self, person: Person, /) -> None:
        """Add or replace a person."""
        self.known[person.id] = person

    def remove(self, person: str, /) -> None:
        """Forget a person."""
        self.known.pop(person, None)


class NoJobs:
    """A scheduler without jobs."""

    def jobs(self) -> Sequence[JobView]:
        """Return nothing."""
        return ()

    async def run(self, name: str) -> None:
        """Know no job."""
        raise LookupError(name)

    def pause(self, name: str) -> None:
        """Know no job."""
        raise LookupError(name)

    def resume(self, name: str) -> None:
        """Know no job."""
        raise LookupError(name)


class NoAgents:
    """A supervisor without agents."""

    def agents(self) -> Sequence[AgentView]:
        """Return nothing."""
        return ()

    async def restart(self, name: str) -> None:
        """Know no agent."""
        raise LookupError(name)


class FakeExaminer:
    """A checkup that finds what the test says."""

    def __init__(self) -> None:
        """Find everything in order."""
        good = {"mode": "production", "skew_ms": "12", "exchange": "binance", "limit_ms": "1000", "age_ms": "60000"}
        self.found = [
            Finding(check=Check.KEY, grade=Grade.GOOD, facts=good),
            Finding(check=Check.CLOCK, grade=Grade.GOOD, facts=good),
            Finding(check=Check.CHAT, grade=Grade.GOOD, facts=good),
        ]
        self.looked_at: list[str] = []

    async def readiness(self, mode: Mode, symbols: Iterable[str] = (), /) -> Sequence[Finding]:
        """Return what was set."""
        self.looked_at = list(symbols)
        return tuple(self.found)

    async def health(self) -> Sequence[Finding]:
        """Return what was set."""
        return tuple(self.found)


def person(user: str, role: Role, locale: str = "") -> Person:
    """Return somebody on Telegram."""
    return Person(id=f"telegram:{user}", name=user.title(), role=role, locale=locale)


class World:
    """What the commands of this test rest on; tests change it between two taps."""

    def __init__(self) -> None:
        """Start calm."""
        self.price = Decimal(100)
        self.state = "calm"
        self.unavailable = False
        self.refuse: Reply | None = None
        self.controls = 1
        self.acts = True
        self.gate: asyncio.Event | None = None
        """Holds a command back until it is set."""
        self.waiting = asyncio.Event()
        self.acted = 0
        self.quoted = True

    def plan(self) -> Answer:
        """Return what a command that moves money would answer now."""
        if self.unavailable:
            raise ExchangeUnavailable("no answer")
        if self.refuse is not None:
            return self.refuse
        return Planned(
            card=Card(title="Buy", fields=(), note="worst case"),
            controls=self._controls,
            receipt=_receipt,
            quote={"BTC/USDT": self.price} if self.quoted else {},
            state=self.state,
            danger=True,
            act=self._act if self.acts else None,
        )

    async def _act(self, _plan: str) -> None:
        self.acted += 1

    def _controls(self, plan: str, by: str, at: Millis) -> tuple[Control, ...]:
        return tuple(StopBot(at=at, by=by, plan=plan, bot=each, sell=False) for each in range(1, self.controls + 1))


def commands_of(world: World) -> tuple[Command, ...]:
    """Return commands that do as ``world`` says."""

    @command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
    async def buy(ctx: Context, size: Annotated[int, Param("how much")] = 1) -> Answer:
        """Buy something"""
        if world.gate is not None:
            world.waiting.set()
            await world.gate.wait()
        return world.plan()

    @command(role=Role.OWNER, tier=Tier.RISK, group="Act")
    async def golive(ctx: Context) -> Answer:
        """Go live"""
        return world.plan()

    @command(role=Role.VIEWER)
    async def peek(ctx: Context, symbol: Annotated[str, Param("market", complete="symbol")] = "BTC/USDT") -> Answer:
        """Look at something"""
        await ctx.desk.market(symbol)
        return Text(text=f"seen {symbol} by {ctx.person.name}")

    @command(role=Role.TRADER, tier=Tier.REVERSIBLE, group="Act")
    async def halt(ctx: Context) -> Answer:
        """Halt all trading"""
        await ctx.desk.ask(SetTradingState(at=ctx.clock_now, by=ctx.person.id, state=TradingState.HALTED))
        return (Text(text="halted"), Text(text="really"))

    @command(role=Role.VIEWER)
    async def boom(ctx: Context) -> Answer:
        """Break off"""
        raise RuntimeError("secret inner detail")

    return tuple(command_of(each) for each in (buy, golive, peek, halt, boom, confirm, discard, pair, start))


class House:
    """A dispatcher and everything a test may look at or turn."""

    def __init__(
        self,
        *,
        registry: Registry | None = None,
        desk: FakeDesk | None = None,
        clock: ManualClock | None = None,
        deliver: Callable[[str, Reply], Awaitable[None]] | None = None,
        explainer: Explainer | None = None,
    ) -> None:
        """Build everything around one running bot, or around ``desk``."""
        self.world = World()
        self.clock = clock or ManualClock(NOW)
        self.desk = desk or FakeDesk(bot_view(1))
        self.people = MemoryPeople(
            person("olga", Role.OWNER), person("tim", Role.TRADER), person("vera", Role.VIEWER, "de")
        )
        self.announced: list[str] = []
        self.told: list[Notice] = []
        self.pairing = Pairing(self.clock, self.people)
        self.registry = registry or Registry(commands_of(self.world))
        self.dispatcher = Dispatcher(
            Services(
                registry=self.registry, desk=self.desk, clock=self.clock, settings=Settings(), people=self.people,
                jobs=NoJobs(), agents=NoAgents(), pairing=self.pairing, announce=self.announced.append,
                tell=self.told.append, deliver=deliver, explainer=explainer, checkup=FakeExaminer(),
            )
        )  # fmt: skip

    def request(
        self,
        line: str,
        user: str = "tim",
        *,
        private: bool = True,
        update: str = "",
        age: Millis = 0,
        arguments: dict[str, str] | None = None,
    ) -> Request:
        """Return what Telegram would hand over."""
        return Request(
            platform="telegram", user_id=user, user_name=user.title(), chat_id=user, private=private, line=line,
            arguments=arguments, update_id=update, sent_at=self.clock.now() - age, locale="en",
        )  # fmt: skip

    async def say(self, line: str, user: str = "tim", *, private: bool = True, age: Millis = 0) -> tuple[Reply, ...]:
        """Send a line and return the replies."""
        return await self.dispatcher.handle(self.request(line, user, private=private, age=age))

    async def one(self, line: str, user: str = "tim") -> Reply:
        """Send a line and return its only reply."""
        replies = await self.say(line, user)
        assert len(replies) == 1
        return replies[0]


def _receipt(outcomes: Sequence[Outcome]) -> Reply:
    return Text(text=f"done {len(outcomes)}")
