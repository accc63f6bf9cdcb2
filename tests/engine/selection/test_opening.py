"""Bots are started unasked only where a person allowed it, each proposal once, and never beyond what was allowed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.trading import PairOpening
from data.advice import TradingState
from data.events import ArmMode, SetTradingState, StartBot
from data.values import Mode
from engine.grid.plan import Problem
from engine.selection.opening import FRESH, RETRY, Opener
from engine.selection.proposals import SELECTOR, Proposal, proposals
from tests.engine.selection.stall import NAMES, NOW, Killed, Stall, listed

D = Decimal
ALLOWED = PairOpening(enabled=True, most_bots=2, most_investment=D(70))


def own(desk: Stall) -> list[Decimal]:
    """Return what each bot at work that nobody asked for invests."""
    return [bot.spec.investment for bot in desk.kernel.state.active_bots() if bot.by == SELECTOR]


async def looked(opener: Opener, desk: Stall, count: int = 1) -> dict[str, str]:
    """Let it look, and return what it says of each proposal."""
    for _ in range(count):
        await opener.look(desk, desk.now)
    return {each.name: each.said for each in opener.notes()}


async def test_nothing_is_started_that_nobody_allowed() -> None:
    desk, opener = Stall(), Opener(PairOpening())
    desk.propose("A")
    assert await looked(opener, desk, 5) == {}
    assert desk.bots() == ()


async def test_an_allowed_proposal_is_started_as_it_was_proposed_and_once() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    decision = desk.propose("A")
    assert await looked(opener, desk, 5) == {decision: "bot 1 was started"}
    (bot,) = desk.bots()
    assert (bot.by, bot.plan, bot.spec.mode) == (SELECTOR, f"pairs-{decision}", Mode.SHADOW)
    assert (bot.spec.symbol, bot.spec.lower, bot.spec.upper, bot.spec.levels) == ("A/USDT", D(90), D(110), 4)


async def test_a_bot_that_a_person_stopped_is_not_started_again() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    desk.propose("A")
    await looked(opener, desk)
    desk.stop(1)
    assert own(desk) == []
    desk.now += RETRY
    await looked(opener, desk, 3)
    await looked(Opener(ALLOWED), desk.restart())
    assert [each.id for each in desk.bots()] == [1]


async def test_one_bot_starts_per_look_the_best_of_a_round_first() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    for name in "CA":
        desk.propose(name)
    assert await opener.look(desk, desk.now)
    assert [each.market.symbol for each in desk.bots()] == ["C/USDT"]
    assert await opener.look(desk, desk.now)
    assert not await opener.look(desk, desk.now)
    assert [each.market.symbol for each in desk.bots()] == ["C/USDT", "A/USDT"]


@pytest.mark.parametrize("fate", ["early", "after"])
async def test_a_kill_before_or_after_the_start_leaves_one_bot(fate: str) -> None:
    desk = Stall()
    decision = desk.propose("A")
    desk.fate = fate
    with pytest.raises(Killed):
        await looked(Opener(ALLOWED), desk)
    desk = desk.restart()
    assert await looked(Opener(ALLOWED), desk, 3) == {decision: "bot 1 was started"}
    assert [each.id for each in desk.bots()] == [1]


async def test_a_control_that_arrives_late_starts_no_second_bot() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    decision = desk.propose("A")
    desk.fate = "late"
    assert await looked(opener, desk) == {decision: "there was no answer in time"}
    desk.now += RETRY
    assert await looked(opener, desk) == {decision: "bot 1 was started"}
    desk.deliver()
    assert [each.id for each in desk.bots()] == [1]


async def test_a_control_that_arrives_after_another_took_the_last_place_starts_nothing() -> None:
    desk, opener = Stall(), Opener(ALLOWED.model_copy(update={"most_bots": 1}))
    desk.propose("A")
    desk.fate = "late"
    await looked(opener, desk)
    desk.propose("B")
    await looked(opener, desk)
    assert [each.market.symbol for each in desk.bots()] == ["B/USDT"]
    desk.deliver()
    assert [each.market.symbol for each in desk.bots()] == ["B/USDT"]


async def test_bots_at_work_use_the_allowance_up_also_after_a_restart() -> None:
    desk = Stall()
    for name in "AB":
        desk.propose(name)
    await looked(Opener(ALLOWED), desk, 2)
    desk = desk.restart()
    third = desk.propose("C")
    said = await looked(Opener(ALLOWED), desk)
    assert said[third] == "bots: 2 that were started unasked are at work, and 2 may be"
    desk.stop(1)
    opener = Opener(ALLOWED)
    assert (await looked(opener, desk))[third] == "bot 3 was started"
    assert own(desk) == [30, 30]


async def test_no_more_money_is_invested_than_is_allowed() -> None:
    desk, opener = Stall(), Opener(ALLOWED.model_copy(update={"most_bots": 3}))
    desk.propose("A", 40)
    much, little = desk.propose("B", 31), desk.propose("C", 30)
    said = await looked(opener, desk, 3)
    assert said[much].endswith("70 in bots that were started unasked and 31 more would pass the cap of 70")
    assert said[little] == "bot 2 was started"
    assert own(desk) == [40, 30]


async def test_bots_that_people_started_use_nothing_up_and_keep_their_market() -> None:
    desk, opener = Stall(), Opener(ALLOWED.model_copy(update={"most_bots": 1}))
    taken, free = desk.propose("A"), desk.propose("B")
    spec = proposals(desk, 0)[0].spec(Mode.SHADOW)
    assert not desk.step(StartBot(at=NOW, by="telegram:1", spec=spec, market=listed("A"))).problem
    said = await looked(opener, desk)
    assert said == {taken: "bot 1 trades this market", free: "bot 2 was started"}


async def test_a_proposal_of_yesterday_is_not_started() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    desk.propose("A")
    desk.now += FRESH + 1
    assert await looked(opener, desk) == {}
    assert desk.bots() == ()


async def test_what_keeps_a_plan_from_starting_is_said_and_tried_again_later() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    decision = desk.propose("A")
    desk.troubles = (Problem(field="investment", value="30", problem="there is no money", accepted="0"),)
    assert (await looked(opener, desk, 3))[decision].startswith("investment")
    assert desk.planned == 1
    desk.troubles = ()
    desk.now += RETRY
    assert await looked(opener, desk) == {decision: "bot 1 was started"}


async def test_a_range_that_price_has_left_is_not_started() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    decision = desk.propose("A")
    desk.price("A", D(111))
    assert await looked(opener, desk) == {decision: "price has left the range, it is 111"}


async def test_while_trading_is_restricted_nothing_is_started() -> None:
    desk, opener = Stall(), Opener(ALLOWED)
    decision = desk.propose("A")
    desk.step(SetTradingState(at=NOW, by="telegram:1", state=TradingState.REDUCING))
    assert await looked(opener, desk) == {decision: "trading is reducing"}
    desk.step(SetTradingState(at=NOW, by="telegram:1", state=TradingState.ACTIVE))
    assert await looked(opener, desk) == {decision: "bot 1 was started"}


async def test_real_money_moves_only_while_it_is_armed_and_within_its_own_cap() -> None:
    desk, opener = Stall(), Opener(ALLOWED.model_copy(update={"mode": "production"}))
    first = desk.propose("A")
    assert await looked(opener, desk) == {first: "production is not armed"}
    assert desk.planned == 0
    desk.step(ArmMode(at=NOW, by="telegram:1", mode=Mode.PRODUCTION, cap=D(50)))
    second = desk.propose("B")
    said = await looked(opener, desk, 2)
    assert said[first] == "bot 1 was started"
    assert "all production bots together would hold and bid for more than the cap of 50" in said[second]
    assert [(each.spec.mode, each.spec.symbol) for each in desk.bots()] == [(Mode.PRODUCTION, "A/USDT")]


WAYS = ("propose", "look", "look", "look", "late", "early", "after", "deliver", "restart", "stop", "person")
MOVES = st.tuples(
    st.sampled_from(WAYS),
    st.integers(0, len(NAMES) - 1), st.integers(20, 60),
)  # fmt: skip


async def _live(moves: list[tuple[str, int, int]], allowed: PairOpening) -> Stall:
    """Live through ``moves``, and look after each that no more was started than is allowed."""
    desk, opener = Stall(), Opener(allowed)
    for move, which, amount in moves:
        desk.now += RETRY // 2
        match move:
            case "propose":
                desk.propose(NAMES[which], amount)
            case "deliver":
                desk.deliver()
            case "restart":
                desk, opener = desk.restart(), Opener(allowed)
            case "stop" if any(bot.id == which + 1 for bot in desk.kernel.state.active_bots()):
                desk.stop(which + 1)
            case "person":
                proposal = Proposal(
                    decision="0", at=0, symbol=f"{NAMES[which]}/USDT", lower=D(90), upper=D(110), levels=4,
                    investment=D(amount),
                )  # fmt: skip
                desk.step(StartBot(at=desk.now, by="t:1", spec=proposal.spec(Mode.SHADOW), market=listed(NAMES[which])))
            case "look" | "late" | "early" | "after":
                desk.fate = move if move != "look" else ""
                with suppress(Killed):
                    await looked(opener, desk)
                if move in ("early", "after"):
                    desk, opener = desk.restart(), Opener(allowed)
                desk.fate = ""
            case _:
                pass
        assert len(own(desk)) <= allowed.most_bots
        assert sum(own(desk)) <= allowed.most_investment
    return desk


@given(moves=st.lists(MOVES, max_size=40), bots=st.integers(1, 3), money=st.integers(20, 120))
@settings(max_examples=120, deadline=None)
async def test_whatever_happens_the_cap_holds_and_no_proposal_starts_twice(
    moves: list[tuple[str, int, int]], bots: int, money: int
) -> None:
    desk = await _live(moves, PairOpening(enabled=True, most_bots=bots, most_investment=D(money)))
    started = Counter(bot.plan for bot in desk.bots() if bot.by == SELECTOR)
    assert max(started.values(), default=0) <= 1


@given(moves=st.lists(MOVES, max_size=20))
@settings(max_examples=30, deadline=None)
async def test_whatever_happens_nothing_starts_that_is_not_allowed(moves: list[tuple[str, int, int]]) -> None:
    desk = await _live(moves, PairOpening(most_bots=3, most_investment=D(500)))
    assert own(desk) == []


async def test_the_moves_do_start_bots() -> None:
    moves = [("propose", 0, 20), ("late", 0, 0), ("propose", 1, 30), ("look", 0, 0), ("look", 0, 0), ("deliver", 0, 0)]
    desk = await _live(moves, ALLOWED)
    assert own(desk) == [20, 30]
