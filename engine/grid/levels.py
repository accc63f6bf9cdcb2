"""Lines and sizes of a grid: laid, snapped to the market's tick, tested against fees and filters.

Sources: arithmetic lines ``L[i] = lo + i·(hi - lo)/N``, geometric lines ``L[i] = lo·(hi/lo)^(i/N)``; a slot buys at its
lower line and sells at its upper one, so its net profit per unit of base is ``L[i+1]·(1 - f) - L[i]·(1 + f)`` when the
fee is taken in quote, and ``L[i+1]·(1 - f)² - L[i]`` when each fill pays in what it receives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

import msgspec

from data.grids import GridSpec, Spacing, Trigger, TriggerKind
from data.market import FeeAsset, Fees, Market, Ticker
from data.values import HUNDRED, ONE, ZERO, ceil_to, floor_to, plain, round_to
from engine.grid.plan import GridPlan, Problem, SlotPlan

NOTIONAL_MARGIN = Decimal("1.05")
"""Orders must exceed the exchange's minimum notional by this factor: prices move between planning and placing."""

INITIAL_CUSHION = Decimal("1.002")
"""The initial market buy is budgeted this much above the ask, so that slippage cannot starve the lowest line."""


def lay_lines(spec: GridSpec, tick: Decimal) -> tuple[Decimal, ...]:
    """Return ``spec.levels`` ascending prices snapped to ``tick``, each computed from its index."""
    count = spec.levels - 1
    if spec.spacing is Spacing.ARITHMETIC:
        width = spec.upper - spec.lower
        raw = (spec.lower + width * i / count for i in range(count + 1))
    else:
        ratio = spec.upper / spec.lower
        raw = (spec.lower * ratio ** (Decimal(i) / count) for i in range(count + 1))
    return tuple(round_to(price, tick) for price in raw)


def net_profit(lower: Decimal, upper: Decimal, fees: Fees, rate: Decimal | None = None) -> Decimal:
    """Return the profit in quote of one cycle of one unit of base, after both fees (``rate`` defaults to maker)."""
    fee = fees.maker if rate is None else rate
    if fees.asset is FeeAsset.QUOTE:
        return upper * (ONE - fee) - lower * (ONE + fee)
    return upper * (ONE - fee) * (ONE - fee) - lower


def plan_grid(spec: GridSpec, market: Market, ticker: Ticker) -> GridPlan:
    """Return what this grid would be at these prices, with every problem that forbids it."""
    problems = list(_shape_problems(spec))
    if problems:
        return _empty_plan(spec, market, ticker, problems)
    lines = lay_lines(spec, market.filters.price_tick)
    problems += _line_problems(spec, lines, market)
    if problems:
        return _empty_plan(spec, market, ticker, problems)
    quantity = _affordable(spec.investment, lines, market, ticker.ask)
    problems += _exit_problems(spec, ticker)
    short = _funding_problem(spec, quantity, lines, market) or _initial_problem(spec, quantity, lines, market, ticker)
    if short is None:
        return _full_plan(spec, market, ticker, lines, quantity, tuple(problems))
    plan = _empty_plan(spec, market, ticker, [*problems, short])
    smallest = _needed(_smallest_quantity(lines[0], market), lines, market, ticker.ask)
    return _advise_funding(plan, smallest)


def _empty_plan(spec: GridSpec, market: Market, ticker: Ticker, problems: list[Problem]) -> GridPlan:
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


def _shape_problems(spec: GridSpec) -> list[Problem]:
    found = []
    if spec.lower <= ZERO:
        found.append(_problem("lower", spec.lower, "the lowest line must be a price", "a number above 0"))
    if spec.upper <= spec.lower:
        accepted = f"a price above lower ({plain(spec.lower)})"
        found.append(_problem("upper", spec.upper, "the highest line is not above the lowest", accepted))
    if not 2 <= spec.levels <= 1001:
        found.append(
            _problem("levels", spec.levels, "a grid needs at least two lines", "a whole number from 2 to 1001")
        )
    if spec.investment <= ZERO:
        found.append(_problem("investment", spec.investment, "there is nothing to invest", "an amount above 0"))
    return found


