"""The supervisor keeps agents going: whatever one does, the others look and trading is untouched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from data.advice import Advice, OrdersAdvised
from data.events import AdvicePosted
from data.values import ONE, Millis
from engine.agents.base import Agent
from engine.clock import ManualClock
from engine.desk import AgentView, Desk
from engine.supervisor import FIRST_PAUSE, LONGEST_PAUSE, AgentUnknown, Supervisor
from tests.engine.agents.desk import ShownDesk

Look = Callable[[Millis], Awaitable[Sequence[Advice]]]


def advice(agent: str, expires_at: Millis = 60_000) -> Advice:
    """Return something to say."""
    return Advice(
        agent=agent,
        what=OrdersAdvised(bot=1),
        confidence=ONE,
        reason="orders are missing",
        evidence={},
        expires_at=expires_at,
    )


class Scripted:
    """An agent that does what a function says."""

    what = "Does as told"
    interval_seconds = 7.0

    def __init__(self, name: str, look: Look) -> None:
        """Take the name and the function."""
        self.name, self._look = name, look

    async def advise(self, desk: Desk, now: Millis) -> Sequence[Advice]:
        """Do as told."""
        return await self._look(now)


class Scene:
    """A supervisor of scripted agents, what it posted, and how often each agent was built."""

    def __init__(self, **looks: Look) -> None:
        """Start with one agent per function."""
        self.clock = ManualClock(1_000)
        self.posted: list[AdvicePosted] = []
        self.built: list[str] = []

        def maker(name: str, look: Look) -> Callable[[], Agent | None]:
            def make() -> Agent:
                self.built.append(name)
                return Scripted(name, look)

            return make

        self.supervisor = Supervisor(
            {name: maker(name, look) for name, look in looks.items()},
            ShownDesk(),
            self.posted.append,
            self.clock,
            timeout_seconds=0.05,
            cancel_seconds=0.05,
        )

    def view(self, name: str) -> AgentView:
        """Return how one agent fares."""
        return next(each for each in self.supervisor.agents() if each.name == name)


async def says(now: Millis) -> Sequence[Advice]:
    return (advice("good"),)


async def hangs(now: Millis) -> Sequence[Advice]:
    await asyncio.Event().wait()
    return ()


async def fails(now: Millis) -> Sequence[Advice]:
    raise ArithmeticError("no such number")


async def test_what_an_agent_says_is_posted_and_kept_for_display() -> None:
    scene = Scene(good=says)

    await scene.supervisor.tick("good")

    assert scene.posted == [AdvicePosted(at=1_000, advice=advice("good"))]
    assert scene.view("good") == AgentView(
        name="good",
        what="Does as told",
        healthy=True,
        last_at=1_000,
        last_advice="orders are missing",
        restarts=0,
        last_error="",
    )
    assert scene.supervisor.interval_seconds("good") == 7.0


async def test_expired_advice_is_not_posted() -> None:
    async def slow(now: Millis) -> Sequence[Advice]:
        scene.clock.advance(60_000)
        return (advice("good", now + 60_000), advice("good", now + 60_001))

    scene = Scene(good=slow)

    await scene.supervisor.tick("good")

    assert [each.advice.expires_at for each in scene.posted] == [61_001]


async def test_an_agent_may_not_sign_as_another() -> None:
    async def forges(now: Millis) -> Sequence[Advice]:
        return (advice("bad"), advice("risk"))

    scene = Scene(bad=forges)

    await scene.supervisor.tick("bad")

    assert scene.posted == []
    assert "'risk'" in scene.view("bad").last_error


async def test_a_hanging_agent_is_cancelled_and_the_others_go_on() -> None:
    cancelled = asyncio.Event()

    async def hangs_loudly(now: Millis) -> Sequence[Advice]:
        try:
            return await hangs(now)
        finally:
            cancelled.set()

    scene = Scene(bad=hangs_loudly, good=says)

    await asyncio.gather(scene.supervisor.tick("bad"), scene.supervisor.tick("good"))

    assert cancelled.is_set()
    assert len(scene.posted) == 1
    assert not scene.view("bad").healthy
    assert scene.view("bad").last_error == "TimeoutError: no answer within 0.05 s"


async def test_an_agent_that_ignores_its_cancellation_is_left_behind_and_not_heard() -> None:
    release, ended = asyncio.Event(), asyncio.Event()

    async def stubborn(now: Millis) -> Sequence[Advice]:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        return (advice("bad"),)

    scene = Scene(bad=stubborn, good=says)
    await scene.supervisor.tick("bad")
    await scene.supervisor.tick("good")
    scene.clock.advance(FIRST_PAUSE)
    again = asyncio.create_task(scene.supervisor.tick("bad"))
    await again

    assert scene.built.count("bad") == 2
    release.set()
    await ended.wait()
    assert [each.advice.agent for each in scene.posted] == ["good"]


async def test_a_failing_agent_is_rebuilt_after_a_pause_that_doubles_up_to_a_cap() -> None:
    scene = Scene(bad=fails)
    pauses = []
    for _ in range(9):
        await scene.supervisor.tick("bad")
        restarts, pause = scene.view("bad").restarts, 0
        while scene.view("bad").restarts == restarts:
            scene.clock.advance(FIRST_PAUSE)
            pause += FIRST_PAUSE
            await scene.supervisor.tick("bad")
        pauses.append(pause)

    # Each round fails twice: once to begin with, once when the pause is over.
    assert pauses[:4] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4, FIRST_PAUSE * 8]
    assert pauses[-1] == LONGEST_PAUSE
    assert scene.view("bad").last_error == "ArithmeticError: no such number"
    assert scene.posted == []


async def test_success_ends_the_back_off() -> None:
    looks: list[Look] = [fails, says, fails, says]

    async def now_and_then(now: Millis) -> Sequence[Advice]:
        return await looks.pop(0)(now)

    scene = Scene(good=now_and_then)
    for _ in range(4):
        await scene.supervisor.tick("good")
        scene.clock.advance(FIRST_PAUSE)

    assert len(scene.posted) == 2
    assert scene.view("good").healthy
    assert scene.view("good").restarts == 2


async def test_an_agent_that_cannot_be_built_is_tried_again() -> None:
    attempts = 0

    def make() -> Agent | None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError("no model file")
        return Scripted("good", says)

    clock, posted = ManualClock(), list[AdvicePosted]()
    supervisor = Supervisor({"good": make}, ShownDesk(), posted.append, clock)
    assert supervisor.agents()[0].last_error == "OSError: no model file"

    await supervisor.tick("good")
    assert attempts == 1
    clock.advance(FIRST_PAUSE)
    await supervisor.tick("good")

    assert len(posted) == 1


async def test_an_agent_the_settings_leave_out_is_not_kept() -> None:
    supervisor = Supervisor({"none": lambda: None}, ShownDesk(), lambda _: None, ManualClock())

    assert supervisor.names() == ()


async def test_a_person_restarts_an_agent_without_waiting_for_the_pause() -> None:
    looks: list[Look] = [fails, says]

    async def now_and_then(now: Millis) -> Sequence[Advice]:
        return await looks.pop(0)(now)

    scene = Scene(good=now_and_then)
    await scene.supervisor.tick("good")

    await scene.supervisor.restart("good")
    await scene.supervisor.tick("good")

    assert len(scene.posted) == 1
    assert scene.built == ["good", "good"]


async def test_a_restart_in_the_middle_of_a_look_drops_that_look() -> None:
    begun = asyncio.Event()

    async def begins(now: Millis) -> Sequence[Advice]:
        begun.set()
        return await hangs(now)

    scene = Scene(bad=begins)
    look = asyncio.create_task(scene.supervisor.tick("bad"))
    await begun.wait()

    await scene.supervisor.restart("bad")
    await look

    assert scene.view("bad").healthy
    assert scene.built == ["bad", "bad"]


async def test_two_looks_of_one_agent_never_overlap() -> None:
    begun = 0

    async def counts(now: Millis) -> Sequence[Advice]:
        nonlocal begun
        begun += 1
        return await hangs(now)

    scene = Scene(bad=counts)

    await asyncio.gather(scene.supervisor.tick("bad"), scene.supervisor.tick("bad"))

    assert begun == 1


async def test_ending_a_look_from_outside_ends_the_agent_too() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def begins(now: Millis) -> Sequence[Advice]:
        begun.set()
        try:
            return await hangs(now)
        finally:
            ended.set()

    scene = Scene(bad=begins)
    look = asyncio.create_task(scene.supervisor.tick("bad"))
    await begun.wait()
    look.cancel()

    with pytest.raises(asyncio.CancelledError):
        await look
    await ended.wait()


async def test_an_unknown_agent_is_named_with_the_known_ones() -> None:
    scene = Scene(good=says)

    with pytest.raises(AgentUnknown, match="'bad' is not one of good"):
        await scene.supervisor.restart("bad")
    with pytest.raises(AgentUnknown):
        await scene.supervisor.tick("bad")
