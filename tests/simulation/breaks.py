"""Known defects, each planted by putting one wrong part in the place of a right one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from data.events import Event, OrderAbsent, OrderAccepted, OrderCancelled, OrderFilled, RejectReason
from data.limits import RiskLimits
from data.orders import Fill, OrderStatus
from data.values import Millis, Mode
from engine.accounts.connection import reach_first
from engine.accounts.execution import Execution
from engine.accounts.upkeep import reconcile_all
from engine.exchanges.base import ExchangeUnavailable, Rejected, StreamRestored, Submitted, Unknown
from engine.outcome import CancelRequest
from engine.risk import Approved
from engine.runner import Runner
from tests.simulation.exchange import SimulatedExchange
from tests.simulation.life import MortalJournal, Parts


class _NewIdAfterTimeout(Execution):
    """Gives up an order without an answer, so that its slot places another one."""

    async def _submit(self, approved: Approved) -> Submitted:
        answer = await super()._submit(approved)
        if isinstance(answer, Unknown):
            self._post(OrderCancelled(at=self._clock.now(), client_id=answer.client_id))
        return answer


class _TimeoutIsRejection(Execution):
    """Takes an order without an answer for a rejected one."""

    async def _submit(self, approved: Approved) -> Submitted:
        answer = await super()._submit(approved)
        if isinstance(answer, Unknown):
            return Rejected(client_id=answer.client_id, reason=RejectReason.OTHER, message=answer.message)
        return answer


class _BelievesFirstDenial(Execution):
    """Takes an order for absent as soon as one answer does not know it."""

    async def _inquire(self, identity: str, symbol: str) -> None:
        report = None
        while True:
            await self._clock.sleep(0.5)
            try:
                report = await self._exchange.order(identity, symbol)
                break
            except ExchangeUnavailable:
                continue
        self._sending.discard(identity)
        at = self._clock.now()
        if report is None:
            self._post(OrderAbsent(at=at, client_id=identity))
        else:
            self._post(OrderAccepted(at=at, client_id=identity, exchange_id=report.exchange_id))


class _CancelIsDone(Execution):
    """Takes an order for cancelled as soon as the request has left."""

    async def _cancel(self, request: CancelRequest) -> None:
        await super()._cancel(request)
        self._post(OrderCancelled(at=self._clock.now(), client_id=request.client_id))


class _SendsBeforeCommit(MortalJournal):
    """Says that it has committed, and does so a moment later."""

    def commit(self, *beside: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(0.3, super().commit, *beside)


class _ForgetsPartialFills(Runner):
    """Books a fill only when it completes its order."""

    def post(self, event: Event | StreamRestored) -> None:
        order = self.engine.state.orders.get(event.fill.client_id) if isinstance(event, OrderFilled) else None
        if not (order and isinstance(event, OrderFilled) and event.fill.quantity < order.remaining):
            super().post(event)


class _BooksTwice(Runner):
    """Does not tell a repeated fill from a new one."""

    def post(self, event: Event | StreamRestored) -> None:
        if isinstance(event, OrderFilled):
            fill, state = event.fill, self.engine.state
            if fill.trade_id in state.trades.get(fill.client_id, ()):
                again = msgspec.structs.replace(fill, trade_id=f"{fill.trade_id} again")
                event = msgspec.structs.replace(event, fill=again)
        super().post(event)


class _IgnoresLateFills(Runner):
    """Takes an order that is cancelled for done, whatever was filled of it, and hears of it no more."""

    def post(self, event: Event | StreamRestored) -> None:
        if isinstance(event, OrderCancelled):
            event = msgspec.structs.replace(event, filled=None)
        if not isinstance(event, OrderFilled) or event.fill.client_id in self.engine.state.orders:
            super().post(event)


class _BelievesDenials(Runner):
    """Takes an order for gone once it is denied, though the stream told of it."""

    def post(self, event: Event | StreamRestored) -> None:
        if isinstance(event, OrderAbsent):
            known = self.engine.state.orders.get(event.client_id)
            if known is not None and known.exchange_id:
                event = OrderCancelled(at=event.at, client_id=event.client_id)
        super().post(event)


class _NoOverlap(SimulatedExchange):
    """Reads the trades on from the last one read, as if they were listed in order."""

    _read_to: Millis = 0

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        fills = await super().fills(symbol, max(since, self._read_to))
        self._read_to = max([self._read_to, *(fill.at for fill in fills)])
        return fills


async def _connect_only(runner: Runner) -> None:
    while True:
        try:
            await runner.connect()
        except ExchangeUnavailable:
            await asyncio.sleep(1.0)
        else:
            return


async def _nothing(_: Runner) -> None:
    return


async def _forget_unsure(runner: Runner) -> None:
    for order in list(runner.engine.state.orders.values()):
        if order.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
            runner.post(OrderCancelled(at=runner.clock.now(), client_id=order.draft.client_id))
    await reach_first(runner)


async def _send_again(runner: Runner) -> None:
    await _connect_only(runner)
    for order in list(runner.engine.state.orders.values()):
        if order.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN):
            runner.post(OrderAbsent(at=runner.clock.now(), client_id=order.draft.client_id))
    await reach_first(runner)


async def _cancel_unknown(runner: Runner) -> None:
    reports = await reconcile_all(runner)
    execution = runner.account(Mode.SHADOW).execution
    for report in reports:
        for client_id in report.foreign_orders:
            execution.cancel(CancelRequest(client_id, report.symbol, Mode.SHADOW))


BREAKS: dict[str, Parts] = {
    "new-id-after-timeout": Parts(execution=_NewIdAfterTimeout),
    "timeout-is-rejection": Parts(execution=_TimeoutIsRejection),
    "believe-first-denial": Parts(execution=_BelievesFirstDenial),
    "cancel-is-done": Parts(execution=_CancelIsDone),
    "send-before-commit": Parts(journal=_SendsBeforeCommit),
    "forget-partial-fills": Parts(runner=_ForgetsPartialFills),
    "book-fills-twice": Parts(runner=_BooksTwice),
    "ignore-late-fills": Parts(runner=_IgnoresLateFills),
    "believe-denials": Parts(runner=_BelievesDenials),
    "no-overlap": Parts(adapter=_NoOverlap),
    "trust-the-stream": Parts(reach=_connect_only, compare=_nothing, attend=_nothing),
    "forget-after-crash": Parts(reach=_forget_unsure),
    "send-again-after-crash": Parts(reach=_send_again),
    "cancel-foreign-orders": Parts(compare=_cancel_unknown),
    "no-limits": Parts(limits=lambda _: RiskLimits()),
}
