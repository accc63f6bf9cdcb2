"""Refused closing sales in a made-up sequence of events, and whether they are tried again."""

from __future__ import annotations

from decimal import Decimal

from data.events import Event, OrderRejected, RejectReason, TickerMoved
from data.orders import Order, OrderType, Purpose
from data.values import Millis
from engine.outcome import Outcome
from engine.state import EngineState
from engine.views import BotStatus

LONGEST: Millis = 30_000
"""Most time until a refused closing order is tried again."""


def rejection(order: Order, at: Millis, number: int, chance: int) -> OrderRejected:
    """Return a rejection of an order for a reason it can have, and sometimes with what the account has."""
    reasons = (RejectReason.WOULD_TAKE, RejectReason.WOULD_TAKE, *RejectReason)
    reason, draft = reasons[number % len(reasons)], order.draft
    if draft.type is OrderType.MARKET and reason is RejectReason.WOULD_TAKE:
        reason = RejectReason.INSUFFICIENT_BALANCE
    there = Decimal(chance % 600) / 100 if draft.purpose is Purpose.CLOSE and chance % 3 else None
    return OrderRejected(at=at, client_id=draft.client_id, reason=reason, message="no", available=there)


class Retries:
    """Remembers refused closing orders until their bot decides anything."""

    def __init__(self) -> None:
        self._since: dict[int, Millis] = {}
        self.seen = 0
        """Refusals so far."""

    def watch(self, state: EngineState, event: Event, outcome: Outcome, stale: Millis) -> None:
        """Raise AssertionError when a fresh price comes long after a refusal and nothing is tried."""
        for decision in outcome.decisions:
            self._since.pop(decision.bot, None)
        if isinstance(event, OrderRejected) and outcome.sequence:
            draft = state.finished[event.client_id].order.draft
            if draft.purpose is Purpose.CLOSE and state.bots[draft.bot].status is BotStatus.STOPPING:
                self._since[draft.bot] = event.at
                self.seen += 1
        if isinstance(event, TickerMoved) and abs(event.at - event.ticker.at) <= stale:
            there = [bot.id for bot in state.active_bots(event.ticker.symbol) if bot.id in self._since]
            assert all(event.at - self._since[bot] < LONGEST for bot in there), "a closing order is left alone"
