"""Change a bot's stop loss."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.exits import Exit, change_exit
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def sl(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None,
    level: Annotated[str, Param("a price such as 55000, a loss in percent of the investment such as 5%, or none")] = "",
) -> Answer:
    """Set, change or remove a bot's stop loss

    When the level is reached the bot stops and sells what it holds. A stop loss that only lowers the risk is set
    at once; loosening or removing one is shown first and confirmed.
    Examples: /sl 1 55000 · /sl 1 5% · /sl 1 none
    """
    return await change_exit(ctx, Exit.STOP_LOSS, bot, level)
