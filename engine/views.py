"""Read-only pictures of the engine for people and agents; nothing here can change a bot."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from data.events import StopReason
from data.grids import GridSpec
from data.market import Market, Ticker
from data.orders import Order
from data.values import ZERO, Millis


class BotStatus(StrEnum):
    """Where a bot is in its life."""

    WAITING = "waiting"
    """Its price has not been touched yet; it has no slots, and its money counts as in use."""

    STARTING = "starting"
    """Waiting for its initial inventory."""
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    """Orders are being cancelled, inventory may be being sold."""
    STOPPED = "stopped"

    @property
    def active(self) -> bool:
        """Return whether the bot still holds orders or intends to."""
        return self is not BotStatus.STOPPED


class RangePosition(StrEnum):
    """Where price is relative to the grid."""

    INSIDE = "inside"
    ABOVE = "above"
    BELOW = "below"


class Danger(StrEnum):
    """How near the liquidation of a position is."""

    SAFE = "safe"
    NEAR = "near"
    """People were told."""
    REDUCING = "reducing"
    """The position may only become smaller."""

    @property
    def rank(self) -> int:
        """Return a number that grows with the danger."""
        return list(Danger).index(self)


class Profit(msgspec.Struct, frozen=True, kw_only=True):
    """A bot's books at one mark price, all in quote. ``identity_error`` is exactly zero unless a book is wrong."""

    mark: Decimal
    invested: Decimal
    cash: Decimal
    base: Decimal
    equity: Decimal
    change: Decimal
    """equity - invested."""
    grid_profit: Decimal
    """Gross profit of paired cycles."""
    unpaired: Decimal
    """Open slots and initial inventory, marked to ``mark``, and what closing them realised."""
    fees: Decimal
    identity_error: Decimal
    buy_and_hold: Decimal
    hold_initial_mix: Decimal
    cycles: int
    fills: int
    funding: Decimal = ZERO
    """Received, less paid, for positions on perpetuals."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Closing figures of one grid of a bot that has recentred since; money in quote."""

    number: int
    lower: Decimal
    upper: Decimal
    since: Millis
    until: Millis
    grid_profit: Decimal
    realised: Decimal


class SlotView(msgspec.Struct, frozen=True, kw_only=True):
    """One slot: the interval between two lines and what it holds."""

    index: int
    lower: Decimal
    upper: Decimal
    capacity: Decimal
    held: Decimal
    buying: Decimal
    selling: Decimal
    cycles: int
    virtual: bool = False
    """Too far from the price to have orders on an exchange that allows so few."""


class BotView(msgspec.Struct, frozen=True, kw_only=True):
    """One bot as of now. ``profit`` and ``ticker`` are None until the market has been seen since the start."""

    id: int
    version: int
    spec: GridSpec
    market: Market
    status: BotStatus
    position: RangePosition
    lines: tuple[Decimal, ...]
    slots: tuple[SlotView, ...]
    orders: tuple[Order, ...]
    """Live orders only."""
    started_at: Millis
    stopped_at: Millis | None
    stop_reason: StopReason | None
    start_price: Decimal
    ticker: Ticker | None
    profit: Profit | None
    danger: Danger = Danger.SAFE
    versions: tuple[Version, ...] = ()
    """Closing figures of the grids before this one, oldest first."""
    by: str = ""
    """Who started it: ``platform:user id``, or the name of an agent."""
    plan: str = ""
    """Id of the plan that it was started by."""
