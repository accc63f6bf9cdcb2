"""/start."""

from __future__ import annotations

from commands.reply import Text
from tests.commands.library.stage import Stage, lines


async def test_it_greets_and_leads_on() -> None:
    reply = await Stage().one("/start", "vera")
    assert isinstance(reply, Text)
    assert "Vera" in reply.text
    assert "/help" in lines(reply)
