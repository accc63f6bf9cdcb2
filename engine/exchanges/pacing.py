"""How much may be asked of an exchange and by whom first: our own count of its limits, corrected by its headers."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum, StrEnum
from operator import attrgetter

import msgspec

from data.values import ZERO, Millis
from engine.clock import Clock


class Lane(IntEnum):
    """Who goes first."""

    CANCEL = 0
    STOP = 1
    GRID = 2
    PRICES = 3
    """Of markets with bots: without them nothing may trade, and what rests is taken back."""
    BOOKS = 4
    """What became of our orders: fills, and what still rests."""
    DATA = 5


SHARES: Mapping[Lane, float] = {
    Lane.CANCEL: 1.0,
    Lane.STOP: 0.95,
    Lane.GRID: 0.85,
    Lane.PRICES: 0.8,
    Lane.BOOKS: 0.75,
    Lane.DATA: 0.6,
}
"""The part of each limit a lane may fill; what is above is left to the lanes before it."""


class Counted(StrEnum):
    """What a limit counts."""

    WEIGHT = "weight"
    ORDERS = "orders"
    REQUESTS = "requests"


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most ``most`` of something in any ``seconds``; ``header`` tells what the exchange counted, in lower case."""

    counts: Counted
    most: int
    seconds: int
    header: str = ""


