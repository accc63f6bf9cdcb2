"""What the pair selector keeps to: limits of risk, the mood of a market, and what a person allowed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from config.trading import PairOpening
from data.advice import MarketProposed
from data.grids import GridSpec
from data.limits import RiskLimits
from engine.clock import ManualClock
from engine.grid.sizing import plan_grid
from engine.supervisor import Supervisor
from tests.engine.agents.bazaar import NOW, listed
from tests.engine.agents.selecting import WANTED, Open, looks, selector
from tests.engine.selection.stall import Stall

D = Decimal


@pytest.mark.parametrize(
    ("feeling", "least", "said"),
    [
        (D("-0.31"), "-0.3", "sentiment: -0.31 (at least -0.3)"),
        (D("-0.3"), "-0.3", "proposed, score "),
        (None, "-0.3", "proposed, score "),
        (D(-1), None, "proposed, score "),
    ],
)
async def test_a_market_that_is_felt_to_be_too_bad_drops_out_before_anything_is_asked(
    bazaar: Open, feeling: Decimal | None, least: str | None, said: str
) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    agent = selector(sentiment=lambda _symbol: feeling, least_sentiment=least)
    spoken = await looks(agent, desk)
    assert agent.considered["GOOD/USDT"].startswith(said)
    assert (len(spoken), len(desk.venue.asked)) == ((0, 0) if said.startswith("sentiment") else (1, 1))


async def test_no_proposal_breaks_a_limit_of_risk(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    (free,) = await looks(selector(capital="1000"), desk)
    desk.limits = RiskLimits(price_band_percent=D(5), max_order_notional=D(20))
    (bound,) = await looks(selector(capital="1000"), desk)
    wide, what = free.what, bound.what
    assert isinstance(wide, MarketProposed)
    assert isinstance(what, MarketProposed)
    last = desk.prices["GOOD/USDT"].last
    assert wide.upper > last * D("1.05") > what.upper > last > what.lower > last * D("0.95")
    spec = GridSpec(
        symbol=what.symbol, lower=what.lower, upper=what.upper, levels=what.levels, investment=what.investment
    )
    plan = plan_grid(spec, listed("GOOD"), desk.prices["GOOD/USDT"], desk.limits)
    assert plan.problems == ()
    assert D(15) < max(each.quantity * each.upper for each in plan.slots) <= 20
    assert what.investment < 1000 == wide.investment


async def test_a_market_on_which_the_limits_leave_no_grid_drops_out_and_says_so(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    desk.limits = RiskLimits(max_order_notional=D(5))
    agent = selector()
    assert await looks(agent, desk) == []
    assert agent.considered["GOOD/USDT"].startswith("max_order_notional: 5 is less")


async def test_orders_are_never_smaller_than_the_smallest_that_is_planned(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    (advice,) = await looks(selector(least_order="50"), desk)
    what = advice.what
    assert isinstance(what, MarketProposed)
    spec = GridSpec(
        symbol=what.symbol, lower=what.lower, upper=what.upper, levels=what.levels, investment=what.investment
    )
    plan = plan_grid(spec, listed("GOOD"), desk.prices["GOOD/USDT"])
    assert min(each.quantity * each.lower for each in plan.slots) >= 50


async def test_its_notes_say_what_became_of_each_market_of_the_round(bazaar: Open) -> None:
    desk, agent = bazaar("GOOD", "TREND"), selector()
    desk.described("GOOD")
    supervisor = Supervisor({"pairs": lambda: agent}, desk, lambda _event: None, ManualClock(NOW))
    assert supervisor.agents()[0].notes == ()
    await looks(agent, desk)
    notes = {each.name: each for each in supervisor.agents()[0].notes}
    assert set(notes) == {"GOOD/USDT", "TREND/USDT"}
    assert {(each.subject, each.at) for each in notes.values()} == {("market", NOW)}
    assert notes["GOOD/USDT"].said.startswith("proposed, score 0.")


async def test_it_starts_what_it_proposed_where_that_is_allowed_and_takes_no_other_step_in_that_look() -> None:
    wanted = WANTED.model_copy(update={"open": PairOpening(enabled=True, most_investment=D(100))})
    desk, agent = Stall(), selector(wanted)
    desk.propose("A")
    assert await agent.advise(desk, desk.now) == ()
    assert [each.by for each in desk.bots()] == ["pairs"]
    assert agent.considered == {}
    assert [(each.subject, each.said) for each in agent.notes()] == [("proposal", "bot 1 was started")]


async def test_it_starts_nothing_that_nobody_allowed() -> None:
    desk = Stall()
    desk.propose("A")
    assert await selector()._opener.look(desk, desk.now) is False
    assert desk.bots() == ()
