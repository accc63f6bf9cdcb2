"""See what may be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from commands.authorise import allowed, needed_words
from commands.context import Context
from commands.parse import accepted
from commands.plan import Answer
from commands.registry import Command, Param, Parameter, Tier, command
from commands.reply import Button, Card, Failure, Field, Text
from config.language import _

ORDER = ("See", "Act", "System", "People")
"""Groups in the order people need them."""


@command(group="System")
async def help(ctx: Context, command: Annotated[str, Param("name of a command")] = "") -> Answer:
    """See what you may ask, or how one command works

    Examples: /help · /help grid
    """
    mine = [each for each in ctx.registry.all() if not each.hidden and allowed(ctx.person, each)]
    wanted = command.strip().lower().removeprefix("/")
    if not wanted:
        return _all(mine)
    found = next((each for each in mine if each.name == wanted), None)
    if found is not None:
        return _one(found)
    near = ctx.registry.near(wanted, [each.name for each in mine])
    return Failure(
        problem=_("You have no such command."),
        field="command",
        value=command,
        accepted=", ".join(f"/{each}" for each in near) or "/help",
        buttons=tuple(Button(f"/{each}", f"/help {each}") for each in near),
    )


def _all(mine: Sequence[Command]) -> Text:
    groups = sorted({each.group for each in mine}, key=lambda group: (_place(group), group))
    parts = []
    for group in groups:
        lines = [f"/{each.name} – {_(each.help)}" for each in mine if each.group == group]
        parts.append("\n".join([_group_word(group), *lines]))
    names = [each.name for each in mine]
    parts.append(_("More about one: /help {command}").format(command="grid" if "grid" in names else names[0]))
    buttons = [Button(_("Status"), "/status"), Button(_("Bots"), "/bots")]
    return Text(text="\n\n".join(parts), buttons=tuple(buttons))


def _one(found: Command) -> Card:
    fields = [Field(_("Usage"), found.usage)]
    fields += [Field(each.name, _parameter(each)) for each in found.parameters]
    fields.append(Field(_("Who"), needed_words(found)))
    fields.append(Field(_("Before it runs"), _before(found.tier)))
    return Card(
        title=f"/{found.name}: {_(found.help)}",
        fields=tuple(fields),
        note=_(found.details) if found.details else "",
        buttons=(Button(f"/{found.name}", f"/{found.name}"), Button(_("All commands"), "/help")),
    )


def _parameter(parameter: Parameter) -> str:
    return f"{_(parameter.help)} ({accepted(parameter)})" if parameter.choices else _(parameter.help)


def _before(tier: Tier) -> str:
    return {
        Tier.READ: _("nothing: it only looks"),
        Tier.REVERSIBLE: _("nothing: it can be undone"),
        Tier.MONEY: _("you see the plan and confirm"),
        Tier.RISK: _("you see the plan, confirm, and type a one-time code from the server"),
    }[tier]


def _group_word(group: str) -> str:
    return {"See": _("See"), "Act": _("Act"), "System": _("System"), "People": _("People")}.get(group, group)


def _place(group: str) -> int:
    return ORDER.index(group) if group in ORDER else len(ORDER)
