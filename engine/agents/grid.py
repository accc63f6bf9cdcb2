"""The grid agent: compares the orders that should rest with those that do, and asks to decide again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from data.advice import Advice, OrdersAdvised, TradingState
from data.values import ONE, ZERO, Millis, Side, plain
from engine.desk import Desk
from engine.grid.slots import gap
from engine.views import BotStatus, BotView, Danger, SlotView

if TYPE_CHECKING:
    from config.schema import Settings

SHOWN = 5
"""Differences spelled out in the evidence; the rest are counted."""
LONGEST_PAUSE = 32
"""Most times that a difference which stays the same is passed over before it is told again; doubled from one."""
REASON = "orders are missing or too many"


class Difference(msgspec.Struct, frozen=True):
    """One side of one slot on which the resting orders are not the desired ones."""

    slot: int
    side: Side
    quantity: Decimal
    """Base to place; negative when more rests than should."""


class _Said(msgspec.Struct):
    what: frozenset[tuple[int, Side]]
    pause: int = 0
    left: int = 0


def differences(bot: BotView, state: TradingState) -> tuple[Difference, ...]:
    """Return where a bot's resting orders differ from the desired ones, as far as ``state`` lets them be placed.

    A post-only order that the market would match right now is not missing: it waits for the price.
    """
    found = []
    for slot in bot.slots:
        for side in Side:
            quantity = _difference(bot, slot, side)
            if quantity > ZERO and (slot.virtual or _waits(bot, slot, side) or not _allowed(bot, side, state)):
                continue
            if quantity != ZERO:
                found.append(Difference(slot.index, side, quantity))
    return tuple(found)


def _difference(bot: BotView, slot: SlotView, side: Side) -> Decimal:
    buy = side is Side.BUY
    excess = slot.held + slot.buying - slot.capacity if buy else slot.selling - slot.held
    if (slot.buying if buy else slot.selling) > ZERO and excess > ZERO:
        return -excess
    return gap(
        side,
        capacity=slot.capacity,
        held=slot.held,
        awaiting=ZERO,
        resting=slot.buying if buy else slot.selling,
        price=slot.lower if buy else slot.upper,
        filters=bot.market.filters,
    )


def _waits(bot: BotView, slot: SlotView, side: Side) -> bool:
    if bot.ticker is None:
        return True
    return slot.lower >= bot.ticker.ask if side is Side.BUY else slot.upper <= bot.ticker.bid


def _allowed(bot: BotView, side: Side, state: TradingState) -> bool:
    if bot.market.perpetual:
        # How much of a position may only become smaller depends on all its orders together.
        return state is TradingState.ACTIVE and bot.danger is not Danger.REDUCING
    return state is TradingState.ACTIVE or (state is TradingState.REDUCING and side is Side.SELL)


class GridAgent:
    """Speaks up when a difference outlives one round, so that an order on its way is not mistaken for a missing one."""

    name = "grid"
    what = "Notices orders that should rest and do not"

    def __init__(self, interval_seconds: float) -> None:
        """Remember how often it is asked."""
        self.interval_seconds = interval_seconds
        self._before: dict[int, frozenset[tuple[int, Side]]] = {}
        self._said: dict[int, _Said] = {}

    async def advise(self, desk: Desk, now: Millis) -> Sequence[Advice]:
        """Return one piece of advice for every bot whose differences were there a round ago too."""
        state = desk.engine().trading_state
        before, self._before = self._before, {}
        advice = []
        for bot in desk.bots():
            if bot.status is not BotStatus.RUNNING:
                continue
            found = differences(bot, state)
            if not found:
                self._said.pop(bot.id, None)
            lasting = tuple(each for each in found if (each.slot, each.side) in before.get(bot.id, ()))
            # What was just reported gets a fresh round of grace: the answer is on its way.
            self._before[bot.id] = frozenset((each.slot, each.side) for each in found if each not in lasting)
            if self._worth_saying(bot.id, frozenset((each.slot, each.side) for each in lasting)):
                advice.append(self._say(bot, lasting, now))
        return advice

    def _worth_saying(self, bot: int, what: frozenset[tuple[int, Side]]) -> bool:
        # What is refused or rejected each time it is tried again must not be tried, and told, every other minute.
        if not what:
            return False
        said = self._said.get(bot)
        if said is None or said.what != what:
            self._said[bot] = _Said(what)
            return True
        if said.left > 0:
            said.left -= 1
            return False
        said.pause = said.left = min(max(1, said.pause * 2), LONGEST_PAUSE)
        return True

    def _say(self, bot: BotView, lasting: Sequence[Difference], now: Millis) -> Advice:
        evidence = {"differences": str(len(lasting))}
        for each in lasting[:SHOWN]:
            verb = "missing" if each.quantity > ZERO else "too many"
            evidence[f"slot {each.slot} {each.side.value}"] = f"{verb} {plain(abs(each.quantity))} {bot.market.base}"
        return Advice(
            agent=self.name,
            what=OrdersAdvised(bot=bot.id),
            confidence=ONE,
            reason=REASON,
            evidence=evidence,
            expires_at=now + int(self.interval_seconds * 1000),
        )


def build(settings: Settings) -> GridAgent:
    """Make the agent; it asks once per trading cycle."""
    return GridAgent(settings.trading.cycle_interval_seconds)
