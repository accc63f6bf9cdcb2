"""Read the program's own log."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, command
from commands.reply import Button, Failure, Text
from config.language import _


class Level(StrEnum):
    """How serious a line has to be."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@command(role=Role.OWNER, group="System")
async def logs(
    ctx: Context,
    count: Annotated[int, Param("how many of the newest lines"), Ge(1), Le(200)] = 20,
    level: Annotated[Level, Param("how serious they have to be")] = Level.INFO,
) -> Answer:
    """Read the newest lines of the log, secrets left out

    Only in a private chat.
    Examples: /logs · /logs 50 error
    """
    if not ctx.private:
        return Failure(problem=_("Logs are not shown where others read."), accepted=_("a private chat with me"))
    if ctx.logs is None:
        return Failure(problem=_("No log is kept here."))
    lines = ctx.logs.lines(count, level.value.upper())
    buttons = (Button(_("Errors"), f"/logs {count} error"), Button(_("Refresh"), f"/logs {count} {level}"))
    return Text(text="\n".join(lines) or _("The log has no such lines."), buttons=buttons)
