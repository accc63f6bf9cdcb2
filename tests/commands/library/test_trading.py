"""/trading."""

from __future__ import annotations

import msgspec
import pytest

from commands.reply import Card, Text
from data.advice import TradingState
from data.events import SetTradingState
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view


def halted() -> FakeDesk:
    """Return a desk that risk has halted."""
    desk = FakeDesk(bot_view(1))
    desk.view = msgspec.structs.replace(
        desk.view, trading_state=TradingState.HALTED, trading_state_reason="daily loss 6 % > 5 %"
    )
    return desk


async def test_it_says_what_is_let_through_and_why() -> None:
    card = await Stage(desk=halted()).card("/trading")
    assert card.title == "Trading is halted"
    assert value(card, "Because") == "daily loss 6 % > 5 %"
    assert lines(card) == ["/trading reducing", "/trading active", "/status"]


@pytest.mark.parametrize("state", ["halted", "reducing"])
async def test_lowering_takes_one_tap(state: str) -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    await stage.card(f"/trading {state}")
    (control,) = stage.desk.asked
    assert isinstance(control, SetTradingState)
    assert (control.state, control.by) == (state, "telegram:tim")


async def test_freeing_needs_a_code_from_the_server() -> None:
    stage = Stage(desk=halted())
    proposal = await stage.proposal("/trading active")
    assert value(proposal.card, "It was limited because") == "daily loss 6 % > 5 %"
    assert isinstance(await stage.one(proposal.confirm.line), Text)
    assert stage.desk.asked == []
    code = stage.announced[-1].rsplit(" ", 1)[1]
    receipt = await stage.one(f"{proposal.confirm.line} {code}")
    assert isinstance(receipt, Card)
    assert receipt.title == "Trading is active"
    assert [type(each) for each in stage.desk.asked] == [SetTradingState]


async def test_the_same_state_changes_nothing() -> None:
    stage = Stage(desk=halted())
    assert (await stage.card("/trading halted")).title == "Trading is halted"
    assert stage.desk.asked == []


async def test_what_was_limited_without_a_reason_claims_none() -> None:
    desk = FakeDesk()
    desk.view = msgspec.structs.replace(desk.view, trading_state=TradingState.REDUCING)
    proposal = await Stage(desk=desk).proposal("/trading active")
    assert [each.label for each in proposal.card.fields] == ["Before", "After"]
    assert proposal.confirm.danger
