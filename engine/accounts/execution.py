"""Carrying out what was approved: orders leave after the commit, the urgent ones never behind the others.

Every submit ends in exactly one of three events: accepted, rejected, unknown. An unknown order is asked for by client
id until the exchange knows it or has denied it for long enough; only then may it leave again, under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from decimal import Decimal
from itertools import chain, repeat
from typing import assert_never

import structlog

from data.events import (
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
    OrderUpdate,
    RejectReason,
)
from data.orders import Draft, OrderStatus, Purpose
from data.values import ZERO
from engine.accounts.lanes import Lanes, lane_of
from engine.clock import Clock
from engine.exchanges.base import (
    Accepted,
    Exchange,
    ExchangeUnavailable,
    MarketUnknown,
    Rejected,
    Submitted,
    Unknown,
)
from engine.exchanges.pacing import Counted, Lane, Limit, Pace
from engine.outcome import CancelRequest
from engine.risk import Approved

WORKERS, URGENT_WORKERS = 4, 2
"""How many orders and cancels may be under way at once; the second number serves cancels and stops alone."""

URGENT = (Lane.CANCEL, Lane.STOP)
INQUIRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between questions about an unknown order; the last one repeats."""

CANCEL_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before a cancel that got no answer is sent again; after the last one it is left to the next reconcile."""

DENIALS = 2
"""Times the exchange must deny knowing an order before it counts as absent."""

ARRIVAL_SECONDS = 8.0
"""How long a submit may be under way, and what it brought be missing in answers; what is denied sooner proves nothing.

