"""The life of an order: Draft → Approved or Refused → Order → Fill."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from data.values import ZERO, Millis, Mode, Side


class OrderType(StrEnum):
    """How an order meets the book."""

    LIMIT_MAKER = "limit_maker"
    """Post only: rests at its price or is rejected."""
    LIMIT = "limit"
    MARKET = "market"
    STOP_MARKET = "stop_market"
    """Waits on the exchange until the mark price reaches ``trigger``, then closes the position at market."""


class Purpose(StrEnum):
    """Why an order exists."""

    INITIAL = "initial"
    """Buys the inventory of the slots that start full."""
    GRID = "grid"
    CLOSE = "close"
    """Sells what a stopping bot holds, or buys back what it owes."""
    PROTECT = "protect"
    """Closes the position should the engine not be there to do it."""


WHOLE, PROTECTION = -1, -2


class OrderKey(NamedTuple):
    """What a client order id encodes; the id is a function of this key, so a retry can never double an order."""

    bot: int
    version: int
    slot: int
    """Slot index; ``WHOLE`` for an order of the whole bot (initial inventory, close), ``PROTECTION`` for its stops."""
    side: Side
    cycle: int
    """Counts the orders of one slot and side, from 1."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An order the grid wants, before risk has seen it."""

    client_id: str
    bot: int
    slot: int
    symbol: str
    mode: Mode
    side: Side
    type: OrderType
    purpose: Purpose
    price: Decimal
    """Limit price; for a market order the price it was quoted at, for a stop the price it is triggered at."""
    quantity: Decimal
    reduce_only: bool = False
    """May only make a position smaller."""

    @property
    def notional(self) -> Decimal:
        """Return price × quantity in quote."""
        return self.price * self.quantity


class RefusalCode(StrEnum):
    """Why risk refused a draft. Denied by us, as opposed to rejected by the exchange."""

    TRADING_HALTED = "trading_halted"
    TRADING_REDUCING = "trading_reducing"
    MARKET_UNKNOWN = "market_unknown"
    PRICE_MISSING = "price_missing"
    PRICE_STALE = "price_stale"
    OFF_TICK = "off_tick"
    OFF_STEP = "off_step"
    BELOW_MIN_QUANTITY = "below_min_quantity"
    ABOVE_MAX_QUANTITY = "above_max_quantity"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    ABOVE_MAX_ORDER_NOTIONAL = "above_max_order_notional"
    PRICE_FAR_FROM_MARKET = "price_far_from_market"
    TOO_MANY_ORDERS = "too_many_orders"
    ABOVE_BOT_BUDGET = "above_bot_budget"
    ABOVE_TOTAL_EXPOSURE = "above_total_exposure"
    NOT_HELD = "not_held"
    MODE_NOT_ARMED = "mode_not_armed"
    ABOVE_MODE_CAP = "above_mode_cap"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that risk denied, with the facts it was judged on."""

    draft: Draft
    code: RefusalCode
    facts: dict[str, str]


class OrderStatus(StrEnum):
    """Where an order is in its life."""

    INTENDED = "intended"
    """Approved and journaled; whether it left is not known."""
    UNKNOWN = "unknown"
    """Sent, but the answer never came: ask by client id."""
    OPEN = "open"
    CANCELLING = "cancelling"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def live(self) -> bool:
        """Return whether the order may still fill."""
        return self in _LIVE


_LIVE = frozenset({OrderStatus.INTENDED, OrderStatus.UNKNOWN, OrderStatus.OPEN, OrderStatus.CANCELLING})


class Order(msgspec.Struct, kw_only=True):
    """An approved order and what is known of it. Changed only by ``engine.state``."""

    draft: Draft
    at: Millis
    status: OrderStatus = OrderStatus.INTENDED
    exchange_id: str = ""
    filled: Decimal = ZERO
    ended: Decimal | None = None
    """Base it filled before it left the book, where fills of it are still to be told."""

    @property
    def remaining(self) -> Decimal:
        """Return the quantity that may still fill, in base."""
        return self.draft.quantity - self.filled


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. ``fee`` is in ``fee_asset``; ``fee_quote`` is the same fee valued in quote at fill time."""

    trade_id: str
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal
    maker: bool
    at: Millis

    @property
    def notional(self) -> Decimal:
        """Return price × quantity in quote."""
        return self.price * self.quantity


_CLIENT_ID = re.compile(r"bt([a-z0-9]{0,6})-(\d+)-(\d+)-(i|p|\d+)([bs])(\d+)")
_SPECIAL = {"i": WHOLE, "p": PROTECTION}
_LETTER = {slot: letter for letter, slot in _SPECIAL.items()}


def client_id(key: OrderKey, tag: str = "") -> str:
    """Return the client order id of ``key``: at most 36 characters of ``[a-z0-9-]`` for any realistic key.

    ``tag`` tells apart installations that trade, or have traded, the same account.
    """
    slot = _LETTER.get(key.slot) or str(key.slot)
    return f"bt{tag}-{key.bot}-{key.version}-{slot}{key.side[0]}{key.cycle}"


def parse_client_id(text: str, tag: str = "") -> OrderKey | None:
    """Return the key ``text`` encodes, or None when the order is not of the installation ``tag``."""
    match = _CLIENT_ID.fullmatch(text)
    if match is None or match[1] != tag:
        return None
    _, bot, version, slot, side, cycle = match.groups()
    number = _SPECIAL[slot] if slot in _SPECIAL else int(slot)
    return OrderKey(int(bot), int(version), number, Side.BUY if side == "b" else Side.SELL, int(cycle))


def installation_of(text: str) -> str | None:
    """Return the tag of the installation that made a client order id, or None when no Batuta made it."""
    match = _CLIENT_ID.fullmatch(text)
    return match[1] if match else None


def key_of(text: str) -> OrderKey | None:
    """Return the key of a client order id, of whichever installation, or None when no Batuta made it."""
    return parse_client_id(text, installation_of(text) or "")


def bot_of(text: str) -> int:
    """Return the bot that a client order id names, of whichever installation; 0 when it names none."""
    match = _CLIENT_ID.fullmatch(text)
    return int(match[2]) if match else 0
