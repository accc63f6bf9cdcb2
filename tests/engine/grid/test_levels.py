"""Plans: lines as asked for, sizes the investment pays for, and advice that works when followed."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data.grids import GridSpec, Spacing, Trigger, TriggerKind
from data.market import FeeAsset, Fees, Filters, Market, Ticker
from data.values import ONE, ZERO, plain
from engine.grid.levels import NOTIONAL_MARGIN, lay_lines, net_profit
from engine.grid.plan import GridPlan
from engine.grid.sizing import INITIAL_CUSHION, initial_order, plan_grid

D = Decimal


def market(
    *,
    tick: str = "0.01",
    step: str = "0.0001",
    fee: str = "0.001",
    asset: FeeAsset = FeeAsset.QUOTE,
    least: str = "5",
    most: str | None = None,
    max_orders: int = 200,
) -> Market:
    filters = Filters(
        price_tick=D(tick),
        quantity_step=D(step),
        min_quantity=D(step),
        max_quantity=D(most) if most else None,
        min_notional=D(least),
        max_orders=max_orders,
    )
    fees = Fees(maker=D(fee), taker=D(fee) * 2, asset=asset)
    return Market(exchange="x", symbol="AAA/USDT", base="AAA", quote="USDT", filters=filters, fees=fees)


def spec(**changes: object) -> GridSpec:
    usual = GridSpec(
        symbol="AAA/USDT", lower=D(90), upper=D(110), levels=11, spacing=Spacing.ARITHMETIC, investment=D(1_000)
    )
    return msgspec.structs.replace(usual, **changes)


def at(price: Decimal | int) -> Ticker:
    return Ticker("AAA/USDT", D(price), D(price), D(price), 0)


def test_arithmetic_lines_are_evenly_spaced() -> None:
    assert lay_lines(spec(levels=5), D("0.01")) == (D(90), D(95), D(100), D(105), D(110))


def test_geometric_lines_have_one_ratio() -> None:
    lines = lay_lines(spec(lower=D(100), upper=D(1600), levels=5, spacing=Spacing.GEOMETRIC), D("0.01"))
    assert lines == (D(100), D(200), D(400), D(800), D(1600))


def test_lines_do_not_drift_however_many_there_are() -> None:
    lines = lay_lines(spec(lower=D("0.7"), upper=D("1.7"), levels=1001), D("0.001"))
    assert lines == tuple(D(700 + i) / 1000 for i in range(1001))


specs = st.builds(
    lambda lower, width, levels, spacing, investment: spec(
        lower=D(lower) / 100, upper=D(lower + width) / 100, levels=levels, spacing=spacing, investment=D(investment)
    ),
    st.integers(100, 20_000),
    st.integers(10, 10_000),
    st.integers(2, 60),
    st.sampled_from(Spacing),
    st.integers(10, 50_000),
)
markets = st.builds(
    lambda tick, step, fee, asset, least: market(tick=tick, step=step, fee=fee, asset=asset, least=least),
    st.sampled_from(("0.01", "0.05", "0.001")),
    st.sampled_from(("1", "0.1", "0.001", "0.00001")),
    st.sampled_from(("0", "0.00075", "0.001", "0.004")),
    st.sampled_from(FeeAsset),
    st.sampled_from(("0", "1", "5", "10")),
)
prices = st.integers(50, 40_000).map(lambda cents: at(D(cents) / 100))


@given(specs, markets, prices)
def test_lines_ascend_on_the_tick_and_stay_near_where_they_belong(
    wanted: GridSpec, traded: Market, ticker: Ticker
) -> None:
    plan = plan_grid(wanted, traded, ticker)
    assume(plan.lines)
    tick = traded.filters.price_tick
    assert len(plan.lines) == wanted.levels
    assert all(a < b for a, b in pairwise(plan.lines))
    assert all(line % tick == ZERO for line in plan.lines)
    assert abs(plan.lines[0] - wanted.lower) <= tick / 2
    assert abs(plan.lines[-1] - wanted.upper) <= tick / 2
    gaps = [b - a for a, b in pairwise(plan.lines)]
    if wanted.spacing is Spacing.ARITHMETIC:
        assert max(gaps) - min(gaps) <= 2 * tick
    else:
        assert all(b >= a - 2 * tick for a, b in pairwise(gaps))


@given(specs, markets, prices)
def test_a_plan_never_takes_more_than_the_investment(wanted: GridSpec, traded: Market, ticker: Ticker) -> None:
    plan = plan_grid(wanted, traded, ticker)
    assume(not plan.problems)
    assert plan.initial_cost + plan.reserve + plan.unused == wanted.investment
    assert plan.unused >= ZERO
    # And the initial buy may slip a little.
    assert plan.initial_cost * INITIAL_CUSHION + plan.reserve <= wanted.investment
    assert plan.quantity % traded.filters.quantity_step == ZERO
    assert {slot.quantity for slot in plan.slots} == {plan.quantity}
    assert plan.quantity >= traded.filters.min_quantity
    assert plan.quantity * plan.lines[0] >= traded.filters.min_notional * NOTIONAL_MARGIN
    assert [slot.full for slot in plan.slots] == [slot.upper > ticker.ask for slot in plan.slots]


@given(specs, markets, prices)
def test_every_slot_of_a_plan_earns_more_than_its_fees(wanted: GridSpec, traded: Market, ticker: Ticker) -> None:
    plan = plan_grid(wanted, traded, ticker)
    assume(plan.slots)
    fee = traded.fees.maker
    for slot in plan.slots:
        assert slot.net_profit > ZERO
        if traded.fees.asset is FeeAsset.QUOTE:
            cycle = slot.quantity * (slot.upper * (ONE - fee) - slot.lower * (ONE + fee))
        else:
            cycle = slot.quantity * (ONE - fee) * slot.upper * (ONE - fee) - slot.quantity * slot.lower
        assert slot.net_profit == cycle


poor = st.builds(
    lambda lower, width, levels, spacing, investment: spec(
        lower=D(lower), upper=D(lower + width), levels=levels, spacing=spacing, investment=D(investment)
    ),
    st.integers(50, 200),
    st.integers(50, 100),
    st.integers(3, 40),
    st.sampled_from(Spacing),
    st.integers(1, 150),
)


@given(poor, markets, prices)
def test_advice_on_money_works_when_followed(wanted: GridSpec, traded: Market, ticker: Ticker) -> None:
    plan = plan_grid(wanted, traded, ticker)
    if plan.smallest_investment is None:
        assert "investment" not in {problem.field for problem in plan.problems}
        return
    assert plan.smallest_investment > wanted.investment
    richer = plan_grid(msgspec.structs.replace(wanted, investment=plan.smallest_investment), traded, ticker)
    assert not [problem for problem in richer.problems if problem.field == "investment"]
    if plan.largest_levels is not None:
        assert plan.largest_levels < wanted.levels
        fewer = plan_grid(msgspec.structs.replace(wanted, levels=plan.largest_levels), traded, ticker)
        assert not [problem for problem in fewer.problems if problem.field == "investment"]


@given(specs, markets, prices)
def test_initial_inventory_arrives_in_full(wanted: GridSpec, traded: Market, ticker: Ticker) -> None:
    plan = plan_grid(wanted, traded, ticker)
    assume(plan.slots)
    held = sum((slot.quantity for slot in plan.slots if slot.full), ZERO)
    bought, cost = initial_order(held, traded, ticker.ask)
    assert (bought, cost) == (plan.initial_buy, plan.initial_cost)
    in_base = traded.fees.asset is FeeAsset.RECEIVED
    arrived = bought * (ONE - traded.fees.taker) if in_base else bought
    assert held <= arrived < held + traded.filters.quantity_step or held == arrived == ZERO


REFUSED = {
    "lower": (spec(lower=ZERO), market()),
    "upper": (spec(upper=D(90)), market()),
    "levels": (spec(levels=1), market()),
    "investment": (spec(investment=ZERO), market()),
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_shape_that_is_none_is_refused_by_field(field: str) -> None:
    plan = plan_grid(*REFUSED[field], at(100))
    assert [problem.field for problem in plan.problems] == [field]
    assert plan.problems[0].value == plain(D(str(getattr(REFUSED[field][0], field))))
    assert plan.problems[0].accepted
    assert plan.slots == ()


def levels_accepted(plan: GridPlan) -> int:
    (problem,) = plan.problems
    assert problem.field == "levels"
    return int("".join(c if c.isdigit() else " " for c in problem.accepted.split("at most")[1]).split()[0])


@pytest.mark.parametrize(
    ("wanted", "traded"),
    [
        (spec(lower=D(100), upper=D("100.5"), levels=61), market(fee="0")),
        (spec(levels=61, lower=D(99), upper=D(101)), market()),
        (spec(levels=61), market(max_orders=5)),
        (spec(levels=900, spacing=Spacing.GEOMETRIC), market(max_orders=2000)),
    ],
    ids=["lines fall together", "fees eat the slots", "too many orders", "geometric"],
)
def test_too_many_lines_are_refused_with_a_number_that_works(wanted: GridSpec, traded: Market) -> None:
    most = levels_accepted(plan_grid(wanted, traded, at(100)))
    fewer = plan_grid(msgspec.structs.replace(wanted, levels=most, investment=D(10**6)), traded, at(100))
    assert fewer.problems == ()


def test_the_fee_floor_is_exact() -> None:
    break_even = D("100") * (ONE + D("0.001")) / (ONE - D("0.001"))
    fees = market().fees
    assert net_profit(D(100), break_even, fees) == ZERO
    assert net_profit(D(100), break_even + D("0.0001"), fees) > ZERO
    received = market(asset=FeeAsset.RECEIVED).fees
    assert net_profit(D(100), D(100) / (ONE - D("0.001")) ** 2, received).quantize(D("1e-30")) == ZERO


@pytest.mark.parametrize(
    ("field", "trigger", "accepted"),
    [
        ("take_profit", Trigger(TriggerKind.PRICE, D(99)), "a price above 100"),
        ("take_profit", Trigger(TriggerKind.PRICE, D(100)), "a price above 100"),
        ("stop_loss", Trigger(TriggerKind.PRICE, D(101)), "a price below 100"),
        ("stop_loss", Trigger(TriggerKind.PERCENT, D(100)), "a percent below 100%"),
        ("stop_loss", Trigger(TriggerKind.PRICE, ZERO), "a price such as 25000, or a percent as 10%"),
    ],
)
def test_an_exit_that_makes_no_sense_is_refused(field: str, trigger: Trigger, accepted: str) -> None:
    (problem,) = plan_grid(spec(**{field: trigger}), market(), at(100)).problems
    assert (problem.field, problem.value, problem.accepted) == (field, str(trigger), accepted)


def test_the_worst_case_at_the_stop_is_what_a_straight_fall_costs() -> None:
    wanted = spec(stop_loss=Trigger(TriggerKind.PRICE, D(91)))
    plan = plan_grid(wanted, market(), at(100))
    bought = [slot for slot in plan.slots if not slot.full and slot.lower > D(91)]
    held = plan.quantity * (5 + len(bought))
    paid = plan.initial_cost + sum((slot.lower * plan.quantity * D("1.001") for slot in bought), ZERO)
    assert plan.worst_at_stop == held * D(91) * D("0.998") - paid


def test_where_no_number_of_lines_earns_only_a_wider_range_is_advised() -> None:
    narrow = plan_grid(spec(lower=D("100.00"), upper=D("100.05"), levels=3), market(fee="0.01"), at(100))
    assert [each.accepted for each in narrow.problems] == ["a wider range"]
