"""What the money of a perpetual grid answers for: the largest equal quantity per slot that no edge of the range breaks.

Three conditions, each for the end of the range at which all bids, and the one at which all offers have filled:

    liquidation   what is then held is not liquidated before the price is a buffer beyond that end
    margin        what is then held needs no more initial margin than there is equity, less a reserve
    start         position and resting orders of the more demanding side need no more than the investment allows

The money is the investment in cross margin, and what leverage sets aside for the position alone in isolated margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import NamedTuple

import msgspec

from data.grids import Direction, GridSpec, MarginMode, TriggerKind
from data.limits import RiskLimits
from data.market import Market, Ticker
from data.values import HUNDRED, ONE, ZERO, plain
from engine.grid.levels import largest_levels, lay_lines, line_problems, slot_plan, smallest_quantity, with_levels
from engine.grid.liquidation import beyond, isolated_cash, leverage_allowed, liquidation_price, survives
from engine.grid.plan import GridPlan, Problem, problem, refused_plan

SLIPPAGE = Decimal("0.002")
"""The initial market order is budgeted this much worse than the book."""


class Reach(msgspec.Struct, frozen=True):
    """What one unit of base per slot has become once price has gone somewhere: position, and its cash flow."""

    position: Decimal
    flow: Decimal
    entered: Decimal
    """Notional of everything traded on the way."""


class _Shape(NamedTuple):
    """What one unit of base per slot comes to: the initial order, the notional at the start, the ends of the range."""

    start: Reach
    demand: Decimal
    ends: list[tuple[Decimal, Reach]]


class _Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """One grid at one price, and the conditions of its size."""

    spec: GridSpec
    market: Market
    ticker: Ticker
    lines: tuple[Decimal, ...]
    limits: RiskLimits

    @property
    def reserve(self) -> Decimal:
        """Return the quote that margin leaves free."""
        return self.spec.investment * self.limits.margin_reserve_percent / HUNDRED

    def full(self, upper: Decimal) -> bool:
        """Return whether the slot below ``upper`` starts full."""
        return upper > self.ticker.ask

    def initial(self) -> Reach:
        """Return the initial order per unit: bought for what offers of a long grid sell, sold for bids of a short."""
        full = sum(1 for upper in self.lines[1:] if self.full(upper))
        count, price = ZERO, ZERO
        if self.spec.direction is Direction.LONG:
            count, price = Decimal(full), self.ticker.ask * (ONE + SLIPPAGE)
        elif self.spec.direction is Direction.SHORT:
            count, price = Decimal(full - len(self.lines) + 1), self.ticker.bid * (ONE - SLIPPAGE)
        taken = abs(count) * price
        return Reach(count, -count * price - taken * self.market.fees.taker, taken)

    def reach(self, price: Decimal) -> Reach:
        """Return what has become of a unit per slot once price has gone straight to ``price`` and filled on the way."""
        start, fee = self.initial(), self.market.fees.maker
        pairs = list(pairwise(self.lines))
        bids = [low for low, high in pairs if not self.full(high) and low >= price]
        offers = [high for _, high in pairs if self.full(high) and high <= price]
        bought, sold = sum(bids, ZERO), sum(offers, ZERO)
        flow = start.flow - bought * (ONE + fee) + sold * (ONE - fee)
        return Reach(start.position + len(bids) - len(offers), flow, start.entered + bought + sold)

    def ends(self) -> list[tuple[Decimal, Reach]]:
        """Return the ends of the range at which something is held, and what."""
        both = [(edge, self.reach(edge)) for edge in (self.lines[0], self.lines[-1])]
        return [(edge, reach) for edge, reach in both if reach.position != ZERO]

    def answering(self, reach: Reach, quantity: Decimal) -> Decimal:
        """Return what the position at one end answers with, as ``liquidation_price`` takes it."""
        if self.spec.margin is MarginMode.CROSS:
            return self.spec.investment + reach.flow * quantity
        return isolated_cash(reach.position * quantity, reach.entered / abs(reach.position), self.spec.leverage)

    def demand(self) -> Decimal:
        """Return the notional per unit that the start must answer for: position and the more demanding orders."""
        start = self.initial()
        bids = sum((low for low, high in pairwise(self.lines) if not self.full(high)), ZERO)
        offers = sum((high for high in self.lines[1:] if self.full(high)), ZERO)
        match self.spec.direction:
            case Direction.LONG:
                return start.entered + bids
            case Direction.SHORT:
                return start.entered + offers
            case Direction.NEUTRAL:
                return max(bids, offers)

    def shape(self) -> _Shape:
        """Return what a unit per slot comes to."""
        return _Shape(self.initial(), self.demand(), self.ends())

    def sound(self, shape: _Shape, quantity: Decimal) -> bool:
        """Return whether ``quantity`` per slot keeps every condition."""
        spec, start = self.spec, shape.start
        # What was taken at market leaves the account its worth, less slippage and fee.
        lost = abs(start.position * self.ticker.last + start.flow) * quantity
        if shape.demand * quantity / spec.leverage > spec.investment - self.reserve - lost:
            return False
        buffer = self.limits.buffer(ONE)
        for edge, reach in shape.ends:
            position, side = reach.position * quantity, 1 if reach.position > ZERO else -1
            equity = spec.investment + reach.flow * quantity + position * edge
            if abs(position) * edge / spec.leverage > equity - self.reserve:
                return False
            if not survives(self.answering(reach, quantity), position, beyond(edge, side, buffer), self.market.tiers):
                return False
        return True

    def quantity(self) -> Decimal:
        """Return the largest sound quantity on the step; zero when there is none."""
        step, shape = self.market.filters.quantity_step, self.shape()
        low, high = 0, int(self.spec.investment * self.spec.leverage / shape.demand / step) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.sound(shape, middle * step) else (low, middle)
        return low * step

    def held(self, quantity: Decimal) -> Decimal:
        """Return the largest notional that may be held."""
        return max((abs(reach.position) * edge for edge, reach in self.ends()), default=ZERO) * quantity

    def works(self) -> bool:
        """Return whether this grid could start, as far as money and leverage go."""
        if line_problems(self.spec, self.lines, self.market):
            return False
        quantity = self.quantity()
        if quantity < smallest_quantity(self.lines[0], self.market):
            return False
        return self.spec.leverage <= leverage_allowed(self.held(quantity), self.market.tiers)

    def but(self, **changes: object) -> _Sizing:
        """Return the same with another spec."""
        spec = msgspec.structs.replace(self.spec, **changes)
        return msgspec.structs.replace(self, spec=spec, lines=lay_lines(spec, self.market.filters.price_tick))


def plan_perpetual(
    spec: GridSpec,
    market: Market,
    ticker: Ticker,
    lines: tuple[Decimal, ...],
    limits: RiskLimits,
    problems: Sequence[Problem],
) -> GridPlan:
    """Return what a grid on a perpetual would be, with every problem that forbids it."""
    found = [*problems, *_leverage_problems(spec, market, limits)]
    sizing = _Sizing(spec=spec, market=market, ticker=ticker, lines=lines, limits=limits)
    if len(found) > len(problems):
        return refused_plan(spec, market, ticker, found)
    quantity = sizing.quantity()
    short = _size_problem(sizing, quantity)
    if short is not None:
        return _advised(refused_plan(spec, market, ticker, found), sizing, short)
    return _plan(sizing, quantity, tuple(found))


def _leverage_problems(spec: GridSpec, market: Market, limits: RiskLimits) -> list[Problem]:
    if not market.tiers:
        text = "how the exchange liquidates positions on this market is not known"
        return [problem("symbol", market.symbol, text, "a market with leverage tiers")]
    most = min(limits.max_leverage, market.tiers[0].max_leverage)
    if 1 <= spec.leverage <= most:
        return []
    text = "the leverage is below 1, or above what the market or risk_management.futures_risk.max_leverage allows"
    return [problem("leverage", spec.leverage, text, f"a whole number from 1 to {most}")]


def _size_problem(sizing: _Sizing, quantity: Decimal) -> Problem | None:
    spec, filters = sizing.spec, sizing.market.filters
    smallest = smallest_quantity(sizing.lines[0], sizing.market)
    if quantity < smallest:
        text = (
            f"each slot could hold {plain(quantity)} of at least {plain(smallest)}, with liquidation "
            f"{plain(sizing.limits.liquidation_buffer_percent)} % beyond the range once all orders have filled"
        )
        return problem("investment", spec.investment, text, "")
    allowed = leverage_allowed(sizing.held(quantity), sizing.market.tiers)
    if spec.leverage > allowed:
        text = f"the market allows less for {plain(sizing.held(quantity))} {sizing.market.quote}"
        return problem("leverage", spec.leverage, text, f"at most {allowed}, or a smaller investment")
    if filters.max_quantity is not None and quantity > filters.max_quantity:
        text = f"each slot would hold {plain(quantity)}, over the market's maximum"
        return problem("investment", spec.investment, text, f"at most {plain(filters.max_quantity)} base per slot")
    first, most = abs(sizing.initial().position) * quantity, filters.most_at_market
    if most is not None and first > most:
        text = f"the first order of {plain(first)} is over the market's maximum of {plain(most)}"
        return problem("investment", spec.investment, text, "a smaller investment, or another range")
    return None


def _advised(plan: GridPlan, sizing: _Sizing, short: Problem) -> GridPlan:
    """Return the plan with the problem of its size, and which money, leverage or lines would cure it."""
    if short.accepted:
        return msgspec.structs.replace(plan, problems=(*plan.problems, short))
    spec, market = sizing.spec, sizing.market
    money = _smallest_investment(sizing)
    lines = largest_levels(spec.levels, lambda levels: sizing.but(levels=with_levels(spec, levels).levels).works())
    most = min(sizing.limits.max_leverage, market.tiers[0].max_leverage)
    working = [leverage for leverage in range(1, most + 1) if sizing.but(leverage=leverage).works()]
    cures = [f"at least {plain(money)} for {spec.levels} lines"] if money is not None else []
    cures += [f"at most {lines} lines"] if lines else []
    cures += [f"a leverage from {working[0]} to {working[-1]}"] if working else []
    accepted = ", or ".join(cures) or "a narrower range"
    return msgspec.structs.replace(
        plan,
        problems=(*plan.problems, msgspec.structs.replace(short, accepted=accepted)),
        smallest_investment=money,
        largest_levels=lines or None,
        leverages=(working[0], working[-1]) if working else None,
    )


def _smallest_investment(sizing: _Sizing) -> Decimal | None:
    low = high = sizing.spec.investment
    for _ in range(40):
        high *= 2
        if sizing.but(investment=high).works():
            break
        low = high
    else:
        return None
    while high - low > max(ONE, high / 1000):
        middle = (low + high) / 2
        low, high = (low, middle) if sizing.but(investment=middle).works() else (middle, high)
    return high.to_integral_value(ROUND_CEILING)


def _plan(sizing: _Sizing, quantity: Decimal, problems: tuple[Problem, ...]) -> GridPlan:
    spec, lines, fees = sizing.spec, sizing.lines, sizing.market.fees
    start = sizing.initial()
    worst = [sizing.reach(edge) for edge in (lines[0], lines[-1])]
    margin = _exact(start.entered * quantity * (ONE / spec.leverage + fees.taker))
    reserve = _exact((sizing.demand() - start.entered) * quantity / spec.leverage)
    prices = [
        liquidation_price(sizing.answering(reach, quantity), reach.position * quantity, sizing.market.tiers)
        if reach.position * sign > ZERO
        else None
        for reach, sign in zip(worst, (1, -1), strict=True)
    ]
    return GridPlan(
        spec=spec,
        market=sizing.market,
        ticker=sizing.ticker,
        lines=lines,
        slots=tuple(
            slot_plan(i, lower, upper, quantity, sizing.full(upper), fees)
            for i, (lower, upper) in enumerate(pairwise(lines))
        ),
        quantity=quantity,
        initial_buy=max(start.position, ZERO) * quantity,
        initial_sell=max(-start.position, ZERO) * quantity,
        initial_cost=margin,
        reserve=reserve,
        unused=spec.investment - margin - reserve,
        worst_at_lower=(worst[0].flow + worst[0].position * lines[0]) * quantity,
        worst_at_upper=(worst[1].flow + worst[1].position * lines[-1]) * quantity,
        worst_at_stop=_worst_at_stop(sizing, quantity),
        liquidation_below=prices[0],
        liquidation_above=prices[1],
        problems=problems,
    )


def _exact(amount: Decimal) -> Decimal:
    # What leverage divides has no end of digits; that of money has.
    return amount.quantize(Decimal("0.00000001"))


def _worst_at_stop(sizing: _Sizing, quantity: Decimal) -> Decimal | None:
    """Return total P&L if price goes straight to the stop and everything is closed there."""
    stop = sizing.spec.stop_loss
    if stop is None:
        return None
    if stop.kind is TriggerKind.PERCENT:
        return -stop.change(sizing.spec.investment)
    reach = sizing.reach(stop.value)
    taken = reach.position * stop.value
    return (reach.flow + taken - abs(taken) * sizing.market.fees.taker) * quantity