An exchange refuses a request that is older than its window of some five seconds.
"""

DENIED_KEPT = 1_024
"""Orders remembered as denied; one to be cancelled is asked off the book within a step of its denial."""

BALANCE_SECONDS = 2.0
"""How long the word of a refused closing sale may wait for what the account has; the next sale is for that much."""

log = structlog.get_logger(__name__)


class Execution:
    """Sends orders and cancels of one exchange account, a few at a time, and posts what came of them."""

    def __init__(
        self, exchange: Exchange, post: Callable[[OrderUpdate], None], clock: Clock, per_minute: int | None = None
    ) -> None:
        """``post`` puts an event into the engine's inbox; ``per_minute`` is how many grid orders may leave."""
        self._exchange, self._post, self._clock = exchange, post, clock
        self._lanes: Lanes[Approved | CancelRequest] = Lanes()
        self._idle: dict[asyncio.Future[None], Collection[Lane]] = {}
        """Workers that wait, by the lanes they serve."""
        limits = [Limit(counts=Counted.ORDERS, most=per_minute, seconds=60)] if per_minute else []
        self._pace = Pace(clock, limits)
        self._queued: set[str] = set()
        self._sending: set[str] = set()
        self._repeating: set[str] = set()
        self._unanswered: dict[str, int] = {}
        self._denied: dict[str, None] = {}
        """Orders that counted as absent and were not sent again: one to be cancelled all the same is asked for anew."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the workers."""
        for lanes in [tuple(Lane)] * WORKERS + [URGENT] * URGENT_WORKERS:
            self._spawn(self._work(lanes))

    async def stop(self) -> None:
        """End all work. What has not left stays intended in the journal and is resolved at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def busy(self, client_id: str) -> bool:
        """Return whether an order is about to leave or being asked about, so that reconciling must not judge it."""
        return client_id in self._queued or client_id in self._sending

    def place(self, approved: Approved, distance: Decimal) -> None:
        """Queue one order; ``distance`` from the market price ranks it among others."""
        draft = approved.draft
        self._queued.add(draft.client_id)
        self._denied.pop(draft.client_id, None)
        lane = lane_of(draft)
        self._lanes.put(lane, draft.symbol, approved, distance)
        self._call(lane)

    def cancel(self, request: CancelRequest) -> None:
        """Queue one cancel; an order that has not left yet is simply not sent."""
        self._unanswered.pop(request.client_id, None)
        if request.client_id in self._queued:
            self._queued.discard(request.client_id)
            self._post(OrderCancelled(at=self._clock.now(), client_id=request.client_id))
            return
        self._lanes.put(Lane.CANCEL, request.symbol, request)
        self._call(Lane.CANCEL)

    def inquire(self, client_id: str, symbol: str) -> None:
        """Find out what became of an order that the exchange has just denied knowing."""
        if not self.busy(client_id):
            self._sending.add(client_id)
            self._spawn(self._inquire(client_id, symbol))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, lanes: Collection[Lane]) -> None:
        while True:
            match self._lanes.pop(lanes):
                case None:
                    await self._called(lanes)
                case Approved() as approved:
                    await self._place(approved)
                case CancelRequest() as request:
                    await self._cancel(request)
                case unknown:
                    assert_never(unknown)

    def _call(self, lane: Lane) -> None:
        """Wake one worker for what was queued; when all are busy, the next one that is done finds it."""
        called = next((waiting for waiting, lanes in self._idle.items() if lane in lanes), None)
        if called is not None:
            del self._idle[called]
            called.set_result(None)

    async def _called(self, lanes: Collection[Lane]) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._idle[waiting] = lanes
        try:
            await waiting
        finally:
            self._idle.pop(waiting, None)

    async def _place(self, approved: Approved) -> None:
        identity = approved.draft.client_id
        if identity in self._queued and lane_of(approved.draft) is Lane.GRID:
            # Only grid orders are counted, so they may use all of the limit, as if nothing went before them.
            await self._pace.turn(Lane.CANCEL, orders=1)
        if identity not in self._queued:
            return
        self._queued.discard(identity)
        self._sending.add(identity)
        answer = await self._submit(approved)
        if not isinstance(answer, Unknown):
            self._unanswered.pop(identity, None)
        now = self._clock.now()
        match answer:
            case Accepted():
                self._sending.discard(identity)
                self._post(OrderAccepted(at=now, client_id=identity, exchange_id=answer.exchange_id))
            case Rejected():
                await self._rejected(approved.draft, answer)
            case Unknown():
                log.warning("order_unknown", client_id=identity, reason=answer.message)
                self._post(OrderUnknown(at=now, client_id=identity))
                self._spawn(self._inquire(identity, approved.draft.symbol))
            case _:
                assert_never(answer)

    async def _rejected(self, draft: Draft, answer: Rejected) -> None:
        lacks = answer.reason is RejectReason.INSUFFICIENT_BALANCE
        # On a perpetual nothing but the position itself is needed to close it.
        asks = lacks and draft.purpose is Purpose.CLOSE and not draft.reduce_only
        available = await self._available(draft.symbol) if asks else None
        self._sending.discard(draft.client_id)
        self._post(
            OrderRejected(
                at=self._clock.now(),
                client_id=draft.client_id,
                reason=answer.reason,
                message=answer.message,
                available=available,
            )
        )

    async def _available(self, symbol: str) -> Decimal | None:
        """Return how much of the base of a spot market is free to be sold; None when the exchange does not say so."""
        try:
            async with asyncio.timeout(BALANCE_SECONDS):
                market = await self._exchange.market(symbol)
                held = await self._exchange.balances()
        except (ExchangeUnavailable, MarketUnknown, TimeoutError) as error:
            log.warning("balance_unknown", symbol=symbol, reason=repr(error))
            return None
        except Exception:
            log.exception("balance_broke_off", symbol=symbol)
            return None
        return sum((each.free for each in held if (each.asset, each.wallet) == (market.base, market.kind)), ZERO)

    async def _submit(self, approved: Approved) -> Submitted:
        try:
            return await self._exchange.submit(approved)
        except ExchangeUnavailable as error:
            return Unknown(client_id=approved.draft.client_id, message=str(error))
        except Exception as error:
            # A bug in an adapter must not end a worker: with the last of them, no order and no cancel leaves any more.
            log.exception("submit_broke_off", client_id=approved.draft.client_id)
            return Unknown(client_id=approved.draft.client_id, message=repr(error))

    async def _cancel(self, request: CancelRequest) -> None:
        if not await self._answered(request) and request.client_id not in self._repeating:
            self._repeating.add(request.client_id)
            self._spawn(self._cancel_again(request))

    async def _answered(self, request: CancelRequest) -> bool:
        """Send a cancel and return whether asking again is of no use."""
        try:
            await self._exchange.cancel(request.client_id, request.symbol)
        except ExchangeUnavailable as error:
            log.warning("cancel_unanswered", client_id=request.client_id, reason=str(error))
            return False
        except Exception:
            # The order stays "cancelling"; the next reconcile finds it still open and asks again.
            log.exception("cancel_broke_off", client_id=request.client_id)
        if request.client_id in self._denied:
            # Of an order that is not there nobody will tell that it is gone.
            del self._denied[request.client_id]
            self.inquire(request.client_id, request.symbol)
        return True

    async def _cancel_again(self, request: CancelRequest) -> None:
        for seconds in CANCEL_SECONDS:
            await self._clock.sleep(seconds)
            if await self._answered(request):
                break
        self._repeating.discard(request.client_id)

    async def _inquire(self, identity: str, symbol: str) -> None:
        denials, waited, before = 0, 0.0, min(self._unanswered.get(identity, 0), len(INQUIRY_SECONDS))
        self._unanswered[identity] = before + 1
        # An order that gets no answer time and again is asked for, and sent again, ever more slowly.
        for seconds in chain(INQUIRY_SECONDS[before:], repeat(INQUIRY_SECONDS[-1])):
            await self._clock.sleep(seconds)
            waited += seconds
            try:
                report = await self._exchange.order(identity, symbol)
            except ExchangeUnavailable:
                continue
            except Exception:
                log.exception("inquiry_broke_off", client_id=identity)
                continue
            if report is not None:
                self._sending.discard(identity)
                self._unanswered.pop(identity, None)
                now = self._clock.now()
                self._post(OrderAccepted(at=now, client_id=identity, exchange_id=report.exchange_id))
                if not report.status.live and report.status is not OrderStatus.FILLED:
                    self._post(OrderCancelled(at=now, client_id=identity, filled=report.filled))
                return
            denials += 1
            if denials >= DENIALS and waited >= ARRIVAL_SECONDS:
                self._sending.discard(identity)
                self._denied[identity] = None
                if len(self._denied) > DENIED_KEPT:
                    del self._denied[next(iter(self._denied))]
                self._post(OrderAbsent(at=self._clock.now(), client_id=identity))
                return
