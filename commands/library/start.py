"""The greeting of a private chat."""

from __future__ import annotations

from commands.context import Context
from commands.plan import Answer
from commands.registry import Role, command
from commands.reply import Button, Text
from config.language import _


@command(role=Role.STRANGER, group="People", hidden=True)
async def start(ctx: Context) -> Answer:
    """Say hello"""
    return Text(
        text=_("Hello {name}. Type /help to see what you can ask.").format(name=ctx.person.name),
        buttons=(Button(_("Help"), "/help"), Button(_("Bots"), "/bots")),
    )
