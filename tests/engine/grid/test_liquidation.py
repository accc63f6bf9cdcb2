"""Liquidation prices against an account that knows only wallet, position and brackets, and plans that stay clear."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data.grids import Direction, GridSpec, MarginMode, Spacing, Trigger, TriggerKind
from data.limits import RiskLimits
from data.market import Market
from data.values import ONE, ZERO
from engine.grid.levels import smallest_quantity
from engine.grid.liquidation import isolated_cash, leverage_allowed, liquidation_price, maintenance
from engine.grid.margin import SLIPPAGE
from engine.grid.plan import GridPlan
from engine.grid.sizing import plan_grid
from tests.engine.futures import CONTRACT, GRID, MARKET, TIERS, Account, bisected, quote

D = Decimal
LIMITS = RiskLimits()


# -- formulas


positions = st.integers(1, 1_000_000).map(lambda thousandths: D(thousandths) / 1000)
entries = st.integers(100, 50_000).map(lambda cents: D(cents) / 100)


@given(positions, entries, st.integers(1, 50_000), st.booleans())
def test_a_cross_position_is_liquidated_where_the_account_is(
    quantity: Decimal, entry: Decimal, money: int, long: bool
) -> None:
    position = quantity if long else -quantity
    held = Account(D(money), 1, MarginMode.CROSS)
    held.trade(position, entry, ZERO)
    assume(held.survives(entry))
    price = liquidation_price(money - position * entry, position, TIERS)
    if price is None:
        assert held.survives(D("0.000001"))
        return
    away = D("0.0000001") if long else -D("0.0000001")
    assert held.survives(price * (ONE + away))
    assert not held.survives(price * (ONE - away))


@given(positions, entries, st.integers(1, 50), st.booleans())
def test_an_isolated_position_is_liquidated_where_the_account_is(
    quantity: Decimal, entry: Decimal, leverage: int, long: bool
) -> None:
    position = quantity if long else -quantity
    assume(leverage <= leverage_allowed(quantity * entry, TIERS))
    held = Account(D(10) ** 9, leverage, MarginMode.ISOLATED)
    held.trade(position, entry, ZERO)
    price = liquidation_price(isolated_cash(position, entry, leverage), position, TIERS)
    if price is None:
        assert held.survives(D("0.000001"))
        return
    away = D("0.0000001") if long else -D("0.0000001")
    assert held.survives(price * (ONE + away))
    assert not held.survives(price * (ONE - away))


@given(st.integers(0, 10**8))
def test_maintenance_is_that_of_the_tier_of_the_notional(cents: int) -> None:
    notional = D(cents) / 100
    assert maintenance(notional, TIERS) == CONTRACT.bracket(notional).maintenance(notional)


def test_examples_by_hand() -> None:
    tiers = (msgspec.structs.replace(TIERS[0], maintenance=D("0.005"), cap=None),)
    assert liquidation_price(D(100) - 1000, D(10), tiers) == D(900) / (10 * D("0.995"))
    assert liquidation_price(D(100) + 1000, D(-10), tiers) == D(1100) / (10 * D("1.005"))
    assert liquidation_price(D(1_000) - 1000, D(10), tiers) is None, "nothing is borrowed"
    assert liquidation_price(D(5), ZERO, tiers) is None
    assert liquidation_price(D(-1), D(-10), tiers) == ZERO, "a short without margin is liquidated at any price"


# -- plans


specs = st.builds(
    lambda lower, width, levels, spacing, money, direction, leverage, margin: msgspec.structs.replace(
        GRID,
        lower=D(lower),
        upper=D(lower + width),
        levels=levels,
        spacing=spacing,
        investment=D(money),
        direction=direction,
        leverage=leverage,
        margin=margin,
    ),
    st.integers(40, 140),
    st.integers(4, 90),
    st.integers(2, 40),
    st.sampled_from(Spacing),
    st.integers(20, 60_000),
    st.sampled_from(Direction),
    st.integers(1, 20),
    st.sampled_from(MarginMode),
)
limits = st.builds(
    lambda buffer, reserve: RiskLimits(liquidation_buffer_percent=D(buffer), margin_reserve_percent=D(reserve)),
    st.integers(1, 40),
    st.integers(0, 20),
)


def held_at(plan: GridPlan, edge: Decimal, quantity: Decimal | None = None) -> Account:
    """Return the account of a grid once price has gone straight to one end of its range."""
    spec, fees, size = plan.spec, plan.market.fees, quantity or plan.quantity
    held = Account(spec.investment, spec.leverage, spec.margin)

    def trade(amount: Decimal, price: Decimal, rate: Decimal) -> None:
        held.trade(amount, price, abs(amount) * price * rate)

    full = sum(1 for upper in plan.lines[1:] if upper > plan.ticker.ask)
    if spec.direction is Direction.LONG and full:
        trade(full * size, plan.ticker.ask * (ONE + SLIPPAGE), fees.taker)
    if spec.direction is Direction.SHORT and full < len(plan.lines) - 1:
        trade((full - len(plan.lines) + 1) * size, plan.ticker.bid * (ONE - SLIPPAGE), fees.taker)
    for lower, upper in pairwise(plan.lines):
        if upper > plan.ticker.ask and edge == plan.lines[-1]:
            trade(-size, upper, fees.maker)
        elif upper <= plan.ticker.ask and edge == plan.lines[0]:
            trade(size, lower, fees.maker)
    return held


def opened(plan: GridPlan) -> tuple[tuple[Decimal, int], ...]:
    """Return both ends of the range with the sign of what may be lost there."""
    return (plan.lines[0], 1), (plan.lines[-1], -1)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(specs, limits)
def test_no_plan_passes_whose_liquidation_lies_inside_the_buffer(wanted: GridSpec, judged: RiskLimits) -> None:
    plan = plan_grid(wanted, MARKET, quote(100), judged)
    assume(not plan.problems)
    for edge, sign in opened(plan):
        held = held_at(plan, edge)
        position = held.quantity
        if position * sign <= ZERO:
            continue
        far = edge * (ONE - sign * judged.buffer(ONE))
        assert held.survives(far), f"{position} at {edge} is liquidated before {far}"
        told = plan.liquidation_below if sign > 0 else plan.liquidation_above
        deadly = D("0.000001") if sign > 0 else edge * 1000
        if told is None:
            assert held.survives(deadly)
        else:
            assert abs(bisected(held, far, deadly) / told - ONE) < D("0.000001")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(specs, limits)
def test_a_plan_uses_what_the_money_allows_and_no_more(wanted: GridSpec, judged: RiskLimits) -> None:
    plan = plan_grid(wanted, MARKET, quote(100), judged)
    assume(not plan.problems)
    step = MARKET.filters.quantity_step
    reserve = wanted.investment * judged.margin_reserve_percent / 100
    assert plan.initial_cost + plan.reserve + plan.unused == wanted.investment
    assert plan.unused >= ZERO

    def broken(quantity: Decimal) -> bool:
        for edge, sign in opened(plan):
            held = held_at(plan, edge, quantity)
            position = held.quantity
            if position * sign <= ZERO:
                continue
            if not held.survives(edge * (ONE - sign * judged.buffer(ONE))):
                return True
            if abs(position) * edge / wanted.leverage > held.equity(edge) - reserve:
                return True
        bids = sum((slot.lower for slot in plan.slots if not slot.full), ZERO) * quantity
        offers = sum((slot.upper for slot in plan.slots if slot.full), ZERO) * quantity
        first = (plan.initial_buy + plan.initial_sell) / plan.quantity * quantity * D(100)
        side = {Direction.LONG: first + bids, Direction.SHORT: first + offers, Direction.NEUTRAL: max(bids, offers)}
        return side[wanted.direction] / wanted.leverage > (wanted.investment - reserve) * D("0.95")

    assert broken(plan.quantity * D("1.01") + step)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(specs)
def test_advice_on_money_lines_and_leverage_works_when_followed(wanted: GridSpec) -> None:
    wanted = msgspec.structs.replace(wanted, investment=wanted.investment / 100)
    plan = plan_grid(wanted, MARKET, quote(100), LIMITS)
    short = [problem for problem in plan.problems if problem.field == "investment"]
    assume(short)
    assert short[0].accepted
    if plan.smallest_investment is not None:
        richer = msgspec.structs.replace(wanted, investment=plan.smallest_investment)
        assert plan_grid(richer, MARKET, quote(100), LIMITS).problems == ()
    if plan.largest_levels is not None:
        fewer = msgspec.structs.replace(wanted, levels=plan.largest_levels)
        assert plan_grid(fewer, MARKET, quote(100), LIMITS).problems == ()
    for leverage in plan.leverages or ():
        other = msgspec.structs.replace(wanted, leverage=leverage)
        assert plan_grid(other, MARKET, quote(100), LIMITS).problems == ()


# -- refusals


def problems(market: Market = MARKET, **changes: object) -> dict[str, str]:
    """Return the problems of a grid with ``changes``, by field."""
    spec = msgspec.structs.replace(GRID, **changes)
    return {each.field: each.accepted for each in plan_grid(spec, market, quote(100), LIMITS).problems}


def at_price(value: int) -> Trigger:
    return Trigger(TriggerKind.PRICE, D(value))


def test_a_sound_grid_has_no_problems() -> None:
    for direction in Direction:
        assert problems(direction=direction) == {}


@pytest.mark.parametrize("leverage", [0, 21])
def test_leverage_stays_within_the_settings(leverage: int) -> None:
    assert problems(leverage=leverage) == {"leverage": "a whole number from 1 to 20"}


def test_leverage_stays_within_what_the_market_allows_for_the_notional() -> None:
    assert problems(leverage=12, investment=D(60_000)) == {"leverage": "at most 4, or a smaller investment"}


def test_a_market_without_tiers_is_not_traded() -> None:
    assert set(problems(market=msgspec.structs.replace(MARKET, tiers=()))) == {"symbol"}


def test_isolated_margin_at_high_leverage_is_answered_with_the_leverages_that_work() -> None:
    spec = msgspec.structs.replace(GRID, leverage=10, margin=MarginMode.ISOLATED)
    plan = plan_grid(spec, MARKET, quote(100), LIMITS)
    assert plan.leverages is not None
    assert "a leverage from 1 to " in plan.problems[0].accepted
    assert plan.smallest_investment is None, "no money makes an isolated position safer"


@pytest.mark.parametrize(
    ("direction", "field", "value", "accepted"),
    [
        (Direction.SHORT, "stop_loss", 99, "a price above 100"),
        (Direction.SHORT, "take_profit", 101, "a price below 100"),
        (Direction.LONG, "stop_loss", 101, "a price below 100"),
        (Direction.LONG, "take_profit", 99, "a price above 100"),
        (Direction.NEUTRAL, "stop_loss", 80, "a percent such as 10%"),
        (Direction.NEUTRAL, "take_profit", 120, "a percent such as 10%"),
    ],
)
def test_price_exits_lie_on_the_side_where_they_make_sense(
    direction: Direction, field: str, value: int, accepted: str
) -> None:
    exits: dict[str, object] = {field: at_price(value)}
    assert problems(MARKET, direction=direction, **exits) == {field: accepted}


def test_exits_of_a_short_grid_are_the_other_way_round() -> None:
    assert problems(direction=Direction.SHORT, stop_loss=at_price(120), take_profit=at_price(85)) == {}
    plan = plan_grid(
        msgspec.structs.replace(GRID, direction=Direction.SHORT, stop_loss=at_price(112)), MARKET, quote(100), LIMITS
    )
    assert plan.worst_at_stop is not None
    assert plan.worst_at_upper is not None
    assert plan.worst_at_stop < plan.worst_at_upper < ZERO < plan.worst_at_lower


def test_the_smallest_slot_can_always_be_placed() -> None:
    plan = plan_grid(GRID, MARKET, quote(100), LIMITS)
    assert plan.quantity >= smallest_quantity(plan.lines[0], MARKET)
