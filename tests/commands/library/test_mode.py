"""/mode."""

from __future__ import annotations

from data.values import Mode
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, value
from tests.commands.worlds import bot_view, spec


async def test_it_says_whether_money_is_real_and_that_production_is_not_available_yet() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec(mode=Mode.TESTNET)))).card("/mode", "vera")
    assert card.title == "Mode: shadow"
    assert value(card, "Now") == "shadow (binance)"
    assert (value(card, "Shadow"), value(card, "Testnet")) == ("1 bot", "1 bot")
    assert value(card, "Switching from chat") == "not available yet"
    assert "without the right to withdraw" in value(card, "Production will need")
    assert card.note == "Orders are simulated. No real money moves."
