"""/tp."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.reply import Card, Failure
from data.events import SetTakeProfit
from data.grids import Trigger, TriggerKind
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, spec

FIVE_PERCENT = Trigger(TriggerKind.PERCENT, Decimal(5))


async def test_before_and_after_are_shown_with_what_they_realise() -> None:
    bot = bot_view(1, spec(take_profit=FIVE_PERCENT))
    card = (await Stage(desk=FakeDesk(bot)).proposal("/tp 1 63000")).card
    assert card.title == "Bot 1 BTC/USDT: take profit becomes price 63000.00 USDT"
    assert value(card, "Before") == "5% of the investment"
    assert value(card, "After") == "price 63000.00 USDT"
    assert value(card, "Realises before") == "about +50.00 USDT (+5.00 %)"
    assert value(card, "Realises after").startswith("about +1")
    assert value(card, "Total now") == "+3.25 USDT (+0.32 %)"
    assert card.mode == "shadow"


async def test_confirming_sets_it_and_the_receipt_undoes_it() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, spec(take_profit=FIVE_PERCENT))))
    receipt = await stage.confirmed("/tp 1 10%")
    assert isinstance(receipt, Card)
    assert receipt.title == "Bot 1 BTC/USDT: take profit is now 10% of the investment"
    assert lines(receipt)[0] == "/tp 1 5%"
    (control,) = stage.desk.asked
    assert isinstance(control, SetTakeProfit)
    assert control.trigger == Trigger(TriggerKind.PERCENT, Decimal(10))
    assert control.plan


@pytest.mark.parametrize("word", ["none", "off"])
async def test_removing_is_a_plan_too(word: str) -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, spec(take_profit=FIVE_PERCENT))))
    await stage.confirmed(f"/tp 1 {word}")
    (control,) = stage.desk.asked
    assert isinstance(control, SetTakeProfit)
    assert control.trigger is None


async def test_without_a_level_it_offers_some() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1, spec(take_profit=FIVE_PERCENT)))).card("/tp 1")
    assert value(card, "Now") == "5% of the investment"
    assert lines(card) == ["/tp 1 2%", "/tp 1 5%", "/tp 1 10%", "/tp 1 64690.50", "/tp 1 none"]


@pytest.mark.parametrize(
    ("level", "accepted"),
    [("60000", "a price above 61000.00"), ("0.1%", "more than 0.33%"), ("61000", "a price above 61000.00")],
)
async def test_a_level_already_reached_would_be_a_sale_and_is_refused(level: str, accepted: str) -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    failure = await stage.failure(f"/tp 1 {level}")
    assert (failure.field, failure.value, failure.accepted) == ("level", level, accepted)
    assert lines(failure) == ["/stop 1 sell"]
    assert stage.desk.asked == []


@pytest.mark.parametrize("level", ["soon", "-", "0", "5%%", "1e9"])
async def test_nonsense_says_what_is_accepted(level: str) -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1))).failure(f"/tp 1 {level}")
    assert (failure.field, failure.value) == ("level", level)
    assert "65000" in failure.accepted


async def test_before_the_first_price_only_the_levels_are_compared() -> None:
    bot = msgspec.structs.replace(bot_view(1), profit=None, ticker=None)
    card = (await Stage(desk=FakeDesk(bot)).proposal("/tp 1 5%")).card
    assert [each.label for each in card.fields] == ["Before", "After"]


async def test_the_same_level_changes_nothing() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1, spec(take_profit=FIVE_PERCENT))))
    assert "is already" in (await stage.card("/tp 1 5%")).title
    assert stage.desk.asked == []


async def test_a_stopped_bot_has_no_exits() -> None:
    reply = await Stage(desk=FakeDesk(bot_view(1, status=BotStatus.STOPPED))).one("/tp 1 5%")
    assert isinstance(reply, Failure)
    assert reply.field == "bot"
