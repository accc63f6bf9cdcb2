"""What a person asks of a grid: its range, spacing, money, exits."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from data.values import HUNDRED, Millis, Mode, plain


class Spacing(StrEnum):
    """How the lines are laid between lower and upper."""

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"


class OutOfRange(StrEnum):
    """What a bot does when price leaves its range."""

    HOLD = "hold"
    """Keep everything and say so."""
    STOP_KEEP = "stop_keep"
    """Cancel all orders and keep the inventory."""
    STOP_SELL = "stop_sell"
    """Cancel all orders and sell the inventory."""
    RECENTRE = "recentre"
    """Close the ledger and lay the grid anew around the price, under the conditions of ``Recentring``."""


class Direction(StrEnum):
    """What a grid on a perpetual starts with, and so which side it profits from; on spot always long."""

    LONG = "long"
    """Starts with what its sells need, bought."""
    NEUTRAL = "neutral"
    """Starts flat: sells above open shorts, buys below open longs."""
    SHORT = "short"
    """Starts with what its buys will cover, sold."""


class MarginMode(StrEnum):
    """Which money answers for a position."""

    CROSS = "cross"
    """The whole account."""
    ISOLATED = "isolated"
    """What was set aside for the position alone."""


class TriggerKind(StrEnum):
    """What an exit level is compared with."""

    PRICE = "price"
    """The market's last price, in quote."""
    PERCENT = "percent"
    """The bot's total profit or loss, in percent of its investment."""


class Trigger(msgspec.Struct, frozen=True):
    """A take profit or stop loss on the whole bot. ``value`` is positive for both kinds; a stop loss of 5 % is 5."""

    kind: TriggerKind
    value: Decimal

    def __str__(self) -> str:
        """Return the level as a person types it."""
        return plain(self.value) + ("%" if self.kind is TriggerKind.PERCENT else "")

    def change(self, invested: Decimal) -> Decimal:
        """Return the profit or loss in quote that a percent trigger stands for."""
        return invested * self.value / HUNDRED


class Recentring(msgspec.Struct, frozen=True, kw_only=True):
    """When a grid that recentres may do so."""

    distance_percent: Decimal = Decimal(1)
    """How far beyond its edge price must be, in percent of the edge."""
    patience_millis: Millis = 3_600_000
    """How long it must have been out of the range."""
    cooldown_millis: Millis = 21_600_000
    """Least time between two recentrings."""
    per_day: int = 2
    gate: bool = True
    """Recentre only when what the grid earns between two recentrings exceeds what this one costs."""


class GridSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that defines one bot. Prices and ``investment`` in quote; ``levels`` counts price lines."""

    symbol: str
    mode: Mode = Mode.SHADOW
    lower: Decimal
    upper: Decimal
    levels: int
    """Number of price lines, at least 2; the grid has ``levels - 1`` slots."""
    spacing: Spacing = Spacing.GEOMETRIC
    investment: Decimal
    take_profit: Trigger | None = None
    stop_loss: Trigger | None = None
    out_of_range: OutOfRange = OutOfRange.HOLD
    direction: Direction = Direction.LONG
    leverage: int = 1
    """Times the investment that may be at work on a perpetual; 1 on spot."""
    margin: MarginMode = MarginMode.CROSS
    trail_up: Decimal | None = None
    """Highest price that the top line may follow the market to; None when it stays."""
    trail_down: Decimal | None = None
    """Lowest price that the bottom line may follow the market to; every step down realises a loss."""
    recentring: Recentring = Recentring()
    """Conditions of ``OutOfRange.RECENTRE``."""
    trigger_price: Decimal | None = None
    """Price that must be touched before the grid is planned and started; None starts it at once."""
    infinity: bool = False
    """Has no highest line: base of the same worth is kept however far price rises."""
    reinvest: bool = False
    """Lets slots grow by what completed cycles have earned."""
