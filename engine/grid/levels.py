"""Lines of a grid: laid, snapped to the market's tick, tested against fees and filters.

Sources: arithmetic lines ``L[i] = lo + i·(hi - lo)/N``, geometric lines ``L[i] = lo·(hi/lo)^(i/N)``; a slot buys at its
lower line and sells at its upper one, so its net profit per unit of base is ``L[i+1]·(1 - f) - L[i]·(1 + f)`` when the
fee is taken in quote, and ``L[i+1]·(1 - f)² - L[i]`` when each fill pays in what it receives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from data.grids import Direction, GridSpec, Spacing, Trigger, TriggerKind
from data.market import FeeAsset, Fees, Market, Ticker
from data.values import HUNDRED, ONE, ZERO, ceil_to, plain, round_to
from engine.grid.plan import Problem, SlotPlan, problem

NOTIONAL_MARGIN = Decimal("1.05")
"""Orders must exceed the exchange's minimum notional by this factor: prices move between planning and placing."""


def with_orders_of(market: Market, least: Decimal) -> Market:
    """Return a market as a grid on it is planned: with no order smaller than ``least`` (quote), margin included."""
    filters = market.filters
    notional = max(filters.min_notional, least / NOTIONAL_MARGIN)
    return msgspec.structs.replace(market, filters=msgspec.structs.replace(filters, min_notional=notional))


def lay_lines(spec: GridSpec, tick: Decimal) -> tuple[Decimal, ...]:
    """Return ``spec.levels`` ascending prices snapped to ``tick``, each computed from its index."""
    return tuple(line_at(spec, i, tick) for i in range(spec.levels))


def line_at(spec: GridSpec, index: int, tick: Decimal) -> Decimal:
    """Return one line of a grid's spacing; indices below 0 and from ``spec.levels`` on lie outside its range."""
    count = spec.levels - 1
    if spec.spacing is Spacing.ARITHMETIC:
        return round_to(spec.lower + (spec.upper - spec.lower) * index / count, tick)
    return round_to(spec.lower * (spec.upper / spec.lower) ** (Decimal(index) / count), tick)


def net_profit(lower: Decimal, upper: Decimal, fees: Fees, rate: Decimal | None = None) -> Decimal:
    """Return the profit in quote of one cycle of one unit of base, after both fees (``rate`` defaults to maker)."""
    fee = fees.maker if rate is None else rate
    if fees.asset is FeeAsset.QUOTE:
        return upper * (ONE - fee) - lower * (ONE + fee)
    return upper * (ONE - fee) * (ONE - fee) - lower


def shape_problems(spec: GridSpec, market: Market) -> list[Problem]:
    """Return what is wrong with a grid whatever the market's prices are."""
    found = []
    if spec.lower <= ZERO:
        found.append(problem("lower", spec.lower, "the lowest line must be a price", "a number above 0"))
    if spec.upper <= spec.lower:
        accepted = f"a price above lower ({plain(spec.lower)})"
        found.append(problem("upper", spec.upper, "the highest line is not above the lowest", accepted))
    if not 2 <= spec.levels <= 1001:
        found.append(problem("levels", spec.levels, "a grid needs at least two lines", "a whole number from 2 to 1001"))
    if spec.investment <= ZERO:
        found.append(problem("investment", spec.investment, "there is nothing to invest", "an amount above 0"))
    if not market.perpetual and spec.direction is not Direction.LONG:
        text = "on spot nothing can be sold that was not bought"
        found.append(problem("direction", spec.direction.value, text, "long, or a perpetual market"))
    if not market.perpetual and spec.leverage != 1:
        found.append(problem("leverage", spec.leverage, "on spot nothing is borrowed", "1, or a perpetual market"))
    return found


