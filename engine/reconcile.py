"""Comparing our books with the exchange: the same code at start, after every reconnect, and every few minutes.

Order of work: own fills since the last one known (with overlap, told apart by trade id), then every order we believe
live, then what rests on the exchange that we do not know. Fills go first: an order that is gone may have filled.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from data.events import OrderAbsent, OrderAccepted, OrderCancelled, OrderFilled, Reconciled
from data.orders import Fill, Order, OrderStatus, parse_client_id
from data.values import ZERO, Millis, plain
from engine.exchanges.base import OrderReport
from engine.outcome import CancelRequest
from engine.runner import Runner
from engine.state import EngineState

OVERLAP: Millis = 600_000
"""How far before the last known fill to look again: exchanges may report trades late or out of order."""

SETTLING: Millis = 30_000
"""Age below which an order that was accepted is not taken for gone because one answer does not know it."""

LOOKS = 5
"""Times to compare balances with the books while fills keep coming; a later round compares again."""

log = structlog.get_logger(__name__)


async def reconcile(runner: Runner, symbol: str) -> Reconciled:
    """Bring the books of one market in line with the exchange. Raises ``ExchangeUnavailable``."""
    state = runner.engine.state
    fills = await runner.exchange.fills(symbol, _since(state, symbol))
    resting = await runner.exchange.open_orders(symbol)
    recovered = _recover_fills(runner, fills)
    await runner.settled()
    resolved = await _resolve_orders(runner, symbol, {report.client_id: report for report in resting})
    foreign = _unknown_orders(runner, resting)
    await runner.settled()
    report = Reconciled(
        at=runner.clock.now(),
        symbol=symbol,
        recovered_fills=recovered,
        resolved_orders=resolved,
        foreign_orders=foreign,
        gap=await _gap(runner, symbol),
    )
    runner.post(report)
    await runner.settled()
    if recovered or resolved or foreign or report.gap:
        log.info("reconciled", symbol=symbol, fills=recovered, orders=resolved, foreign=len(foreign), gap=report.gap)
    return report


def _since(state: EngineState, symbol: str) -> Millis:
    last = state.last_fill_at.get(symbol)
    if last is not None:
        return last - OVERLAP
    return min((bot.started_at for bot in state.active_bots(symbol)), default=0) - OVERLAP


def _booked(state: EngineState, fill: Fill) -> bool:
    done = state.finished.get(fill.client_id)
    return fill.trade_id in (done.trades if done else state.trades.get(fill.client_id, ()))


def _recover_fills(runner: Runner, fills: Sequence[Fill]) -> int:
    state, now = runner.engine.state, runner.clock.now()
    lost = [
        fill
        for fill in fills
        if (fill.client_id in state.orders or fill.client_id in state.finished) and not _booked(state, fill)
    ]
    for fill in lost:
        runner.post(OrderFilled(at=now, fill=fill))
    return len(lost)


async def _resolve_orders(runner: Runner, symbol: str, resting: dict[str, OrderReport]) -> int:
    resolved = 0
    for order in list(runner.engine.state.orders.values()):
        draft = order.draft
        if draft.symbol != symbol or runner.execution.busy(draft.client_id):
            continue
        report = resting.get(draft.client_id)
        if report is None:
            before = (order.status, order.exchange_id, order.filled)
            report = await runner.exchange.order(draft.client_id, symbol)
            known = runner.engine.state.orders.get(draft.client_id) is order
            if not known or before != (order.status, order.exchange_id, order.filled):
                # The stream told us while we were asking.
                continue
            if runner.execution.busy(draft.client_id):
                continue
            if report is None and order.exchange_id and runner.clock.now() - order.at < SETTLING:
                # An exchange may deny for a moment what it has just confirmed; believing it would double the order.
                continue
        if report is not None and report.filled > order.filled:
            # A fill older than the overlap was missed. Fills come before judgement; the next round judges the order.
            _recover_fills(runner, await runner.exchange.fills(symbol, order.at - OVERLAP))
            await runner.settled()
            continue
        resolved += _resolve(runner, order, report)
    await runner.settled()
    return resolved


def _resolve(runner: Runner, order: Order, report: OrderReport | None) -> int:
    """Post what the exchange's word on one order means for ours; return 1 when it was news."""
    now, identity = runner.clock.now(), order.draft.client_id
    if report is None:
        runner.post(OrderAbsent(at=now, client_id=identity))
        return 1
    match report.status:
        case OrderStatus.CANCELLED | OrderStatus.REJECTED:
            runner.post(OrderCancelled(at=now, client_id=identity))
            return 1
        case OrderStatus.FILLED:
            return 0
        case _:
            known = bool(order.exchange_id)
            if not known:
                runner.post(OrderAccepted(at=now, client_id=identity, exchange_id=report.exchange_id))
            elif order.status is OrderStatus.CANCELLING:
                runner.execution.cancel(CancelRequest(identity, order.draft.symbol))
            return 0 if known else 1


def _unknown_orders(runner: Runner, resting: Sequence[OrderReport]) -> tuple[str, ...]:
    """Cancel orders of our bots that the books no longer want; return the ids of orders that are not ours."""
    state, foreign = runner.engine.state, []
    for report in resting:
        if report.client_id in state.orders:
            continue
        key = parse_client_id(report.client_id)
        if key is None or key.bot not in state.bots:
            foreign.append(report.client_id)
        elif report.client_id in state.finished:
            runner.execution.cancel(CancelRequest(report.client_id, report.symbol))
        else:
            # It has the name of ours and is none that we know, as after going back to an old copy of the books.
            foreign.append(report.client_id)
    return tuple(foreign)


async def _gap(runner: Runner, symbol: str) -> dict[str, str]:
    """Return which asset the account is short of, against what the bots' books say they hold; empty when none.

    Fills go on while balances are asked for, and may be told of later than balances show them. What looks short counts
    only when no fill came to light from before the question until after it.
    """
    for _ in range(LOOKS):
        bots = list(runner.engine.state.active_bots())
        market = next((bot.market for bot in bots if bot.market.symbol == symbol), None)
        if market is None:
            return {}
        holders = [bot for bot in bots if bot.market.base == market.base]
        fills = sum(bot.books.fills for bot in holders)
        balances = {balance.asset: balance.total for balance in await runner.exchange.balances()}
        await runner.settled()
        held = sum((bot.books.base for bot in holders), ZERO)
        found = balances.get(market.base, ZERO)
        # Less than one step cannot be sold anyway; more than the bots hold is the person's own.
        if held - found < market.filters.quantity_step:
            return {}
        for each in sorted({bot.market.symbol for bot in holders}):
            _recover_fills(runner, await runner.exchange.fills(each, _since(runner.engine.state, each)))
        await runner.settled()
        if fills == sum(bot.books.fills for bot in holders):
            return {"asset": market.base, "expected": plain(held), "found": plain(found), "short": plain(held - found)}
    return {}
