"""Keeps the agents going: runs each within a time limit, rebuilds the ones that fail, and posts what they say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from data.advice import Advice
from data.events import AdvicePosted
from data.values import Millis
from engine.agents.base import Noting
from engine.desk import AgentView, Desk, Note

if TYPE_CHECKING:
    from engine.agents.base import Agent, Maker
    from engine.clock import Clock

TIMEOUT_SECONDS = 10.0
CANCEL_SECONDS = 1.0
"""How long a hanging agent may take to obey its cancellation before it is left behind."""
FIRST_PAUSE: Millis = 5_000
LONGEST_PAUSE: Millis = 300_000
UNBUILT_INTERVAL = 60.0
log = logging.getLogger(__name__)


class AgentUnknown(LookupError):
    """There is no agent of that name."""


class _Post:
    """One agent's place: the agent itself comes and goes, its record stays."""

    def __init__(self, maker: Maker) -> None:
        self.maker = maker
        self.agent: Agent | None = None
        self.what = ""
        self.interval = UNBUILT_INTERVAL
        self.task: asyncio.Task[Sequence[Advice]] | None = None
        self.failures = 0
        self.restarts = 0
        self.retry_at: Millis = 0
        self.last_at: Millis | None = None
        self.last_advice: Advice | None = None
        self.last_error = ""

    def build(self) -> bool:
        """Make the agent; False when the settings leave it out."""
        self.agent = self.maker()
        if self.agent is not None:
            self.what, self.interval = self.agent.what, self.agent.interval_seconds
        return self.agent is not None


class Supervisor:
    """Runs agents one look at a time. Nothing an agent does reaches trading but the advice that is posted."""

    def __init__(
        self,
        agents: Mapping[str, Maker],
        desk: Desk,
        post: Callable[[AdvicePosted], None],
        clock: Clock,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        cancel_seconds: float = CANCEL_SECONDS,
    ) -> None:
        """Build every agent; one that cannot be built is tried again later, one that is left out is not kept."""
        self._desk, self._post, self._clock = desk, post, clock
        self._timeout, self._patience = timeout_seconds, cancel_seconds
        self._posts: dict[str, _Post] = {}
        self._left_behind: set[asyncio.Task[Sequence[Advice]]] = set()
        for name, maker in agents.items():
            place = _Post(maker)
            if self._try_build(name, place) or place.failures:
                self._posts[name] = place

    def names(self) -> tuple[str, ...]:
        """Return the agents at work."""
        return tuple(self._posts)

    def interval_seconds(self, name: str) -> float:
        """Return how often an agent wants to look. Raises ``AgentUnknown``."""
        return self._find(name).interval

    def agents(self) -> tuple[AgentView, ...]:
        """Return how every agent fares."""
        return tuple(
            AgentView(
                name=name,
                what=place.what,
                healthy=place.failures == 0,
                last_at=place.last_at,
                last_advice=place.last_advice.reason if place.last_advice is not None else "",
                restarts=place.restarts,
                last_error=place.last_error,
                notes=_notes(place.agent),
            )
            for name, place in self._posts.items()
        )

    async def restart(self, name: str) -> None:
        """Build an agent afresh at once, whatever it is doing. Raises ``AgentUnknown``."""
        place = self._find(name)
        if place.task is not None:
            place.task.cancel()
        place.agent, place.failures, place.restarts = None, 0, place.restarts + 1
        self._try_build(name, place)

    async def tick(self, name: str) -> None:
        """Let one agent look once and post its advice. Raises ``AgentUnknown``; an agent's own errors are counted."""
        place = self._find(name)
        if place.task is not None or self._clock.now() < place.retry_at:
            return
        if place.agent is None:
            place.restarts += 1
            if not self._try_build(name, place):
                return
        agent = place.agent
        if agent is None:
            return
        try:
            advice = _checked(name, await self._look(place, agent))
        except Exception as error:  # an agent may raise anything, and none of it may stop the others
            if place.agent is agent:
                self._fail(name, place, error)
            return
        # A restart meanwhile has put another agent here: what the old one says no longer counts.
        if place.agent is agent:
            self._deliver(name, place, advice)

    async def _look(self, place: _Post, agent: Agent) -> Sequence[Advice]:
        task = asyncio.ensure_future(_advise(agent, self._desk, self._clock.now()))
        place.task = task
        try:
            done, _ = await asyncio.wait({task}, timeout=self._timeout)
            if not done:
                await self._end(task)
                raise TimeoutError(f"no answer within {self._timeout:g} s")
        except asyncio.CancelledError:
            task.cancel()
            self._leave_behind(task)
            raise
        finally:
            place.task = None
        if task.cancelled():
            raise RuntimeError("was cancelled")
        return task.result()

    async def _end(self, task: asyncio.Task[Sequence[Advice]]) -> None:
        task.cancel()
        _, stuck = await asyncio.wait({task}, timeout=self._patience)
        if stuck:
            log.warning("An agent ignores its cancellation and is left behind")
        self._leave_behind(task)

    def _leave_behind(self, task: asyncio.Task[Sequence[Advice]]) -> None:
        # Kept until it ends, or the event loop would drop it half way; what it says or raises is read and forgotten.
        self._left_behind.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Sequence[Advice]]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled():
            task.exception()

    def _deliver(self, name: str, place: _Post, advice: Sequence[Advice]) -> None:
        now = self._clock.now()
        place.failures, place.last_at = 0, now
        for each in advice:
            place.last_advice = each
            if each.expires_at > now:
                self._post(AdvicePosted(at=now, advice=each))

    def _try_build(self, name: str, place: _Post) -> bool:
        place.retry_at = 0
        try:
            return place.build()
        except Exception as error:  # see tick
            self._fail(name, place, error)
            return False

    def _fail(self, name: str, place: _Post, error: Exception) -> None:
        now = self._clock.now()
        place.agent = None
        place.failures += 1
        # Beyond 2**16 the pause is the longest one anyway; the power must not grow without end.
        pause = min(FIRST_PAUSE * 2 ** min(place.failures - 1, 16), LONGEST_PAUSE)
        place.retry_at, place.last_at = now + pause, now
        place.last_error = f"{type(error).__name__}: {error}"
        log.warning("Agent %s failed (%d in a row): %s", name, place.failures, place.last_error, exc_info=error)

    def _find(self, name: str) -> _Post:
        place = self._posts.get(name)
        if place is None:
            raise AgentUnknown(f"agent: {name!r} is not one of {', '.join(self._posts)}")
        return place


def _checked(name: str, advice: Sequence[Advice]) -> tuple[Advice, ...]:
    # Signing as another would be speaking with that one's power.
    for each in advice:
        if each.agent != name:
            raise ValueError(f"agent: {each.agent!r} is not {name!r}, who gave the advice")
    return tuple(advice)


def _notes(agent: object) -> tuple[Note, ...]:
    return tuple(agent.notes()) if isinstance(agent, Noting) else ()


async def _advise(agent: Agent, desk: Desk, now: Millis) -> Sequence[Advice]:
    return await agent.advise(desk, now)
