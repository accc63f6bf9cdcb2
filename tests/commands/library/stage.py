"""The real commands behind the real dispatcher, on a fake desk; every reply is checked for buttons that work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from commands.cards import LINE_BYTES
from commands.dispatch import Dispatcher, Request, Services
from commands.pairing import Pairing
from commands.parse import parse
from commands.registry import Registry, Role, discover
from commands.reply import Button, Card, Chart, Failure, Proposal, Reply, Table
from config.schema import Settings
from data.decisions import Decision
from engine.clock import ManualClock
from engine.desk import AgentView, JobView
from tests.commands.fake_desk import FakeDesk
from tests.commands.house import FakeExaminer, MemoryPeople, person
from tests.commands.worlds import HOUR, NOW

REGISTRY: Registry = discover()


class FakeJobs:
    """Two jobs that do as they are told."""

    def __init__(self) -> None:
        """Start with one healthy job and one that failed."""
        self.ran: list[str] = []
        self.known = {
            "reconcile": JobView(
                name="reconcile", what="compares books and exchange", next_at=NOW + 60_000, last_at=NOW - 240_000,
                last_error="", paused=False,
            ),
            "digest": JobView(
                name="digest", what="sends the daily summary", next_at=NOW + 20 * HOUR, last_at=NOW - 4 * HOUR,
                last_error="Telegram did not answer", paused=False,
            ),
        }  # fmt: skip

    def jobs(self) -> Sequence[JobView]:
        """Return both jobs."""
        return tuple(self.known.values())

    async def run(self, name: str) -> None:
        """Remember that the job ran."""
        self.ran.append(self.known[name].name)

    def pause(self, name: str) -> None:
        """Mark the job paused."""
        self.known[name] = msgspec.structs.replace(self.known[name], paused=True, next_at=None)

    def resume(self, name: str) -> None:
        """Mark the job waiting."""
        self.known[name] = msgspec.structs.replace(self.known[name], paused=False, next_at=NOW + 60_000)


class FakeAgents:
    """One agent that is well and one that is not."""

    def __init__(self) -> None:
        """Start with both."""
        self.restarted: list[str] = []
        self.known = [
            AgentView(
                name="risk", what="watches drawdown", healthy=True, last_at=NOW - 5_000, last_advice="active",
                restarts=0, last_error="",
            ),
            AgentView(
                name="grid", what="compares desired and open orders", healthy=False, last_at=None, last_advice="",
                restarts=3, last_error="no prices",
            ),
        ]  # fmt: skip

    def agents(self) -> Sequence[AgentView]:
        """Return both agents."""
        return self.known

    async def restart(self, name: str) -> None:
        """Remember who was restarted."""
        self.restarted.append(name)


class FakeLogs:
    """A log of numbered lines."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self.asked: list[tuple[int, str]] = []

    def lines(self, count: int, level: str) -> Sequence[str]:
        """Return ``count`` lines; there are none at ERROR."""
        self.asked.append((count, level))
        return [] if level == "ERROR" else [f"line {number}" for number in range(count)]


