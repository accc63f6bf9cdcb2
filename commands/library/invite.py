"""Make a one-time code that lets somebody in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from commands.context import Context
from commands.plan import Answer, Planned
from commands.registry import Param, Tier, command
from commands.registry import Role as Rank
from commands.reply import Card, Failure, Field, Text
from config.language import _


class Role(StrEnum):
    """What the invited person may do."""

    VIEWER = "viewer"
    TRADER = "trader"
    OWNER = "owner"


@command(role=Rank.OWNER, tier=Tier.RISK, group="People")
async def invite(
    ctx: Context, role: Annotated[Role, Param("what the person may do: viewer, trader or owner")] = Role.VIEWER
) -> Answer:
    """Make a one-time code that lets somebody in

    The code works once, for ten minutes, in a private chat with me. You hear of it when somebody uses it.
    Examples: /invite · /invite trader
    """
    invitations = ctx.invitations
    if invitations is None or not ctx.private:
        return Failure(problem=_("Codes are never made where others read."), accepted=_("a private chat with me"))
    codes: list[str] = []

    async def make(_plan: str) -> None:
        codes.append(invitations.invite(Rank[role.name], ctx.person.id))

    may = {
        Role.VIEWER: _("see everything, change nothing"),
        Role.TRADER: _("see everything, start, change and stop bots"),
        Role.OWNER: _("do everything, let others in and out"),
    }[role]
    return Planned(
        card=Card(title=_("Let somebody in as {role}?").format(role=role.value), fields=(Field(_("They may"), may),)),
        controls=lambda _plan, _by, _at: (),
        act=make,
        receipt=lambda _outcomes: Text(
            text=_("Code for one {role}, good for ten minutes. They send me:\n/pair {code}").format(
                role=role.value, code=codes[-1]
            )
        ),
        danger=role is Role.OWNER,
    )
