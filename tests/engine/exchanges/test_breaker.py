"""A failing exchange is left alone, probed with growing pauses, and trusted again after one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from random import Random

import pytest

from data.events import RejectReason
from engine.clock import ManualClock
from engine.exchanges.breaker import Breaker, retry
from engine.exchanges.faults import (
    AnswerLost,
    Fault,
    Nonsense,
    NotThere,
    Refused,
    Throttled,
    Unavailable,
)


class Host:
    """Calls through a breaker to a host that does as told."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_760_000_000_000)
        self.breaker = Breaker(self.clock, Random(7), failures=3, pause_seconds=4, longest_seconds=30)
        self.asked = 0

    def call(self, fault: Fault | None = None, urgent: bool = False) -> None:
        with self.breaker.watching(urgent=urgent):
            self.asked += 1
            if fault is not None:
                raise fault

    def fail(self, times: int = 3, fault: Callable[[], Fault] = lambda: Unavailable("down")) -> None:
        for _ in range(times):
            with pytest.raises(Fault):
                self.call(fault())

    @property
    def pause(self) -> float:
        assert self.breaker.open_until is not None
        return (self.breaker.open_until - self.clock.now()) / 1000


@pytest.mark.parametrize(
    "fault",
    [Unavailable("down"), AnswerLost("timeout"), Throttled("slow down", retry_after_seconds=1)],
    ids=lambda fault: type(fault).__name__,
)
def test_it_opens_after_failures_in_a_row(fault: Fault) -> None:
    host = Host()
    host.fail(2, lambda: fault)
    assert host.breaker.open_until is None
    host.fail(1, lambda: fault)
    assert 2 <= host.pause <= 4
    with pytest.raises(Unavailable) as refused:
        host.call()
    assert refused.value.next_try == host.breaker.open_until
    assert host.asked == 3


@pytest.mark.parametrize("answer", [None, Refused(RejectReason.OTHER, "no"), NotThere("who?"), Nonsense("?")])
def test_any_answer_is_a_sign_of_life(answer: Fault | None) -> None:
    host = Host()
    host.fail(2)
    with nullcontext() if answer is None else pytest.raises(type(answer)):
        host.call(answer)
    host.fail(2)
    assert host.breaker.open_until is None


def test_one_probe_at_a_time_closes_it() -> None:
    host = Host()
    host.fail()
    host.clock.advance(4_000)
    with host.breaker.watching():
        with pytest.raises(Unavailable):
            host.call()
        with pytest.raises(Unavailable):
            host.call(urgent=True)
    assert host.breaker.open_until is None
    host.call()


def test_whoever_waits_for_his_turn_shuts_nobody_out() -> None:
    host = Host()
    host.fail()
    with pytest.raises(Unavailable):
        host.breaker.check()
    host.clock.advance(4_000)
    host.breaker.check()
    host.call(urgent=True)
    assert host.breaker.open_until is None


def test_pauses_grow_to_a_bound() -> None:
    host, pauses = Host(), []
    host.fail()
    for _ in range(8):
        pauses.append(host.pause)
        host.clock.advance(round(host.pause * 1000))
        host.fail(1)
    for pause, bound in zip(pauses, [4, 8, 16, 30, 30, 30, 30, 30], strict=True):
        assert bound / 2 <= pause <= bound
    assert len(set(pauses[3:])) == 5
    host.clock.advance(30_000)
    host.call()
    host.fail()
    assert host.pause <= 4


def test_cancels_and_stops_probe_sooner_but_not_without_end() -> None:
    host = Host()
    host.fail()
    host.clock.advance(1_900)
    with pytest.raises(Unavailable):
        host.call(urgent=True)
    host.clock.advance(100)
    with pytest.raises(Unavailable):
        host.call()
    host.call(urgent=True)
    assert host.breaker.open_until is None


def test_a_ban_opens_at_once_and_binds_cancels_too() -> None:
    host = Host()
    host.fail(1, lambda: Throttled("banned", retry_after_seconds=120, banned=True))
    assert host.pause == 120
    host.clock.advance(119_000)
    with pytest.raises(Unavailable):
        host.call(urgent=True)
    host.clock.advance(1_000)
    host.call(urgent=True)


def test_calls_that_began_before_it_opened_do_not_lengthen_the_pause() -> None:
    host = Host()
    early = host.breaker.watching()
    early.__enter__()
    host.fail()
    opened = host.breaker.open_until
    fault = Unavailable("down")
    assert not early.__exit__(Unavailable, fault, None)
    assert host.breaker.open_until == opened


def test_a_probe_that_is_cancelled_makes_room_for_the_next() -> None:
    host = Host()
    host.fail()
    host.clock.advance(4_000)
    with pytest.raises(asyncio.CancelledError), host.breaker.watching():
        raise asyncio.CancelledError
    host.call()
    assert host.breaker.open_until is None


class Read:
    """A read that fails a number of times."""

    def __init__(self, *faults: Fault) -> None:
        self.faults, self.asked = list(faults), 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        return "read"


async def finished(clock: ManualClock, task: asyncio.Task[str]) -> str:
    while not task.done():
        clock.advance(100)
        await asyncio.sleep(0)
    return await task


async def repeated(read: Read) -> tuple[str, int]:
    clock = ManualClock()
    return await finished(clock, asyncio.create_task(retry(read, clock=clock, random=Random(1)))), clock.now()


async def test_a_read_without_an_answer_is_repeated_after_short_waits() -> None:
    read = Read(Unavailable("down"), AnswerLost("timeout"))
    told, waited = await repeated(read)
    assert (told, read.asked) == ("read", 3)
    assert 0 < waited <= 1_000


async def test_the_last_try_tells_its_fault() -> None:
    read = Read(*(Nonsense(str(count)) for count in range(3)))
    with pytest.raises(Nonsense, match="2"):
        await repeated(read)


@pytest.mark.parametrize(
    "fault",
    [
        NotThere("who?"),
        Refused(RejectReason.OTHER, "no"),
        Throttled("slow down", retry_after_seconds=1),
        Unavailable("not asked", next_try=5),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_answers_throttling_and_open_breakers_are_not_repeated(fault: Fault) -> None:
    read = Read(fault)
    with pytest.raises(type(fault)):
        await repeated(read)
    assert read.asked == 1
