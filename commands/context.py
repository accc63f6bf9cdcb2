"""What a command is handed besides its arguments: who asks, the desk, the clock and the other counters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Protocol

import msgspec

from commands.registry import Registry, Role
from commands.reply import Reply
from config.schema import Settings
from data.decisions import Decision
from data.values import Millis, Mode
from engine.accounts.findings import Finding
from engine.desk import AgentView, Desk, JobView


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may ask. ``id`` is ``platform:user id``, for example ``telegram:123``."""

    id: str
    name: str
    role: Role
    locale: str = ""
    """Empty means the configured one."""
    time_zone: str = ""
    """Empty means the configured one."""
    added_by: str = ""
    """Id of who let them in; empty when the server's own console did."""

    @property
    def platform(self) -> str:
        """Return the platform of the identity."""
        return self.id.partition(":")[0]


class People(Protocol):
    """Everybody who is known. May raise anything: whoever asks treats that as nobody."""

    def get(self, person: str, /) -> Person | None:
        """Return one person by id, or None for a stranger."""

    def all(self) -> Sequence[Person]:
        """Return everybody, oldest first."""

    def put(self, person: Person, /) -> None:
        """Add or replace a person."""

    def remove(self, person: str, /) -> None:
        """Forget a person; an unknown id is no error."""


class JobControl(Protocol):
    """The scheduler's counter."""

    def jobs(self) -> Sequence[JobView]:
        """Return all jobs by name."""

    async def run(self, name: str) -> None:
        """Run a job now. Raises LookupError for an unknown name."""

    def pause(self, name: str) -> None:
        """Keep a job from running by itself. Raises LookupError for an unknown name."""

    def resume(self, name: str) -> None:
        """Let a paused job run again. Raises LookupError for an unknown name."""


class AgentControl(Protocol):
    """The supervisor's counter."""

    def agents(self) -> Sequence[AgentView]:
        """Return all agents by name."""

    async def restart(self, name: str) -> None:
        """Start an agent afresh. Raises LookupError for an unknown name."""


class Explainer(Protocol):
    """Puts a decision into sentences."""

    async def explain(self, decision: Decision, facts: Sequence[str], /) -> str | None:
        """Return sentences that cite only ``facts``, or None when there are none to be had."""


class LogReader(Protocol):
    """Reads back what the program wrote about itself."""

    def lines(self, count: int, level: str) -> Sequence[str]:
        """Return the newest ``count`` lines at or above ``level``, oldest first, without secrets."""


class Invitations(Protocol):
    """Makes one-time codes that let somebody in."""

    def invite(self, role: Role, by: str) -> str:
        """Return a new code for ``role``; it works once, for ten minutes."""


class Confirmer(Protocol):
    """Carries out and drops plans that were shown before."""

    async def confirm(self, ctx: Context, plan: str, code: str | None, /) -> Reply | tuple[Reply, ...]:
        """Run a plan of this person once, if it still is what was shown."""

    def discard(self, ctx: Context, plan: str, /) -> Reply:
        """Drop a plan of this person."""


class Examiner(Protocol):
    """Looks for what stands between bots and their orders."""

    async def readiness(self, mode: Mode, symbols: Iterable[str] = (), /) -> Sequence[Finding]:
        """Return what speaks for or against letting bots of a mode trade."""

    async def health(self) -> Sequence[Finding]:
        """Return what keeps, or may soon keep, an order from leaving."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a handler may know."""

    person: Person
    desk: Desk
    clock_now: Millis
    settings: Settings
    jobs: JobControl
    agents: AgentControl
    people: People
    registry: Registry
    platform: str
    explainer: Explainer | None = None
    logs: LogReader | None = None
    invitations: Invitations | None = None
    confirmer: Confirmer | None = None
    checkup: Examiner | None = None
    afterwards: Callable[[Coroutine[None, None, Reply | None]], None] | None = None
    """Sends the person, later and in private, what a slow answer comes to; None where nothing can be sent later."""
    private: bool = True
    """False in a chat that others read."""
