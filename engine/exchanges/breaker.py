"""When to stop asking an exchange that fails, and how to ask again: a circuit breaker, and retries of reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TypeVar

from data.values import Millis
from engine.clock import Clock
from engine.exchanges.faults import AnswerLost, Fault, Nonsense, Throttled, Unavailable

T = TypeVar("T")


class Breaker:
    """Watches the calls to one host. Open, it refuses them at once; one probe after a growing pause closes it again.

    breaker.check(urgent=lane <= Lane.STOP)
    …wait for a turn…
    with breaker.watching(urgent=lane <= Lane.STOP):
        …await the call, raising faults…

    Whoever waits for his turn is no probe yet: the others would be shut out for as long.
    """

    def __init__(
        self, clock: Clock, random: Random, *, failures: int = 5, pause_seconds: float = 1, longest_seconds: float = 60
    ) -> None:
        """Open after so many failures in a row; each failed probe doubles the pause."""
        self._clock, self._random = clock, random
        self._failures, self._pause, self._longest = failures, pause_seconds, longest_seconds
        self._failed = 0
        self._open_until: Millis | None = None
        self._urgent_from: Millis = 0
        self._probing = False

    @property
    def open_until(self) -> Millis | None:
        """The time of the next try, or None while calls flow."""
        return self._open_until

    def check(self, *, urgent: bool = False) -> None:
        """Refuse a call as ``watching`` would now, and let none through: for whoever would have to wait before."""
        if self._open_until is None:
            return
        if self._probing or self._clock.now() < (self._urgent_from if urgent else self._open_until):
            raise Unavailable("not asked: it failed too often just now", next_try=self._open_until)

    @contextmanager
    def watching(self, *, urgent: bool = False) -> Iterator[None]:
        """Let one call through and learn from its fault. Urgent ones (cancels, stops) probe before the pause is over.

        Raises ``Unavailable`` with ``next_try`` while open.
        """
        probe = self._admit(urgent)
        try:
            yield
        except (Unavailable, Throttled, AnswerLost) as fault:
            self._fail(fault, probe)
            raise
        except Fault:
            self._close()  # even a refusal is an answer
            raise
        else:
            self._close()
        finally:
            if probe:
                self._probing = False

    def _admit(self, urgent: bool) -> bool:
        """Return whether the call is a probe."""
        self.check(urgent=urgent)
        if self._open_until is None:
            return False
        self._probing = True
        return True

    def _fail(self, fault: Fault, probe: bool) -> None:
        banned = isinstance(fault, Throttled) and fault.banned
        if self._open_until is not None and not probe and not banned:
            return  # began before it opened; of that failure it knows
        self._failed += 1
        if self._failed < self._failures and not banned:
            return
        now = self._clock.now()
        doubled = self._pause * 2 ** min(max(self._failed - self._failures, 0), 20)
        pause = min(doubled, self._longest) * self._random.uniform(0.5, 1)
        least = fault.retry_after_seconds if isinstance(fault, Throttled) else 0
        self._open_until = now + round(max(pause, least) * 1000)
        self._urgent_from = now + round(max(self._pause / 2, least) * 1000)

    def _close(self) -> None:
        self._failed = 0
        self._open_until = None


async def retry(
    read: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    random: Random,
    tries: int = 3,
    first_seconds: float = 0.25,
    longest_seconds: float = 2,
) -> T:
    """Repeat a read that got no answer, after a random wait whose bound doubles. Never for a change."""
    for attempt in range(tries - 1):
        try:
            return await read()
        except (Unavailable, AnswerLost, Nonsense) as fault:
            if isinstance(fault, Unavailable) and fault.next_try is not None:
                raise  # a breaker knows better when to try again
        await clock.sleep(random.uniform(0, min(first_seconds * 2**attempt, longest_seconds)))
    return await read()
