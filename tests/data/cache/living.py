"""A whole Batuta without a chat on an invented exchange, its time turned by hand, its accesses to the cache noted."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import msgspec

from chatbot.app import App
from chatbot.folders import Folders
from commands.context import Person
from commands.dispatch import Request
from commands.registry import Role
from commands.reply import Button, Chart, Proposal, Reply
from config.schema import Settings
from data.cache.words import Record
from data.values import Millis
from engine.clock import ManualClock
from engine.exchanges.invented_market import Listing
from engine.exchanges.simulated import LISTINGS, SimulatedExchange
from engine.exchanges.tiers import LARGEST
from engine.markets.kinds import KINDS
from engine.markets.service import MarketService
from scheduler.registry import Every, collect
from tests.data.cache.traffic import Access, recorder

START: Millis = 1_767_225_600_000
"""2026-01-01T00:00Z."""
SECOND: Millis = 1_000
MINUTE: Millis = 60_000
DAY: Millis = 86_400_000
MONEY = 1_000_000
PLATFORM = "telegram"
_TURNS = 6
"""Rounds of the event loop that a second of the market takes at least."""


class Life(App):
    """The program as it is composed, but for its market service, which also tells what was asked of its cache."""

    def __init__(self, home: Path, listings: Sequence[Listing], seed: int, **sections: object) -> None:
        """Lay everything out below ``home``; ``sections`` are settings. Nothing runs yet."""
        self.accesses: list[Access] = []
        clock = ManualClock(START)
        settings = Settings.model_validate(
            {"exchange": {"name": "simulated"}, "paper": {"initial_balances": {"USDT": MONEY}}, **sections}
        )
        venue = SimulatedExchange(
            clock=clock, balances=settings.paper.initial_balances, seed=seed, listings=listings,
            margin=settings.paper.initial_futures_balances,
        )  # fmt: skip
        self._hand = clock
        super().__init__(settings, Folders(home), [venue], clock, announce=lambda _: None)
        self._agenda: list[tuple[Millis, int, Callable[[], Awaitable[None]]]] = []
        self._count = 0

    def _make_data(self, record: Record | None = None) -> MarketService:
        return super()._make_data(recorder(KINDS, self.clock.now, self.accesses.append))

    async def begin(self) -> None:
        """Start, and run the scheduler's jobs by this clock from here on: its own wheel turns by the system's."""
        await self.start([])
        await self.ready.wait()
        for job in collect(self._job_context()):
            self.scheduler.pause(job.name)
            match job.trigger:
                case Every(seconds=seconds):
                    self._repeat(job.name, int(seconds * SECOND), self.clock.now())
                case daily:
                    hours, minutes = map(int, daily.time.split(":"))
                    self._repeat(job.name, DAY, self.clock.now() // DAY * DAY - DAY + (hours * 60 + minutes) * 60_000)

    def _repeat(self, job: str, every: Millis, last: Millis) -> None:
        async def run() -> None:
            await self.scheduler.run(job)
            self._repeat(job, every, last + every)

        self.plan(last + every, run)

    def plan(self, at: Millis, what: Callable[[], Awaitable[None]]) -> None:
        """Do something at an instant; in the past means at once."""
        self._count += 1
        heapq.heappush(self._agenda, (at, self._count, what))

    async def until(self, instant: Millis) -> None:
        """Let time pass, a second at a time; whatever is asked is answered before it goes on."""
        while self.clock.now() < instant:
            self._hand.advance(min(SECOND, instant - self.clock.now()))
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            while self.runner.waiting:  # noqa: ASYNC110 - time stands still meanwhile
                await asyncio.sleep(0)
            while self._agenda and self._agenda[0][0] <= self.clock.now():
                await heapq.heappop(self._agenda)[2]()


class Visitor:
    """Somebody who types commands, and taps what the replies offer."""

    def __init__(self, life: Life, name: str, role: Role = Role.OWNER) -> None:
        """Be let in."""
        self.life, self.name = life, name
        self.offered: tuple[Button, ...] = ()
        """Buttons of the newest replies."""
        self.said = 0
        life.people.put(Person(id=f"{PLATFORM}:{name}", name=name.title(), role=role))

    async def say(self, line: str) -> tuple[Reply, ...]:
        """Send a line through the dispatcher, and look at what comes back."""
        replies = await self.life.dispatcher.handle(self._request(line))
        self.offered = tuple(button for each in replies for button in buttons(each))
        self.said += 1
        return replies

    async def type(self, command: str, parameter: str, word: str) -> None:
        """Let suggestions for a parameter be shown while the first letters are typed."""
        await self.life.dispatcher.complete(self._request(""), command, parameter, word)

    async def start_grid(self, symbol: str, width: float, lines: int, money: int) -> None:
        """Plan a grid of ``width`` (0.1 is 10 %) to either side of the price, and confirm it."""
        last = (await self.life.desk.ticker(symbol)).last
        digits = 5 - math.ceil(math.log10(last))
        lower, upper = (round(float(last) * (1 + side), digits) for side in (-width, width))
        replies = await self.say(f"/grid {symbol} {lower:.10g} {upper:.10g} {lines} {money}")
        confirm = next((each.confirm.line for each in replies if isinstance(each, Proposal)), None)
        if confirm is None:
            raise AssertionError(f"no plan of a grid on {symbol}: {msgspec.to_builtins(replies)}")
        await self.say(confirm)

    def _request(self, line: str) -> Request:
        return Request(
            platform=PLATFORM, user_id=self.name, user_name=self.name, chat_id=self.name, private=True, line=line,
            sent_at=self.life.clock.now(),
        )  # fmt: skip


def buttons(reply: Reply) -> tuple[Button, ...]:
    """Return what a reply offers to tap."""
    match reply:
        case Chart():
            return reply.caption.buttons
        case Proposal():
            return (reply.confirm, reply.discard)
        case _:
            return reply.buttons


def invented(count: int, seed: int) -> tuple[Listing, ...]:
    """Return the listings of the simulated exchange and more, ``count`` pairs in all, one in five with a perpetual.

    Prices are drawn evenly by their logarithm, turnover falls by Zipf's law from one to the next.
    """
    random, known = Random(seed), [each for each in LISTINGS if not each.tiers]
    found = [*known]
    letters = "ABCDEFGHIKLMNOPRSTUVXYZ"
    names = {each.base for each in known}
    while len(found) < count:
        base = "".join(random.choices(letters, k=random.choice((3, 4, 4, 5))))
        if base in names:
            continue
        names.add(base)
        price = 10 ** random.uniform(-1, 2.5)
        digits = 4 - math.floor(math.log10(price))
        found.append(
            Listing(
                base=base, price=price, deviation=random.uniform(0.015, 0.06), price_digits=digits,
                volume=3e9 / (len(found) + 1) / price, quantity_digits=max(0, 5 - digits),
            )
        )  # fmt: skip
    perpetual = [msgspec.structs.replace(each, price=each.price * 1.0003, tiers=LARGEST) for each in found[::5]]
    return (*found[:count], *perpetual)