class Pace:
    """The budget of one host. A turn with room costs no wait and no switch of tasks.

        await pace.turn(Lane.GRID, weight=1, orders=1, rank=distance_to_price)
        …make the call; then, with the headers of every answer:
        pace.heard(headers)

    Windows slide, so no alignment of clocks matters: however the exchange cuts time, no window of it holds more of our
    calls than its limit.
    """

    def __init__(self, clock: Clock, limits: Sequence[Limit]) -> None:
        """Count against these limits."""
        self._clock = clock
        self._windows = [_Window(limit) for limit in limits]
        self._heard = [(window.limit.header, window) for window in self._windows if window.limit.header]
        self._queue: list[_Waiter] = []
        self._arrivals = 0
        self._last: Millis = clock.now()
        self._shut_until: Millis = 0
        self._pump: asyncio.Task[None] | None = None
        self._wakes_at: Millis = 0

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._queue)

    @property
    def load(self) -> float:
        """How full the fullest window is, from 0 to 1."""
        now = self._now()
        return max((window.used(now) / window.limit.most for window in self._windows), default=0.0)

    async def turn(self, lane: Lane, weight: int = 1, *, orders: int = 0, rank: Decimal = ZERO) -> None:
        """Wait until a call may be made, and count it. Within a lane the lowest ``rank`` goes first, then the oldest.

        Raises ValueError for a call heavier than a limit.
        """
        now = self._now()
        amounts = {Counted.WEIGHT: weight, Counted.ORDERS: orders, Counted.REQUESTS: 1}
        needs = [(window, amount) for window in self._windows if (amount := amounts[window.limit.counts])]
        if not self._queue and now >= self._shut_until and not _short(needs, lane, now):
            for window, amount in needs:
                window.spend(amount, now)
            return
        for window, amount in needs:
            if amount > window.limit.most:
                raise ValueError(f"{amount} {window.limit.counts} at once, more than the limit of {window.limit.most}")
        self._arrivals += 1
        waiter = _Waiter((lane, rank, self._arrivals), needs)
        insort(self._queue, waiter, key=_ORDER)
        self._serve(now)
        if waiter.granted_at is None:
            await self._granted(waiter)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take over what the exchange counted where that is more than ours; names of headers in lower case."""
        now = self._now()
        for name, window in self._heard:
            told = headers.get(name)
            if told is not None and told.isdigit():
                window.correct(int(told), now)
        if self._queue:
            self._serve(now)

    def penalise(self, seconds: float) -> None:
        """Let nothing pass for a while, cancels included: whoever asks on makes a ban longer."""
        self._shut_until = max(self._shut_until, self._now() + round(seconds * 1000))

    def _now(self) -> Millis:
        now = self._clock.now()
        if now < self._last:
            # The system's clock was set back; what was counted is as old as it was.
            back = now - self._last
            for window in self._windows:
                window.shift(back)
            self._shut_until += back
            self._wakes_at += back
        self._last = now
        return now

    async def _granted(self, waiter: _Waiter) -> None:
        waiter.future = asyncio.get_running_loop().create_future()
        try:
            await waiter.future
        except asyncio.CancelledError:
            if waiter.granted_at is None:
                self._queue.remove(waiter)
            else:
                for window, amount in waiter.needs:
                    window.refund(amount, waiter.granted_at)
            self._serve(self._now())
            raise

    def _serve(self, now: Millis) -> None:
        """Grant what fits, in order; nobody takes of a window for which somebody before him waits."""
        claimed: set[_Window] = set()
        if now >= self._shut_until:
            for waiter in tuple(self._queue):
                short = _short(waiter.needs, waiter.lane, now)
                if not short and claimed.isdisjoint(window for window, _ in waiter.needs):
                    self._queue.remove(waiter)
                    waiter.grant(now)
                claimed.update(short)
        self._wake_for(claimed)

    def _wake_for(self, claimed: Iterable[_Window]) -> None:
        """See to it that the queue is served when one of these windows eases, or when the penalty ends."""
        due = min((window.eases_at for window in claimed), default=self._shut_until)
        if self._pump is not None:
            if self._queue and due >= self._wakes_at:
                return
            self._pump.cancel()
            self._pump = None
        if self._queue:
            self._wakes_at = due
            self._pump = asyncio.get_running_loop().create_task(self._wake(due))

    async def _wake(self, due: Millis) -> None:
        await self._clock.sleep(max(due - self._now(), 1) / 1000)
        self._pump = None
        self._serve(self._now())


class _Waiter:
    """A call that waits, with the windows it counts in."""

    __slots__ = ("future", "granted_at", "lane", "needs", "order")

    def __init__(self, order: tuple[Lane, Decimal, int], needs: list[tuple[_Window, int]]) -> None:
        self.order = order
        self.lane = order[0]
        self.needs = needs
        self.granted_at: Millis | None = None
        self.future: asyncio.Future[None] | None = None

    def grant(self, now: Millis) -> None:
        for window, amount in self.needs:
            window.spend(amount, now)
        self.granted_at = now
        if self.future is not None and not self.future.done():
            self.future.set_result(None)


_ORDER = attrgetter("order")


def _short(needs: list[tuple[_Window, int]], lane: Lane, now: Millis) -> list[_Window]:
    return [window for window, amount in needs if not window.fits(amount, lane, now)]


class _Window:
    """One limit and what was spent of it, remembered in grains of a hundredth of its length, dated by their ends."""

    __slots__ = ("_caps", "_foreign", "_foreign_until", "_grain", "_log", "_span", "_spent", "limit")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._caps = tuple(int(limit.most * SHARES[lane]) for lane in Lane)
        self._span = limit.seconds * 1000
        self._grain = self._span // 100
        self._log: deque[tuple[Millis, int]] = deque()
        self._spent = 0
        self._foreign = 0
        self._foreign_until: Millis = 0

    @property
    def eases_at(self) -> Millis:
        """When something spent stops counting."""
        ends = [self._log[0][0]] if self._log else []
        return min([*ends, self._foreign_until] if self._foreign else ends, default=0)

    def used(self, now: Millis) -> int:
        """Return what counts now: ours, and what others spent in the exchange's current window."""
        log = self._log
        while log and log[0][0] <= now:
            self._spent -= log.popleft()[1]
        if self._foreign and now >= self._foreign_until:
            self._foreign = 0
        return self._spent + self._foreign

    def fits(self, amount: int, lane: Lane, now: Millis) -> bool:
        """Return whether the lane may spend so much; an empty window takes whatever the limit allows."""
        used = self.used(now)
        return used + amount <= self._caps[lane] or (not used and amount <= self.limit.most)

    def spend(self, amount: int, now: Millis) -> None:
        """Count a call."""
        until, log = self._until(now), self._log
        self._spent += amount
        if log and log[-1][0] == until:
            amount += log.pop()[1]
        log.append((until, amount))

    def refund(self, amount: int, spent_at: Millis) -> None:
        """Take back a call that was never made."""
        until = self._until(spent_at)
        for index, (end, spent) in enumerate(self._log):
            if end == until:
                self._log[index] = (end, spent - amount)
                self._spent -= amount
                return

    def correct(self, told: int, now: Millis) -> None:
        """Believe the exchange where it counted more. What is not ours ends with its window, cut by the full minute."""
        self._foreign = max(0, told - self.used(now) + self._foreign)
        self._foreign_until = (now // self._span + 1) * self._span

    def shift(self, millis: Millis) -> None:
        """Follow a clock that was set."""
        self._log = deque((end + millis, spent) for end, spent in self._log)
        self._foreign_until += millis

    def _until(self, now: Millis) -> Millis:
        return (now // self._grain + 1) * self._grain + self._span