class FakeExplainer:
    """A model that repeats how many facts it was given."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.heard: list[Sequence[str]] = []
        self.silent = False

    async def explain(self, decision: Decision, facts: Sequence[str], /) -> str | None:
        """Return a sentence, or nothing when silent."""
        self.heard.append(facts)
        return None if self.silent else f"It paired a slot ({decision.id})."


class Stage:
    """A dispatcher with the real commands; ``say`` speaks as trader Tim unless told otherwise."""

    def __init__(
        self,
        *,
        desk: FakeDesk | None = None,
        settings: Settings | None = None,
        explained: bool = False,
        logged: bool = True,
        examined: bool = True,
    ) -> None:
        """Put everything around ``desk``."""
        self.desk = desk or FakeDesk()
        self.clock = ManualClock(NOW)
        self.announced: list[str] = []
        self.jobs, self.agents, self.logs, self.explainer = FakeJobs(), FakeAgents(), FakeLogs(), FakeExplainer()
        self.examiner = FakeExaminer()
        self.people = MemoryPeople(person("olga", Role.OWNER), person("tim", Role.TRADER), person("vera", Role.VIEWER))
        self.dispatcher = Dispatcher(
            Services(
                registry=REGISTRY, desk=self.desk, clock=self.clock, settings=settings or Settings(),
                people=self.people, jobs=self.jobs, agents=self.agents, logs=self.logs if logged else None,
                explainer=self.explainer if explained else None, pairing=Pairing(self.clock, self.people),
                announce=self.announced.append, tell=self._ignore,
                checkup=self.examiner if examined else None,
            )
        )  # fmt: skip

    async def say(self, line: str, user: str = "tim", *, private: bool = True) -> tuple[Reply, ...]:
        """Send a line and return the replies, each well formed."""
        request = Request(
            platform="telegram", user_id=user, user_name=user.title(), chat_id=user, private=private, line=line,
            sent_at=self.clock.now(), locale="en",
        )  # fmt: skip
        replies = await self.dispatcher.handle(request)
        for each in replies:
            _check(each)
        return replies

    async def one(self, line: str, user: str = "tim") -> Reply:
        """Send a line and return its only reply."""
        replies = await self.say(line, user)
        assert len(replies) == 1, replies
        return replies[0]

    async def card(self, line: str, user: str = "tim") -> Card:
        """Send a line whose only reply is a card."""
        reply = await self.one(line, user)
        assert isinstance(reply, Card), reply
        return reply

    async def table(self, line: str, user: str = "tim") -> Table:
        """Send a line whose only reply is a table."""
        reply = await self.one(line, user)
        assert isinstance(reply, Table), reply
        return reply

    async def chart(self, line: str, user: str = "tim") -> Chart:
        """Send a line whose only reply is a chart."""
        reply = await self.one(line, user)
        assert isinstance(reply, Chart), reply
        return reply

    async def failure(self, line: str, user: str = "tim") -> Failure:
        """Send a line whose only reply is a failure."""
        reply = await self.one(line, user)
        assert isinstance(reply, Failure), reply
        return reply

    async def proposal(self, line: str, user: str = "tim") -> Proposal:
        """Send a line whose only reply is a proposal; nothing has happened yet."""
        before = len(self.desk.asked)
        reply = await self.one(line, user)
        assert isinstance(reply, Proposal), reply
        assert len(self.desk.asked) == before
        return reply

    async def confirmed(self, line: str, user: str = "tim") -> Reply:
        """Send a line, tap Confirm, and return what came of it."""
        proposal = await self.proposal(line, user)
        return await self.one(proposal.confirm.line, user)

    def _ignore(self, _what: object) -> None:
        return None


def value(card: Card, label: str) -> str:
    """Return the value of the only field with this label."""
    found = [each.value for each in card.fields if each.label == label]
    assert len(found) == 1, (label, card.fields)
    return found[0]


def lines(reply: Reply) -> list[str]:
    """Return what the buttons of a reply stand for."""
    return [each.line for each in _buttons(reply)]


def _check(reply: Reply) -> None:
    for button in _buttons(reply):
        assert len(button.line.encode()) <= LINE_BYTES, button
        assert button.label
        command = REGISTRY.get(button.line.split()[0].removeprefix("/"))
        assert command is not None, button
        assert isinstance(parse(command, button.line), dict), button
    match reply:
        case Card(title=title, fields=fields):
            _check_card(title, fields)
        case Chart(caption=Card(title=title, fields=fields)) | Proposal(card=Card(title=title, fields=fields)):
            _check_card(title, fields)
        case Table(columns=columns, rows=rows):
            assert all(len(row) == len(columns) for row in rows)
        case _:
            pass


def _check_card(title: str, fields: Sequence[object]) -> None:
    assert 0 < len(title) <= 256, title
    assert len(fields) <= 25


def _buttons(reply: Reply) -> Iterator[Button]:
    match reply:
        case Chart(caption=card):
            yield from card.buttons
        case Proposal(card=card, confirm=confirm, discard=discard):
            yield from (*card.buttons, confirm, discard)
        case _:
            yield from reply.buttons
