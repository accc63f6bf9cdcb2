"""Drop a plan that was shown."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Failure
from config.language import _


@command(role=Role.VIEWER, tier=Tier.READ, group="Act", hidden=True)
async def discard(ctx: Context, plan: Annotated[str, Param("id of the plan that was shown")]) -> Answer:
    """Drop a plan that was shown to you"""
    if ctx.confirmer is None:
        return Failure(problem=_("Nothing can be discarded here."))
    return ctx.confirmer.discard(ctx, plan)