def _line_problems(spec: GridSpec, lines: Sequence[Decimal], market: Market) -> list[Problem]:
    tick, fees, limit = market.filters.price_tick, market.fees, market.filters.max_orders
    if len(set(lines)) < len(lines) or lines[0] <= ZERO:
        most = int((spec.upper - spec.lower) / tick) + 1
        text = f"lines fall together on the price tick {plain(tick)}"
        return [_problem("levels", spec.levels, text, f"at most {most} lines, or a wider range")]
    if spec.levels - 1 > limit:
        text = f"the exchange allows {limit} open orders on this market"
        return [_problem("levels", spec.levels, text, f"at most {limit + 1}")]
    worst = min(range(len(lines) - 1), key=lambda i: net_profit(lines[i], lines[i + 1], fees) / lines[i])
    if net_profit(lines[worst], lines[worst + 1], fees) > ZERO:
        return []
    lower, upper = plain(lines[worst]), plain(lines[worst + 1])
    text = f"slot {lower} → {upper} would lose money to fees of {plain(fees.maker * HUNDRED)} % on each side"
    return [
        _problem("levels", spec.levels, text, f"at most {_profitable_levels(spec, market)} lines, or a wider range")
    ]


def _profitable_levels(spec: GridSpec, market: Market) -> int:
    def fits(levels: int) -> bool:
        lines = lay_lines(_with_levels(spec, levels), market.filters.price_tick)
        pairs = pairwise(lines)
        return len(set(lines)) == len(lines) and all(net_profit(a, b, market.fees) > ZERO for a, b in pairs)

    return _largest(spec.levels, fits)


def _largest(levels: int, fits: Callable[[int], bool]) -> int:
    """Bisect for the largest number of lines below ``levels`` that fits; 0 when not even two do."""
    low, high = 1, levels
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low if low > 1 else 0


def _with_levels(spec: GridSpec, levels: int) -> GridSpec:
    return msgspec.structs.replace(spec, levels=levels)


def _exit_problems(spec: GridSpec, ticker: Ticker) -> list[Problem]:
    found = []
    last, tp, sl = ticker.last, spec.take_profit, spec.stop_loss
    for field, trigger in (("take_profit", tp), ("stop_loss", sl)):
        problem = exit_problem(field, trigger, last) if trigger else None
        if problem:
            found.append(problem)
    return found


def exit_problem(field: str, trigger: Trigger, last: Decimal) -> Problem | None:
    """Return why an exit at ``trigger`` makes no sense with the market at ``last``, or None."""
    if trigger.value <= ZERO:
        return _problem(field, str(trigger), "an exit must be above zero", "a price such as 25000, or a percent as 10%")
    if trigger.kind is TriggerKind.PERCENT:
        if field == "stop_loss" and trigger.value >= HUNDRED:
            return _problem(field, str(trigger), "more than everything cannot be lost", "a percent below 100%")
        return None
    if field == "take_profit" and trigger.value <= last:
        return _problem(field, str(trigger), "the price is there already", f"a price above {plain(last)}")
    if field == "stop_loss" and trigger.value >= last:
        return _problem(field, str(trigger), "the price is there already", f"a price below {plain(last)}")
    return None


def _needed(quantity: Decimal, lines: Sequence[Decimal], market: Market, ask: Decimal) -> Decimal:
    """Return the quote that ``quantity`` of base per slot takes: bought now where full, reserved where empty."""
    full = sum(1 for upper in lines[1:] if upper > ask)
    _, initial = initial_order(quantity * full, market, ask)
    return initial * INITIAL_CUSHION + sum(lines[: len(lines) - 1 - full], ZERO) * quantity * _maker(market.fees)


def _affordable(investment: Decimal, lines: Sequence[Decimal], market: Market, ask: Decimal) -> Decimal:
    """Return the largest quantity per slot, on the step, that ``investment`` pays for."""
    fees, step = market.fees, market.filters.quantity_step
    taker = ONE + fees.taker if fees.asset is FeeAsset.QUOTE else _grossed(fees.taker)
    full = sum(1 for upper in lines[1:] if upper > ask)
    per_unit = ask * taker * INITIAL_CUSHION * full + sum(lines[: len(lines) - 1 - full], ZERO) * _maker(fees)
    quantity = floor_to(investment / per_unit, step)
    # Rounding the initial buy up to the step costs up to one step more.
    while quantity > ZERO and _needed(quantity, lines, market, ask) > investment:
        quantity -= step
    return quantity


def _maker(fees: Fees) -> Decimal:
    """Return the quote a resting buy takes per quote of its notional."""
    return ONE + fees.maker if fees.asset is FeeAsset.QUOTE else ONE


