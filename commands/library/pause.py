"""Take a bot's orders off the book."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.switching import pause_bots


@command(role=Role.TRADER, tier=Tier.REVERSIBLE, group="Act")
async def pause(
    ctx: Context, bot: Annotated[str | None, Param("number or market of the bot, or all", complete="bot")] = None
) -> Answer:
    """Take a bot's orders off the book, keep what it holds

    Works at once. Take profit and stop loss keep watching. /resume puts the orders back.
    Examples: /pause 1 · /pause all
    """
    return await pause_bots(ctx, bot)
