"""The judgement of the risk agent: pure, monotone, and exact at its limits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.advice import TradingState
from engine.agents.risk import (
    Cause,
    Facts,
    Limits,
    Marks,
    judge_data,
    judge_loss,
    latched_by,
    loss_perc,
    resolve,
    strictest,
    updated,
)

D = Decimal
ACTIVE, REDUCING, HALTED = TradingState
LIMITS = Limits(max_drawdown_perc=D(10), max_daily_loss_perc=D(5), stale_ms=30_000, halt_ms=300_000)
MARKS = Marks(peak=D(1000), day_start=D(1000), day=0)
money = st.decimals(min_value=-1000, max_value=10_000, places=2)
marks = st.builds(Marks, peak=money, day_start=money, day=st.integers(0, 3))
percent = st.decimals(min_value=0, max_value=100, places=1)
ages = st.integers(0, 1_000_000)
states = st.sampled_from(TradingState)
limits = st.builds(
    Limits,
    max_drawdown_perc=percent,
    max_daily_loss_perc=percent,
    stale_ms=st.just(30_000),
    halt_ms=st.integers(30_000, 300_000),
)


def at_least(strict: TradingState, free: TradingState) -> bool:
    """Return whether ``strict`` is as strict as ``free`` or stricter."""
    return strictest(strict, free) is strict


@given(marks, limits, money, money, states, states, states, st.booleans())
def test_a_worse_equity_never_gives_a_freer_state(
    against: Marks,
    within: Limits,
    one: Decimal,
    other: Decimal,
    current: TradingState,
    before: TradingState,
    data: TradingState,
    settled: bool,
) -> None:
    worse, better = sorted((one, other))
    bad, good = judge_loss(worse, against, within).state, judge_loss(better, against, within).state

    assert at_least(bad, good)
    assert at_least(
        resolve(current, strictest(before, bad), data, settled=settled),
        resolve(current, strictest(before, good), data, settled=settled),
    )


@given(limits, ages, ages, ages, ages, states, states)
def test_older_data_never_gives_a_freer_state(
    within: Limits,
    price: int,
    equity: int,
    more: int,
    lost: int,
    current: TradingState,
    latched: TradingState,
) -> None:
    fresh = judge_data(Facts(at_work=True, lost_ms=lost, price_ms=price, equity_ms=equity), within).state
    later = Facts(at_work=True, lost_ms=lost + more, price_ms=price + more, equity_ms=equity + more)
    older = judge_data(later, within).state

    assert at_least(older, fresh)
    assert at_least(resolve(current, latched, older, settled=True), resolve(current, latched, fresh, settled=True))


@given(states, states, states, st.booleans())
def test_nothing_is_freer_than_the_losses_or_the_data_ask_for(
    current: TradingState, latched: TradingState, data: TradingState, settled: bool
) -> None:
    target = resolve(current, latched, data, settled=settled)

    assert at_least(target, latched)
    assert at_least(target, data)
    assert at_least(target, current) or (data is ACTIVE and settled)


@given(marks, st.lists(st.tuples(money, st.integers(0, 5)), min_size=1))
def test_peaks_only_rise(start: Marks, seen: list[tuple[Decimal, int]]) -> None:
    now = start
    for equity, day in seen:
        before, now = now, updated(now, equity, day)
        assert now.peak >= max(before.peak, equity)
        assert now.day >= before.day


@pytest.mark.parametrize(
    ("equity", "peak", "day_start", "state", "cause"),
    [
        ("1000", "1000", "1000", ACTIVE, Cause.DRAWDOWN),
        ("921", "1000", "921", ACTIVE, Cause.DRAWDOWN),
        ("920", "1000", "920", REDUCING, Cause.DRAWDOWN),
        ("900.01", "1000", "910", REDUCING, Cause.DRAWDOWN),
        ("900", "1000", "910", HALTED, Cause.DRAWDOWN),
        ("960", "1000", "1000", REDUCING, Cause.DAILY_LOSS),
        ("950", "1000", "1000", HALTED, Cause.DAILY_LOSS),
        ("-5", "1000", "1000", HALTED, Cause.DRAWDOWN),
        ("5", "0", "0", ACTIVE, Cause.DRAWDOWN),
    ],
)
def test_losses_are_judged_at_their_limits(
    equity: str, peak: str, day_start: str, state: TradingState, cause: Cause
) -> None:
    verdict = judge_loss(D(equity), Marks(peak=D(peak), day_start=D(day_start), day=0), LIMITS)

    assert verdict.state is state
    assert state is ACTIVE or verdict.cause is cause


def test_a_limit_of_zero_halts_on_the_first_loss_and_not_before() -> None:
    none = Limits(max_drawdown_perc=D(0), max_daily_loss_perc=D(0), stale_ms=1, halt_ms=2)

    assert judge_loss(D(1000), MARKS, none).state is ACTIVE
    assert judge_loss(D("999.99"), MARKS, none).state is HALTED


@pytest.mark.parametrize(
    ("facts", "state", "cause"),
    [
        (Facts(at_work=True, lost_ms=0, price_ms=29_999, equity_ms=0), ACTIVE, Cause.WELL),
        (Facts(at_work=True, lost_ms=0, price_ms=30_000, equity_ms=0), REDUCING, Cause.STALE),
        (Facts(at_work=True, lost_ms=0, price_ms=300_000, equity_ms=0), HALTED, Cause.STALE),
        (Facts(at_work=True, lost_ms=0, price_ms=0, equity_ms=30_000), REDUCING, Cause.EQUITY_UNKNOWN),
        (Facts(at_work=True, lost_ms=29_999, price_ms=0, equity_ms=0), ACTIVE, Cause.WELL),
        (Facts(at_work=True, lost_ms=30_000, price_ms=0, equity_ms=0), REDUCING, Cause.DISCONNECTED),
        (Facts(at_work=True, lost_ms=300_000, price_ms=0, equity_ms=0), HALTED, Cause.DISCONNECTED),
        (Facts(at_work=False, lost_ms=10**9, price_ms=10**9, equity_ms=10**9), ACTIVE, Cause.WELL),
    ],
)
def test_data_is_judged_by_its_age(facts: Facts, state: TradingState, cause: Cause) -> None:
    verdict = judge_data(facts, LIMITS)

    assert (verdict.state, verdict.cause) == (state, cause)


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        (HALTED, "prices are stale", ACTIVE),
        (HALTED, "prices are stale (was reducing)", REDUCING),
        (HALTED, "drawdown limit", HALTED),
        (REDUCING, "telegram:12", REDUCING),
        (ACTIVE, "", ACTIVE),
    ],
)
def test_after_a_restart_only_old_data_is_known_to_be_no_loss(
    state: TradingState, reason: str, expected: TradingState
) -> None:
    assert latched_by(state, reason).state is expected


@pytest.mark.parametrize(("equity", "expected"), [("900", "10"), ("1000", "0"), ("1100", "0")])
def test_a_loss_is_a_percentage_of_its_mark(equity: str, expected: str) -> None:
    assert loss_perc(D(equity), D(1000)) == D(expected)
