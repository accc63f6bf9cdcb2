"""What a grid would be before it starts: lines, sizes, profit per slot, worst cases, and every problem found."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.grids import GridSpec
from data.market import Market, Ticker


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a grid cannot start: the field, its value, and what would be accepted."""

    field: str
    value: str
    problem: str
    accepted: str


class SlotPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One slot to be: prices in quote, quantity in base, ``net_profit`` per cycle in quote after both fees."""

    index: int
    lower: Decimal
    upper: Decimal
    quantity: Decimal
    full: bool
    """Starts full: its base is bought at the start."""
    net_profit: Decimal
    net_percent: Decimal
    """``net_profit`` as a percentage of what the buy costs."""


class GridPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A grid priced at one moment. It may start only when ``problems`` is empty."""

    spec: GridSpec
    market: Market
    ticker: Ticker
    lines: tuple[Decimal, ...]
    slots: tuple[SlotPlan, ...]
    quantity: Decimal
    """Base per slot."""
    initial_buy: Decimal
    """Base bought at the start."""
    initial_cost: Decimal
    """Quote it costs, fee included."""
    reserve: Decimal
    """Quote kept for the resting buys, fees included."""
    unused: Decimal
    """Part of the investment that rounding leaves idle."""
    worst_at_lower: Decimal
    """Total P&L in quote if price falls straight to the lowest line."""
    worst_at_stop: Decimal | None
    """Total P&L in quote at the stop loss, taker fee included; None without one."""
    problems: tuple[Problem, ...] = ()
    largest_levels: int | None = None
    """Largest number of lines this investment can fund, when that is the problem."""
    smallest_investment: Decimal | None = None
    """Smallest investment that funds this many lines, when that is the problem."""
