"""See who may talk to the engine, or let somebody out."""

from __future__ import annotations

from typing import Annotated

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Failure, Table, Text
from config.language import _


@command(role=Role.OWNER, tier=Tier.REVERSIBLE, group="People")
async def people(
    ctx: Context, remove: Annotated[str | None, Param("identity of somebody to let out, such as telegram:123")] = None
) -> Answer:
    """See who may talk to me, or let somebody out

    Letting out works at once. The last owner stays: nobody could let anybody in again from a chat.
    Examples: /people · /people remove=telegram:123
    """
    known = ctx.people.all()
    if remove is None:
        rows = tuple((each.name, each.id, each.role.name.lower()) for each in known)
        return Table(
            title=_("People"), columns=(_("Name"), _("Identity"), _("Role")), rows=rows,
            buttons=(Button(_("Invite a viewer"), "/invite viewer"), Button(_("Invite a trader"), "/invite trader")),
        )  # fmt: skip
    person = next((each for each in known if each.id == remove), None)
    if person is None:
        accepted = ", ".join(each.id for each in known)
        return Failure(problem=_("I do not know them."), field="remove", value=remove, accepted=accepted)
    owners = [each for each in known if each.role is Role.OWNER]
    if owners == [person]:
        return Failure(problem=_("The last owner stays."), field="remove", value=remove, accepted=_("somebody else"))
    ctx.people.remove(person.id)
    again = f"/invite {person.role.name.lower()}"
    return Text(
        text=_("{name} may no longer talk to me.").format(name=person.name), buttons=(Button(_("Invite"), again),)
    )
