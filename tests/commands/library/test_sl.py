"""/sl."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.events import SetStopLoss
from data.grids import Trigger, TriggerKind
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, spec

TEN_PERCENT = Trigger(TriggerKind.PERCENT, Decimal(10))


@pytest.mark.parametrize("before", [None, TEN_PERCENT])
@pytest.mark.parametrize("level", ["5%", "57500"])
async def test_lowering_risk_takes_one_tap_and_can_be_undone(before: Trigger | None, level: str) -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, spec(stop_loss=before))))
    card = await stage.card(f"/sl 1 {level}")
    assert "stop loss is now" in card.title
    (control,) = stage.desk.asked
    assert isinstance(control, SetStopLoss)
    assert str(control.trigger) == level
    assert lines(card)[0] == f"/sl 1 {before or 'none'}"


@pytest.mark.parametrize("level", ["20%", "none", "40000"])
async def test_raising_risk_is_shown_first_and_confirmed(level: str) -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, spec(stop_loss=TEN_PERCENT))))
    proposal = await stage.proposal(f"/sl 1 {level}")
    assert proposal.confirm.danger
    assert value(proposal.card, "Before") == "10% of the investment"
    assert value(proposal.card, "Realises before") == "about -100.00 USDT (-10.00 %)"
    await stage.one(proposal.confirm.line)
    assert [type(each) for each in stage.desk.asked] == [SetStopLoss]


@pytest.mark.parametrize(("level", "accepted"), [("61000", "a price below 61000.00"), ("150%", "at most 100%")])
async def test_an_impossible_stop_is_refused(level: str, accepted: str) -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1))).failure(f"/sl 1 {level}")
    assert (failure.field, failure.value, failure.accepted) == ("level", level, accepted)


async def test_a_plan_is_asked_again_when_somebody_else_changed_the_stop() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, spec(stop_loss=TEN_PERCENT))))
    proposal = await stage.proposal("/sl 1 20%")
    stage.desk.put(bot_view(1, spec(stop_loss=Trigger(TriggerKind.PERCENT, Decimal(15)))))
    assert "confirm again" in (await stage.proposal(proposal.confirm.line)).card.note


async def test_without_a_level_it_offers_some() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1))).card("/sl 1")
    assert lines(card) == ["/sl 1 5%", "/sl 1 10%", "/sl 1 15%", "/sl 1 57370.50"]
    assert value(card, "Now") == "none"


async def test_a_refusal_is_a_failure() -> None:
    desk = FakeDesk(bot_view(1))
    desk.problem = "the bot is stopping"
    assert (await Stage(desk=desk).failure("/sl 1 5%")).problem == "the bot is stopping"


async def test_a_loss_already_reached_would_be_a_sale_and_is_refused() -> None:
    bot = bot_view(1)
    assert bot.profit is not None
    losing = msgspec.structs.replace(bot, profit=msgspec.structs.replace(bot.profit, change=Decimal(-60)))
    failure = await Stage(desk=FakeDesk(losing)).failure("/sl 1 5%")
    assert failure.accepted == "more than 6.00%"
    assert lines(failure) == ["/stop 1 sell"]
