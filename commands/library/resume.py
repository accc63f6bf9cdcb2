"""Let a paused bot trade again."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.switching import resume_bots


@command(role=Role.TRADER, tier=Tier.REVERSIBLE, group="Act")
async def resume(
    ctx: Context, bot: Annotated[str | None, Param("number or market of the bot, or all", complete="bot")] = None
) -> Answer:
    """Let a paused bot trade again

    Its orders go back on the lines of its grid.
    Examples: /resume 1 · /resume all
    """
    return await resume_bots(ctx, bot)
