"""The score of a market is bounded, and never falls when a fact gets better."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.trading import PairSelection
from engine.markets.suitability import Facts
from engine.selection.scoring import Case, score

D = Decimal


def amounts(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=4)


def maybe(values: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Decimal | None]:
    return st.none() | values


MONEY, PERCENT = amounts(0, 10**10), amounts(0, 100)
FACTS = {
    "turnover": MONEY, "atr_percent": PERCENT, "adx": PERCENT, "spread_percent": PERCENT, "depth": MONEY,
    "open_interest": MONEY,
}  # fmt: skip
OTHERS = {"earning": amounts(-5, 50), "correlation": amounts(-1, 1), "sentiment": amounts(-1, 1)}
LESS_IS_BETTER = {"adx", "spread_percent", "correlation"}
CASES = st.builds(
    Case,
    facts=st.builds(Facts, symbol=st.just("A/B"), **{name: maybe(values) for name, values in FACTS.items()}),
    perpetual=st.booleans(), preferred=st.booleans(), **{name: maybe(values) for name, values in OTHERS.items()},
)  # fmt: skip
WANTED = st.builds(
    PairSelection,
    min_volume_usd_24h=amounts(0, 10**9), min_atr_perc_24h=PERCENT, max_adx=PERCENT, max_spread_perc=PERCENT,
)  # fmt: skip


def with_fact(case: Case, name: str, value: Decimal | None) -> Case:
    if name in FACTS:
        return msgspec.structs.replace(case, facts=msgspec.structs.replace(case.facts, **{name: value}))
    return msgspec.structs.replace(case, **{name: value})


@pytest.mark.parametrize("name", [*FACTS, *OTHERS])
@given(data=st.data(), case=CASES, wanted=WANTED)
@settings(max_examples=60, deadline=None)
def test_the_score_rises_with_each_fact_and_is_bounded(
    name: str, data: st.DataObject, case: Case, wanted: PairSelection
) -> None:
    values = (FACTS | OTHERS)[name]
    low, high = sorted((data.draw(values), data.draw(values)))
    worse, better = (high, low) if name in LESS_IS_BETTER else (low, high)
    lower, higher = (score(with_fact(case, name, value), wanted) for value in (worse, better))
    assert 0 <= lower <= higher <= 1
    if name != "sentiment":
        assert score(with_fact(case, name, None), wanted) <= higher, "not to know it never helps"


@given(case=CASES, wanted=WANTED)
@settings(max_examples=60, deadline=None)
def test_to_be_preferred_never_harms_and_an_opinion_lies_between_the_extremes(
    case: Case, wanted: PairSelection
) -> None:
    liked, not_liked = (score(msgspec.structs.replace(case, preferred=each), wanted) for each in (True, False))
    assert liked >= not_liked
    worst, silent, best = (score(with_fact(case, "sentiment", each), wanted) for each in (D(-1), None, D(1)))
    assert worst <= silent <= best


def test_a_market_that_is_just_as_wanted_scores_half_of_every_part() -> None:
    wanted = PairSelection()
    facts = Facts(
        symbol="A/B", turnover=wanted.min_volume_usd_24h, atr_percent=wanted.min_atr_perc_24h, adx=wanted.max_adx,
        spread_percent=wanted.max_spread_perc, depth=wanted.spot_pairs.min_liquidity_depth, open_interest=None,
    )  # fmt: skip
    case = Case(facts=facts, perpetual=False, earning=D("0.1"), correlation=D(0))
    assert score(case, wanted) == D("0.5")
    assert score(msgspec.structs.replace(case, correlation=None), wanted) == D("0.3")
    assert score(msgspec.structs.replace(case, perpetual=True), wanted) == D("0.45"), "open interest is not known"


def test_to_abstain_is_not_to_be_neutral() -> None:
    facts = Facts(
        symbol="A/B", turnover=None, atr_percent=None, adx=None, spread_percent=None, depth=None, open_interest=None
    )
    silent = Case(facts=facts, perpetual=False, earning=D(1000), correlation=D(0))
    neutral = msgspec.structs.replace(silent, sentiment=D(0))
    assert score(silent, PairSelection()) == D("0.3000")
    assert score(neutral, PairSelection()) == D("0.3400"), "an opinion of one half has a fifth of the weight"
