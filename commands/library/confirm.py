"""Run a plan that was shown."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Failure
from config.language import _


@command(role=Role.VIEWER, tier=Tier.REVERSIBLE, group="Act", hidden=True)
async def confirm(
    ctx: Context,
    plan: Annotated[str, Param("id of the plan that was shown")],
    code: Annotated[str | None, Param("one-time code printed on the server, for what raises risk")] = None,
) -> Answer:
    """Run a plan that was shown to you

    A plan runs at most once, for the person it was shown to, and only while prices and state are what they were.
    """
    if ctx.confirmer is None:
        return Failure(problem=_("Nothing can be confirmed here."))
    return await ctx.confirmer.confirm(ctx, plan, code)
