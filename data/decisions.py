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
    LIQUIDATION_NEAR = "liquidation_near"
    """The market came nearer to the liquidation of a position: tell, then only reduce, then close."""
    LIQUIDATION_FAR = "liquidation_far"
    """It is further away again."""
    STOP_BOT = "stop_bot"
    CLOSE_INVENTORY = "close_inventory"
    BOT_STOPPED = "bot_stopped"
    PAUSE_BOT = "pause_bot"
    RESUME_BOT = "resume_bot"
    CHANGE_EXIT = "change_exit"
    CHANGE_TRADING_STATE = "change_trading_state"
    ARM_MODE = "arm_mode"
    DISARM_MODE = "disarm_mode"
    RETRY_SAME_ID = "retry_same_id"
    """An order proved absent after a timeout: send it again under the same id."""
    BOOKS_DISAGREE = "books_disagree"
    FOLLOW_PRICE = "follow_price"
    """Of more slots than may have orders on the exchange, others are now nearest to the price."""
    TRAIL_UP = "trail_up"
    TRAIL_DOWN = "trail_down"
    TRAIL_ENDED = "trail_ended"
    """The grid cannot follow the price any further."""
    CHANGE_GRID = "change_grid"
    """A person changed how the grid follows, grows or recentres."""
    TRIGGERED = "triggered"
    """The price a grid waited for was touched."""
    RECENTRE = "recentre"
    RECENTRE_HELD = "recentre_held"
    """Recentring was considered, and the grid stays where it is."""
    REINVEST = "reinvest"
    EXTEND_GRID = "extend_grid"
    """A grid without a highest line got another one."""
    MARKET_CHANGED = "market_changed"
    MARKET_PROPOSED = "market_proposed"
    """An agent found a market that suits a grid: tell people, and do nothing else."""


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
