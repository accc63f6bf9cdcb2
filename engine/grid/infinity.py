"""A grid without a highest line: base of one constant worth ``V``, however far price rises.

Held at price ``p`` is ``V/p``, so that the slot between two lines has room for ``V·(1/lower - 1/upper)``: selling that
at its upper line takes off what the rise has added. What lies beyond the lines that are laid, ``V/top``, waits in one
open slot that offers nothing; further lines are laid, and slots split off it, as price comes near.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

import msgspec

from data.values import ONE, ZERO, floor_to, plain
from engine.grid.levels import slot_plan, smallest_quantity
from engine.grid.plan import GridPlan, Problem, problem, refused_plan
from engine.grid.slots import Slot

NEAR = 2
"""Lines that lie above the price before another one is laid."""

CUSHION = Decimal("1.004")
"""What is budgeted above cost, so that neither slippage nor rounding starves the lowest line."""

EXACT = Decimal("1e-30")


def shares(lines: Sequence[Decimal], worth: Decimal, step: Decimal) -> tuple[list[Decimal], Decimal]:
    """Return the base of each slot, and of the open one, on the step, for base worth ``worth``."""
    parts = [floor_to(worth * (ONE / low - ONE / high), step) for low, high in pairwise(lines)]
    return parts, floor_to(worth / lines[-1], step)


def plan_infinity(priced: GridPlan, problems: list[Problem]) -> GridPlan:
    """Return the plan of a grid without a highest line; ``priced`` is an ordinary one, bought at the same prices."""
    spec, market, lines, ask = priced.spec, priced.market, priced.lines, priced.ticker.ask
    parts, beyond = shares(lines, ONE, EXACT)
    full = [high > ask for high in lines[1:]]
    held = sum((part for part, is_full in zip(parts, full, strict=True) if is_full), beyond)
    bids = sum((part * low for part, low, is_full in zip(parts, lines, full, strict=False) if not is_full), ZERO)
    worth = spec.investment / (held * _cost(priced) * CUSHION + bids * (ONE + market.fees.maker))
    sizes, beyond = shares(lines, worth, market.filters.quantity_step)
    plan = _plan(priced, sizes, beyond, problems)
    least, most = smallest_quantity(lines[0], market), market.filters.most_at_market
    if min(sizes) < least:
        text = f"its smallest slot would hold {plain(min(sizes))}, under the least of {plain(least)}"
        more = spec.investment * least / max(min(sizes), market.filters.quantity_step) * CUSHION
        accepted = f"about {plain(more.to_integral_value(ROUND_CEILING))}, or fewer lines"
    elif most is not None and plan.initial_buy > most:
        text = f"the first purchase of {plain(plan.initial_buy)} is over the market's maximum in one order"
        accepted = "a smaller investment"
    else:
        return plan
    short = problem("investment", spec.investment, text, accepted)
    return refused_plan(spec, market, priced.ticker, [*problems, short])


def _cost(priced: GridPlan) -> Decimal:
    """Return the quote that one unit of base takes which is bought at the start and held after fees."""
    held = sum((slot.quantity for slot in priced.slots if slot.full), ZERO)
    return priced.initial_cost / held if held else priced.ticker.ask / (ONE - priced.market.fees.taker)


def _plan(priced: GridPlan, sizes: list[Decimal], beyond: Decimal, problems: list[Problem]) -> GridPlan:
    market, ask, cost = priced.market, priced.ticker.ask, _cost(priced)
    slots = tuple(
        slot_plan(i, low, high, size, high > ask, market.fees)
        for i, ((low, high), size) in enumerate(zip(pairwise(priced.lines), sizes, strict=True))
    )
    held = sum((slot.quantity for slot in slots if slot.full), beyond)
    reserve = sum((slot.quantity * slot.lower for slot in slots if not slot.full), ZERO) * (ONE + market.fees.maker)
    return msgspec.structs.replace(
        priced,
        slots=slots,
        quantity=min(sizes),
        initial_buy=held,
        initial_cost=held * cost,
        reserve=reserve,
        unused=priced.spec.investment - held * cost - reserve,
        worst_at_lower=(sum(sizes, ZERO) + beyond) * priced.lines[0] - held * cost - reserve,
        open_quantity=beyond,
        problems=tuple(problems),
    )


def split(open_slot: Slot, number: int, line: Decimal, step: Decimal) -> Slot:
    """Take the slot up to ``line`` off the open one, with its share of the base, and return it."""
    edge = open_slot.lower
    quantity = floor_to(open_slot.held * (ONE - edge / line), step)
    lots = open_slot.take(quantity) if quantity > ZERO else []
    open_slot.lower = open_slot.upper = line
    open_slot.capacity = open_slot.held
    return Slot(index=number, lower=edge, upper=line, capacity=quantity, lots=lots, held=quantity)
