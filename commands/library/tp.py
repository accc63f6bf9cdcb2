"""Change a bot's take profit."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.exits import Exit, change_exit
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def tp(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None,
    level: Annotated[str, Param("a price such as 65000, a percentage of the investment such as 5%, or none")] = "",
) -> Answer:
    """Set, change or remove a bot's take profit

    When the level is reached the bot stops and sells what it holds. You see before and after, then confirm.
    Examples: /tp 1 65000 · /tp 1 5% · /tp 1 none
    """
    return await change_exit(ctx, Exit.TAKE_PROFIT, bot, level)
