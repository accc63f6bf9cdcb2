"""What a grid's money pays for: the largest equal quantity per slot, and the plan that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

import msgspec

from data.grids import GridSpec, TriggerKind
from data.limits import RiskLimits
from data.market import FeeAsset, Fees, Market, Ticker
from data.values import ONE, ZERO, ceil_to, floor_to, plain
from engine.grid.infinity import plan_infinity
from engine.grid.levels import (
    exit_problems,
    grossed,
    largest_levels,
    lay_lines,
    line_problems,
    shape_problems,
    slot_plan,
    smallest_quantity,
    with_levels,
)
from engine.grid.margin import plan_perpetual
from engine.grid.options import option_problems, window_of, window_problem
from engine.grid.plan import GridPlan, Problem, SlotPlan, problem, refused_plan

INITIAL_CUSHION = Decimal("1.002")
"""The initial market buy is budgeted this much above the ask, so that slippage cannot starve the lowest line."""


def plan_grid(
    spec: GridSpec, market: Market, ticker: Ticker, limits: RiskLimits | None = None, room: int | None = None
) -> GridPlan:
    """Return what this grid would be at these prices, with every problem that forbids it.

    ``room`` is how many orders the market still takes, all it ever does when None.
    """
    room = market.filters.max_orders if room is None else room
    window = window_of(spec.levels - 1, room)
    if window < 0:
        return refused_plan(spec, market, ticker, [*shape_problems(spec, market), window_problem(spec, room)])
    return msgspec.structs.replace(_plan(spec, market, ticker, limits), window=window)


def _plan(spec: GridSpec, market: Market, ticker: Ticker, limits: RiskLimits | None) -> GridPlan:
    problems = [*shape_problems(spec, market), *option_problems(spec, market)]
    if problems:
        return refused_plan(spec, market, ticker, problems)
    lines = lay_lines(spec, market.filters.price_tick)
    problems = line_problems(spec, lines, market)
    if problems:
        return refused_plan(spec, market, ticker, problems)
    problems = exit_problems(spec, ticker)
    if market.perpetual:
        return plan_perpetual(spec, market, ticker, lines, limits or RiskLimits(), problems)
    return _plan_spot(spec, market, ticker, lines, problems)


def _plan_spot(
    spec: GridSpec, market: Market, ticker: Ticker, lines: tuple[Decimal, ...], problems: list[Problem]
) -> GridPlan:
    quantity = _affordable(spec.investment, lines, market, ticker.ask)
    short = _funding_problem(spec, quantity, lines, market) or _initial_problem(spec, quantity, lines, market, ticker)
    if short is None:
        plan = _full_plan(spec, market, ticker, lines, quantity, tuple(problems))
        return plan_infinity(plan, problems) if spec.infinity else plan
    plan = refused_plan(spec, market, ticker, [*problems, short])
    smallest = _needed(smallest_quantity(lines[0], market), lines, market, ticker.ask)
    return _advise_funding(plan, smallest)


def _needed(quantity: Decimal, lines: Sequence[Decimal], market: Market, ask: Decimal) -> Decimal:
    """Return the quote that ``quantity`` of base per slot takes: bought now where full, reserved where empty."""
    full = sum(1 for upper in lines[1:] if upper > ask)
    _, initial = initial_order(quantity * full, market, ask)
    return initial * INITIAL_CUSHION + sum(lines[: len(lines) - 1 - full], ZERO) * quantity * maker_cost(market.fees)


def _affordable(investment: Decimal, lines: Sequence[Decimal], market: Market, ask: Decimal) -> Decimal:
    """Return the largest quantity per slot, on the step, that ``investment`` pays for."""
    fees, step = market.fees, market.filters.quantity_step
    taker = ONE + fees.taker if fees.asset is FeeAsset.QUOTE else grossed(fees.taker)
    full = sum(1 for upper in lines[1:] if upper > ask)
    per_unit = ask * taker * INITIAL_CUSHION * full + sum(lines[: len(lines) - 1 - full], ZERO) * maker_cost(fees)
    quantity = floor_to(investment / per_unit, step)
    # Rounding the initial buy up to the step costs up to one step more.
    while quantity > ZERO and _needed(quantity, lines, market, ask) > investment:
        quantity -= step
    return quantity


def _funding_problem(spec: GridSpec, quantity: Decimal, lines: Sequence[Decimal], market: Market) -> Problem | None:
    filters = market.filters
    if quantity < smallest_quantity(lines[0], market):
        text = (
            f"each slot would hold {plain(quantity)}, under the market's minimum of "
            f"{plain(filters.min_quantity)} base and {plain(filters.min_notional)} quote"
        )
        return problem("investment", spec.investment, text, "")
    if filters.max_quantity is not None and quantity > filters.max_quantity:
        text = f"each slot would hold {plain(quantity)}, over the market's maximum"
        return problem("investment", spec.investment, text, f"at most {plain(filters.max_quantity)} base per slot")
    return None


def _initial_problem(
    spec: GridSpec, quantity: Decimal, lines: Sequence[Decimal], market: Market, ticker: Ticker
) -> Problem | None:
    most = market.filters.most_at_market
    full = sum(1 for upper in lines[1:] if upper > ticker.ask)
    buy, _ = initial_order(quantity * full, market, ticker.ask)
    if most is None or buy <= most:
        return None
    text = f"the first purchase of {plain(buy)} is over the market's maximum of {plain(most)} in one order"
    return problem("investment", spec.investment, text, "a smaller investment, or a range that reaches less far up")


def _advise_funding(plan: GridPlan, smallest: Decimal) -> GridPlan:
    spec, market, ticker = plan.spec, plan.market, plan.ticker

    def fits(levels: int) -> bool:
        lines = lay_lines(with_levels(spec, levels), market.filters.price_tick)
        return _needed(smallest_quantity(lines[0], market), lines, market, ticker.ask) <= spec.investment

    needed = smallest.to_integral_value(ROUND_CEILING) if smallest > 10 else ceil_to(smallest, Decimal("0.00000001"))
    largest = largest_levels(spec.levels, fits)
    *others, short = plan.problems
    if not short.accepted:
        accepted = f"at least {plain(needed)} for {spec.levels} lines"
        if largest:
            accepted = f"{accepted}, or at most {largest} lines"
        short = msgspec.structs.replace(short, accepted=accepted)
    return msgspec.structs.replace(
        plan, problems=(*others, short), smallest_investment=needed, largest_levels=largest or None
    )


def _full_plan(
    spec: GridSpec,
    market: Market,
    ticker: Ticker,
    lines: tuple[Decimal, ...],
    quantity: Decimal,
    problems: tuple[Problem, ...],
) -> GridPlan:
    slots = tuple(
        slot_plan(i, lower, upper, quantity, upper > ticker.ask, market.fees)
        for i, (lower, upper) in enumerate(pairwise(lines))
    )
    held = sum((slot.quantity for slot in slots if slot.full), ZERO)
    buy, cost = initial_order(held, market, ticker.ask)
    maker = maker_cost(market.fees)
    reserve = sum((slot.quantity * slot.lower * maker for slot in slots if not slot.full), ZERO)
    at_lower = sum((slot.quantity for slot in slots), ZERO) * lines[0] - cost - reserve
    return GridPlan(
        spec=spec,
        market=market,
        ticker=ticker,
        lines=lines,
        slots=slots,
        quantity=quantity,
        initial_buy=buy,
        initial_cost=cost,
        reserve=reserve,
        unused=spec.investment - cost - reserve,
        worst_at_lower=at_lower,
        worst_at_stop=_worst_at_stop(spec, market, slots, cost),
        problems=problems,
    )


def initial_order(held: Decimal, market: Market, price: Decimal) -> tuple[Decimal, Decimal]:
    """Return the base to buy at market so that ``held`` arrives after fees, and the quote it costs at ``price``."""
    fees, step = market.fees, market.filters.quantity_step
    if held == ZERO:
        return ZERO, ZERO
    if fees.asset is FeeAsset.QUOTE:
        return held, held * price * (ONE + fees.taker)
    buy = ceil_to(held * grossed(fees.taker), step)
    return buy, buy * price


def _worst_at_stop(spec: GridSpec, market: Market, slots: Sequence[SlotPlan], initial_cost: Decimal) -> Decimal | None:
    """Return total P&L if price falls straight to the stop and everything bought on the way is sold there."""
    stop, taker = spec.stop_loss, ONE - market.fees.taker
    if stop is None:
        return None
    if stop.kind is TriggerKind.PERCENT:
        return -stop.change(spec.investment)
    maker = maker_cost(market.fees)
    bought = [slot for slot in slots if not slot.full and slot.lower > stop.value]
    spent = sum((slot.quantity * slot.lower * maker for slot in bought), initial_cost)
    held = sum((slot.quantity for slot in slots if slot.full), ZERO) + sum((slot.quantity for slot in bought), ZERO)
    return held * stop.value * taker - spent


def maker_cost(fees: Fees) -> Decimal:
    """Return the quote a resting buy takes per quote of its notional."""
    return ONE + fees.maker if fees.asset is FeeAsset.QUOTE else ONE