def _grossed(rate: Decimal) -> Decimal:
    # Buying one unit net of a fee taken in base costs 1/(1 - f) units.
    return ONE / (ONE - rate)


def _smallest_quantity(lowest: Decimal, market: Market) -> Decimal:
    filters = market.filters
    least = max(filters.min_quantity, filters.min_notional * NOTIONAL_MARGIN / lowest, filters.quantity_step)
    if market.fees.asset is FeeAsset.RECEIVED:
        # What the fee leaves is sold, and bought back, in whole steps: each leg may be short of a step on that account,
        # and a leg below the minimum would never be placed.
        least = least * _grossed(market.fees.maker) + 2 * filters.quantity_step
    return ceil_to(least, filters.quantity_step)


def _funding_problem(spec: GridSpec, quantity: Decimal, lines: Sequence[Decimal], market: Market) -> Problem | None:
    filters = market.filters
    if quantity < _smallest_quantity(lines[0], market):
        text = (
            f"each slot would hold {plain(quantity)}, under the market's minimum of "
            f"{plain(filters.min_quantity)} base and {plain(filters.min_notional)} quote"
        )
        return _problem("investment", spec.investment, text, "")
    if filters.max_quantity is not None and quantity > filters.max_quantity:
        text = f"each slot would hold {plain(quantity)}, over the market's maximum"
        return _problem("investment", spec.investment, text, f"at most {plain(filters.max_quantity)} base per slot")
    return None


def _initial_problem(
    spec: GridSpec, quantity: Decimal, lines: Sequence[Decimal], market: Market, ticker: Ticker
) -> Problem | None:
    most = market.filters.max_quantity
    full = sum(1 for upper in lines[1:] if upper > ticker.ask)
    buy, _ = initial_order(quantity * full, market, ticker.ask)
    if most is None or buy <= most:
        return None
    text = f"the first purchase of {plain(buy)} is over the market's maximum of {plain(most)} in one order"
    return _problem("investment", spec.investment, text, "a smaller investment, or a range that reaches less far up")


def _advise_funding(plan: GridPlan, smallest: Decimal) -> GridPlan:
    spec, market, ticker = plan.spec, plan.market, plan.ticker

    def fits(levels: int) -> bool:
        lines = lay_lines(_with_levels(spec, levels), market.filters.price_tick)
        return _needed(_smallest_quantity(lines[0], market), lines, market, ticker.ask) <= spec.investment

    needed = smallest.to_integral_value(ROUND_CEILING) if smallest > 10 else ceil_to(smallest, Decimal("0.00000001"))
    largest = _largest(spec.levels, fits)
    *others, short = plan.problems
    if not short.accepted:
        accepted = f"at least {plain(needed)} for {spec.levels} lines"
        accepted += f", or at most {largest} lines" if largest else ""
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
        _slot_plan(i, lower, upper, quantity, upper > ticker.ask, market.fees)
        for i, (lower, upper) in enumerate(pairwise(lines))
    )
    held = sum((slot.quantity for slot in slots if slot.full), ZERO)
    buy, cost = initial_order(held, market, ticker.ask)
    maker = _maker(market.fees)
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
    buy = ceil_to(held * _grossed(fees.taker), step)
    return buy, buy * price


def _slot_plan(i: int, lower: Decimal, upper: Decimal, quantity: Decimal, full: bool, fees: Fees) -> SlotPlan:
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


def _worst_at_stop(spec: GridSpec, market: Market, slots: Sequence[SlotPlan], initial_cost: Decimal) -> Decimal | None:
    """Return total P&L if price falls straight to the stop and everything bought on the way is sold there."""
    stop, taker = spec.stop_loss, ONE - market.fees.taker
    if stop is None:
        return None
    if stop.kind is TriggerKind.PERCENT:
        return -stop.change(spec.investment)
    maker = _maker(market.fees)
    bought = [slot for slot in slots if not slot.full and slot.lower > stop.value]
    spent = sum((slot.quantity * slot.lower * maker for slot in bought), initial_cost)
    held = sum((slot.quantity for slot in slots if slot.full), ZERO) + sum((slot.quantity for slot in bought), ZERO)
    return held * stop.value * taker - spent


def _problem(field: str, value: object, problem: str, accepted: str) -> Problem:
    text = plain(value) if isinstance(value, Decimal) else str(value)
    return Problem(field=field, value=text, problem=problem, accepted=accepted)
