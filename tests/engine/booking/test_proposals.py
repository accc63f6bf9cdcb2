"""A proposed market becomes a record with its evidence, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.advice import Advice, MarketProposed
from data.decisions import Rule
from data.events import AdvicePosted
from engine.core import Engine
from engine.state import freeze, thaw
from tests.engine.fake_exchange import NOW
from tests.engine.test_core import Desk

D = Decimal
WHAT = MarketProposed(symbol="ETH/USDT", lower=D("2900.50"), upper=D(3200), levels=11, investment=D("212.30"))
EVIDENCE = {"trend": "16.987 ADX (at most 25.000 ADX)", "expected cycles": "8.3 a day, mostly 5.1 to 12.0"}
ADVICE = Advice(
    agent="pairs", what=WHAT, confidence=D("0.7214"), reason="5 of 5 criteria are met", evidence=EVIDENCE,
    expires_at=NOW + 60_000,
)  # fmt: skip
POSTED = AdvicePosted(at=NOW, advice=ADVICE)


def test_it_is_recorded_exactly_with_its_evidence() -> None:
    (decision,) = Desk().engine.step(POSTED).decisions
    assert (decision.rule, decision.bot, decision.event) == (Rule.MARKET_PROPOSED, 0, "AdvicePosted")
    assert {each.name: each.value for each in decision.inputs} == {
        "market": "ETH/USDT", "lower": "2900.5", "upper": "3200", "levels": "11", "investment": "212.3",
        "score": "0.7214", "reason": "5 of 5 criteria are met", **EVIDENCE,
    }  # fmt: skip


def test_no_bot_order_or_other_state_comes_of_it() -> None:
    engine = Desk().engine
    before = thaw(freeze(engine.state))
    outcome = engine.step(POSTED)
    assert outcome.sequence == before.sequence + 1
    assert (outcome.bot, outcome.approved, outcome.cancels, outcome.refused) == (0, (), (), ())
    before.sequence += 1
    assert freeze(engine.state) == freeze(before)


def test_stepping_it_again_from_the_same_state_gives_the_same_outcome() -> None:
    engine = Desk().engine
    other = Engine(engine.limits, thaw(freeze(engine.state)))
    assert engine.step(POSTED) == other.step(POSTED)
    assert freeze(engine.state) == freeze(other.state)


def test_too_late_it_is_ignored() -> None:
    engine = Desk().engine
    before = freeze(engine.state)
    late = msgspec.structs.replace(POSTED, at=ADVICE.expires_at + 1)
    outcome = engine.step(late)
    assert (outcome.sequence, outcome.decisions) == (0, ())
    assert freeze(engine.state) == before