def line_problems(spec: GridSpec, lines: Sequence[Decimal], market: Market) -> list[Problem]:
    """Return why these lines cannot be traded between with a profit."""
    tick, fees = market.filters.price_tick, market.fees
    if len(set(lines)) < len(lines) or lines[0] <= ZERO:
        most = int((spec.upper - spec.lower) / tick) + 1
        text = f"lines fall together on the price tick {plain(tick)}"
        return [problem("levels", spec.levels, text, _fewer(most))]
    worst = min(range(len(lines) - 1), key=lambda i: net_profit(lines[i], lines[i + 1], fees) / lines[i])
    if net_profit(lines[worst], lines[worst + 1], fees) > ZERO:
        return []
    lower, upper = plain(lines[worst]), plain(lines[worst + 1])
    text = f"slot {lower} → {upper} would lose money to fees of {plain(fees.maker * HUNDRED)} % on each side"
    return [problem("levels", spec.levels, text, _fewer(_profitable_levels(spec, market)))]


def _fewer(most: int) -> str:
    return f"at most {most} lines, or a wider range" if most > 1 else "a wider range"


def _profitable_levels(spec: GridSpec, market: Market) -> int:
    def fits(levels: int) -> bool:
        lines = lay_lines(with_levels(spec, levels), market.filters.price_tick)
        pairs = pairwise(lines)
        return len(set(lines)) == len(lines) and all(net_profit(a, b, market.fees) > ZERO for a, b in pairs)

    return largest_levels(spec.levels, fits)


def largest_levels(levels: int, fits: Callable[[int], bool]) -> int:
    """Bisect for the largest number of lines below ``levels`` that fits; 0 when not even two do."""
    low, high = 1, levels
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low if low > 1 else 0


def with_levels(spec: GridSpec, levels: int) -> GridSpec:
    """Return the same grid with another number of lines."""
    return msgspec.structs.replace(spec, levels=levels)


def exit_problems(spec: GridSpec, ticker: Ticker) -> list[Problem]:
    """Return which exits make no sense at these prices."""
    triggers = (("take_profit", spec.take_profit), ("stop_loss", spec.stop_loss))
    found = [exit_problem(field, trigger, ticker.last, spec.direction) for field, trigger in triggers if trigger]
    return [each for each in found if each]


def exit_problem(field: str, trigger: Trigger, last: Decimal, direction: Direction = Direction.LONG) -> Problem | None:
    """Return why an exit at ``trigger`` makes no sense with the market at ``last``, or None."""
    value = str(trigger)
    if trigger.value <= ZERO:
        return problem(field, value, "an exit must be above zero", "a price such as 25000, or a percent as 10%")
    if trigger.kind is TriggerKind.PERCENT:
        if field == "stop_loss" and trigger.value >= HUNDRED:
            return problem(field, value, "more than everything cannot be lost", "a percent below 100%")
        return None
    if direction is Direction.NEUTRAL:
        text = "a neutral grid may lose on either side of the price, so that one price is no exit"
        return problem(field, value, text, "a percent such as 10%")
    above = last < trigger.value
    wanted = (field == "take_profit") is (direction is Direction.LONG)
    if above is not wanted or trigger.value == last:
        accepted = f"a price {'above' if wanted else 'below'} {plain(last)}"
        return problem(field, value, "the price is there already", accepted)
    return None


def smallest_quantity(lowest: Decimal, market: Market) -> Decimal:
    """Return the least base that a slot may be made for, so that both its legs can always be placed."""
    filters = market.filters
    least = max(filters.min_quantity, filters.min_notional * NOTIONAL_MARGIN / lowest, filters.quantity_step)
    if market.fees.asset is FeeAsset.RECEIVED:
        # What the fee leaves is sold, and bought back, in whole steps: each leg may be short of a step on that account,
        # and a leg below the minimum would never be placed.
        least = least * grossed(market.fees.maker) + 2 * filters.quantity_step
    return ceil_to(least, filters.quantity_step)


def slot_plan(i: int, lower: Decimal, upper: Decimal, quantity: Decimal, full: bool, fees: Fees) -> SlotPlan:
    """Return one slot of a plan."""
    profit = net_profit(lower, upper, fees)
    return SlotPlan(
        index=i,
        lower=lower,
        upper=upper,
        quantity=quantity,
        full=full,
        net_profit=profit * quantity,
        net_percent=profit / lower * HUNDRED,
    )


def grossed(rate: Decimal) -> Decimal:
    """Return the units to buy for one to be left after a fee taken in base."""
    return ONE / (ONE - rate)
