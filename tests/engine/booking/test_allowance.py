"""A start that was allowed within bounds is refused beyond them by the step, and what older versions wrote is read."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import Allowance, Event, StartBot
from data.values import Mode
from engine.booking.allowance import beyond
from engine.selection.proposals import Proposal
from engine.state import EngineState, freeze, thaw
from tests.engine.selection.stall import NOW, Stall, listed

D = Decimal
AMOUNTS = st.decimals(0, 1000, places=2)


def start(name: str, investment: int = 30, by: str = "pairs", allowance: Allowance | None = None) -> StartBot:
    """Return a start on a market."""
    found = Proposal(
        decision="0", at=NOW, symbol=f"{name}/USDT", lower=D(90), upper=D(110), levels=4, investment=D(investment)
    )
    return StartBot(at=NOW, by=by, spec=found.spec(Mode.SHADOW), market=listed(name), allowance=allowance)


@given(
    most=st.integers(1, 4), money=AMOUNTS, invested=st.lists(AMOUNTS, max_size=4), further=AMOUNTS,
)  # fmt: skip
def test_one_more_is_allowed_exactly_while_both_bounds_hold(
    most: int, money: Decimal, invested: list[Decimal], further: Decimal
) -> None:
    within = len(invested) + 1 <= most and sum(invested, D(0)) + further <= money
    assert (beyond(Allowance(most_bots=most, most_investment=money), invested, further) == "") is within


@pytest.mark.parametrize(
    ("allowance", "problem"),
    [
        (Allowance(most_bots=1, most_investment=D(1000)), "bots: 1 that were started unasked"),
        (Allowance(most_bots=9, most_investment=D("59.99")), "investment: 30 in bots that were started unasked"),
    ],
)
def test_the_step_refuses_what_passes_the_allowance_and_changes_nothing(allowance: Allowance, problem: str) -> None:
    desk = Stall()
    assert not desk.step(start("A")).problem
    before = desk.kernel.state.sequence
    outcome = desk.step(start("B", allowance=allowance))
    assert outcome.problem.startswith(problem)
    assert desk.kernel.state.sequence == before


def test_only_bots_of_whoever_asks_count_and_only_while_they_are_at_work() -> None:
    desk, one = Stall(), Allowance(most_bots=1, most_investment=D(30))
    assert not desk.step(start("A", by="telegram:1")).problem
    assert not desk.step(start("B", allowance=one)).problem
    assert desk.step(start("C", allowance=one)).problem
    desk.stop(2)
    assert not desk.step(start("C", allowance=one)).problem
    assert [bot.by for bot in desk.kernel.state.bots.values()] == ["telegram:1", "pairs", "pairs"]


def test_a_start_without_an_allowance_as_older_versions_wrote_it_is_read() -> None:
    written = msgspec.json.decode(msgspec.json.encode(start("A")))
    del written["allowance"]
    assert msgspec.convert(written, Event) == start("A")


def test_bots_of_an_older_checkpoint_were_started_by_nobody_known() -> None:
    desk = Stall()
    desk.step(start("A"))
    written = msgspec.json.decode(freeze(desk.kernel.state))
    for name in ("by", "plan"):
        del written["bots"]["1"][name]
    (bot,) = thaw(msgspec.json.encode(written)).bots.values()
    assert (bot.by, bot.plan, bot.spec.symbol) == ("", "", "A/USDT")
    assert isinstance(thaw(freeze(desk.kernel.state)), EngineState)
