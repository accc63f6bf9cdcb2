"""Let somebody in with a one-time code."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Failure
from config.language import _


@command(role=Role.STRANGER, tier=Tier.READ, group="People", hidden=True)
async def pair(ctx: Context, code: Annotated[str, Param("the eight digits you were given")]) -> Answer:
    """Get access with a one-time code

    Works in a private chat only: there the dispatcher redeems the code before it knows who is asking.
    """
    return Failure(problem=_("Codes are never typed where others read."), accepted=_("a private chat with me"))
