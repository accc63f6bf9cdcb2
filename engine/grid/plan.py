"""What a grid would be before it starts: lines, sizes, profit per slot, worst cases, and every problem found."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.grids import GridSpec
from data.market import Market, Ticker
from data.values import ZERO, plain


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a grid cannot start: the field, its value, and what would be accepted."""

    field: str
    value: str
    problem: str
    accepted: str

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.field}: {self.value}: {self.problem}; accepted: {self.accepted}"


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
    """Quote it costs, fee included; on a perpetual the margin of what is bought or sold at the start, and the fee."""
    reserve: Decimal
    """Quote kept for the resting buys, fees included; on a perpetual the further margin of all resting orders."""
    unused: Decimal
    """Part of the investment that rounding leaves idle."""
    worst_at_lower: Decimal
    """Total P&L in quote if price falls straight to the lowest line."""
    worst_at_stop: Decimal | None
    """Total P&L in quote at the stop loss, taker fee included; None without one."""
    initial_sell: Decimal = ZERO
    """Base sold short at the start."""
    worst_at_upper: Decimal | None = None
    """Total P&L in quote if price rises straight to the highest line; None on spot."""
    liquidation_below: Decimal | None = None
    """Price of liquidation once all bids have filled; None when no fall of the price leads there."""
    liquidation_above: Decimal | None = None
    """The same once all offers have filled."""
    open_quantity: Decimal = ZERO
    """Base that a grid without a highest line holds beyond the lines that are laid at first."""
    window: int = 0
    """Most orders that will rest at once, those nearest to the price; 0 when all do."""
    problems: tuple[Problem, ...] = ()
    largest_levels: int | None = None
    """Largest number of lines this investment can fund, when that is the problem."""
    smallest_investment: Decimal | None = None
    """Smallest investment that funds this many lines, when that is the problem."""
    leverages: tuple[int, int] | None = None
    """Smallest and largest leverage that work, when the leverage asked for does not."""


def refused_plan(spec: GridSpec, market: Market, ticker: Ticker, problems: Sequence[Problem]) -> GridPlan:
    """Return the plan of a grid that cannot be."""
    return GridPlan(
        spec=spec,
        market=market,
        ticker=ticker,
        lines=(),
        slots=(),
        quantity=ZERO,
        initial_buy=ZERO,
        initial_cost=ZERO,
        reserve=ZERO,
        unused=spec.investment,
        worst_at_lower=ZERO,
        worst_at_stop=None,
        problems=tuple(problems),
    )


def problem(field: str, value: object, text: str, accepted: str) -> Problem:
    """Return a problem of one field; a number is written as a person writes it."""
    shown = plain(value) if isinstance(value, Decimal) else str(value)
    return Problem(field=field, value=shown, problem=text, accepted=accepted)
