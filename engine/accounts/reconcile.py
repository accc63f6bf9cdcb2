"""Comparing our books with the exchange: the same code at start, after every reconnect, and every few minutes.

Order of work: own fills since the last one known (with overlap, told apart by trade id), then every order we believe
live, the stops that wait on the exchange among them, then what rests there that we do not know, then what the account
holds. Fills go first: an order that is gone may have filled.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from data.events import MarketChanged, OrderAccepted, OrderCancelled, Reconciled
from data.orders import Order, OrderStatus, Purpose, bot_of, installation_of
from data.values import Millis, Mode, plain
from engine.accounts.account import Account
from engine.accounts.holdings import Gap, find_gap
from engine.accounts.recovery import OVERLAP, recover_fills, recover_funding
from engine.exchanges.base import MarketUnknown, OrderReport
from engine.outcome import CancelRequest
from engine.runner import Runner
from engine.state import EngineState

LONG_OVERLAP: Millis = 86_400_000
"""How far before an order to look for its trades once they were not found after it."""

LASTING: Millis = 30_000
"""How long a difference must have been there: an exchange shows one trade in streams, lists and balances at different
moments."""

VAIN_LOOKS = 3
"""Times to look in vain for the trades of an order reported as filled before people are told."""

log = structlog.get_logger(__name__)


async def reconcile(runner: Runner, symbol: str, mode: Mode, since: int | None = None) -> Reconciled:
    """Bring the books of one market in line with one account. Raises ``ExchangeUnavailable``, ``NoAccount``.

    Where several are compared one after the other, ``since`` is a mark of the account's statement from before the
    first; funding was then asked for all of them.
    """
    account = runner.account(mode)
    async with account.comparing[symbol]:
        return await _reconcile(runner, account, symbol, since)


async def _reconcile(runner: Runner, account: Account, symbol: str, since: int | None) -> Reconciled:
    recovered = await recover_fills(runner, account, symbol)
    if since is None:
        await recover_funding(runner, account, [symbol])
    resting = await account.exchange.open_orders(symbol)
    await runner.settled()
    resolved = await _resolve_orders(runner, account, symbol, {report.client_id: report for report in resting})
    foreign = _unknown_orders(runner, account, resting)
    await _compare_rules(runner, account, symbol)
    await runner.settled()
    report = Reconciled(
        at=runner.clock.now(),
        symbol=symbol,
        mode=account.mode,
        recovered_fills=recovered,
        resolved_orders=resolved,
        foreign_orders=foreign,
        gap=await _lasting_gap(runner, account, symbol, since),
    )
    runner.post(report)
    await runner.settled()
    if recovered or resolved or foreign or report.gap:
        log.info(
            "reconciled",
            symbol=symbol,
            mode=account.mode,
            fills=recovered,
            orders=resolved,
            foreign=len(foreign),
            gap=report.gap,
        )
    return report


async def _compare_rules(runner: Runner, account: Account, symbol: str) -> None:
    """Tell the bots of a market when its filters, fees or tiers are no longer those they trade by."""
    bots = [bot for bot in runner.engine.state.active_bots(symbol) if bot.spec.mode is account.mode]
    if not bots:
        return
    try:
        market = await account.exchange.market(symbol)
    except MarketUnknown:
        return
    if any(bot.market != market for bot in bots):
        runner.post(MarketChanged(at=runner.clock.now(), symbol=symbol, mode=account.mode, market=market))


def _live_on(state: EngineState, account: Account, symbol: str) -> list[Order]:
    orders = state.orders.values()
    return [order for order in orders if order.draft.symbol == symbol and order.draft.mode is account.mode]


async def _resolve_orders(runner: Runner, account: Account, symbol: str, resting: dict[str, OrderReport]) -> int:
    resolved = 0
    for order in _live_on(runner.engine.state, account, symbol):
        identity = order.draft.client_id
        if account.execution.busy(identity):
            continue
        report = resting.get(identity)
        if report is None:
            before = (order.status, order.exchange_id, order.filled)
            report = await account.exchange.order(identity, symbol)
            known = runner.engine.state.orders.get(identity) is order
            if not known or before != (order.status, order.exchange_id, order.filled):
                # The stream told us while we were asking.
                continue
            if report is None:
                # It may still be under way, and be denied for a moment when it is there; believing one answer would
                # double it.
                account.execution.inquire(identity, symbol)
                continue
        if _lacks_fills(order, report):
            # A fill older than the overlap was missed. Fills come before judgement; the next round judges the order.
            await _look_for_fills(runner, account, order, report)
        else:
            resolved += _resolve(runner, account, order, report)
    await runner.settled()
    return resolved


def _lacks_fills(order: Order, report: OrderReport) -> bool:
    # What only closes a position ends with it, however much it was meant to close.
    closes = order.draft.reduce_only or order.draft.purpose is Purpose.PROTECT
    return report.filled > order.filled or (report.status is OrderStatus.FILLED and not closes)


async def _look_for_fills(runner: Runner, account: Account, order: Order, report: OrderReport) -> None:
    identity, symbol = order.draft.client_id, order.draft.symbol
    vain = account.vain_looks.get(identity, 0)
    await recover_fills(runner, account, symbol, order.at - (LONG_OVERLAP if vain else OVERLAP))
    await runner.settled()
    if runner.engine.state.orders.get(identity) is order and _lacks_fills(order, report):
        account.vain_looks[identity] = vain + 1


async def _lasting_gap(runner: Runner, account: Account, symbol: str, since: int | None) -> Gap:
    """Return what differs from the books; an amount counts only if it was the same some time ago."""
    gap = await find_gap(runner, account, symbol, since) or _untold(runner.engine.state, account, symbol)
    if "short" not in gap:
        account.differs_since.pop(symbol, None)
        return gap
    now = runner.clock.now()
    before, since = account.differs_since.get(symbol, ({}, now))
    if [before.get(name) for name in ("asset", "short")] != [gap["asset"], gap["short"]]:
        since = now
    account.differs_since[symbol] = (gap, since)
    return gap if now - since >= LASTING else {}


def differs_anew(account: Account, now: Millis) -> bool:
    """Return whether a market differs from the books for too short a time to be believed."""
    return any(now - since < LASTING for _, since in account.differs_since.values())


def _untold(state: EngineState, account: Account, symbol: str) -> Gap:
    """Return the first order whose trades the exchange has owed us for several looks."""
    account.vain_looks = {identity: looks for identity, looks in account.vain_looks.items() if identity in state.orders}
    for order in _live_on(state, account, symbol):
        identity = order.draft.client_id
        if account.vain_looks.get(identity, 0) >= VAIN_LOOKS:
            expected, found = plain(order.draft.quantity), plain(order.filled)
            return {
                "asset": f"trades of {identity}",
                "expected": expected,
                "found": found,
                "short": plain(order.remaining),
            }
    return {}


def _resolve(runner: Runner, account: Account, order: Order, report: OrderReport) -> int:
    """Post what the exchange's word on one order means for ours; return 1 when it was news."""
    now, draft = runner.clock.now(), order.draft
    if not report.status.live:
        runner.post(OrderCancelled(at=now, client_id=draft.client_id, filled=report.filled))
        return 1
    if not order.exchange_id:
        runner.post(OrderAccepted(at=now, client_id=draft.client_id, exchange_id=report.exchange_id))
        return 1
    if order.status is OrderStatus.CANCELLING:
        account.execution.cancel(CancelRequest(draft.client_id, draft.symbol, draft.mode))
    return 0


def _unknown_orders(runner: Runner, account: Account, resting: Sequence[OrderReport]) -> tuple[str, ...]:
    """Cancel orders of our bots that the books no longer want; return the ids of orders that are not ours."""
    state, foreign = runner.engine.state, []
    for report in resting:
        identity = report.client_id
        if identity in state.orders:
            continue
        bot = state.bots.get(bot_of(identity))
        ours = bot is not None and installation_of(identity) == bot.tag
        if ours and identity in state.finished:
            account.execution.cancel(CancelRequest(identity, report.symbol, account.mode))
        else:
            # Somebody else's, or one with the name of ours that we do not know, as after going back to an old copy.
            foreign.append(identity)
    return tuple(foreign)
