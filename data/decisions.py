"""Why the engine did what it did: one record for every change of plan."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from data.orders import Draft, Refused
from data.values import Millis


class Rule(StrEnum):
    """The rule that fired."""

    OPEN_GRID = "open_grid"
    PAIR_SLOT = "pair_slot"
    """A slot filled on one side: rest the other leg."""
    REPLACE_ORDER = "replace_order"
    """An order vanished or was rejected: place what is missing again."""
    PRICE_CROSSED = "price_crossed"
    """Post-only was rejected: wait for the next tick, then retry."""
    ORDER_REJECTED = "order_rejected"
    """The exchange rejected an order for a reason that a retry would not cure: leave the slot until asked again."""
    ABOVE_RANGE = "above_range"
    BELOW_RANGE = "below_range"
    BACK_IN_RANGE = "back_in_range"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    STOP_BOT = "stop_bot"
    CLOSE_INVENTORY = "close_inventory"
    BOT_STOPPED = "bot_stopped"
    PAUSE_BOT = "pause_bot"
    RESUME_BOT = "resume_bot"
    CHANGE_EXIT = "change_exit"
    CHANGE_TRADING_STATE = "change_trading_state"
    RETRY_SAME_ID = "retry_same_id"
    """An order proved absent after a timeout: send it again under the same id."""
    BOOKS_DISAGREE = "books_disagree"


class Input(msgspec.Struct, frozen=True):
    """One fact the decision was made on."""

    name: str
    value: str
    age_ms: int = 0


class Alternative(msgspec.Struct, frozen=True):
    """Something that was considered and not done."""

    what: str
    why_not: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One conclusion of the engine. ``id`` is ``<journal sequence>`` or ``<journal sequence>.<n>`` within one step."""

    id: str
    at: Millis
    bot: int
    """0 when it concerns the whole engine."""
    rule: Rule
    event: str
    """Kind of the event that caused it."""
    inputs: tuple[Input, ...]
    alternatives: tuple[Alternative, ...] = ()
    approved: tuple[Draft, ...] = ()
    refused: tuple[Refused, ...] = ()
    cancelled: tuple[str, ...] = ()
