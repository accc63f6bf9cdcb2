"""See the agents, and restart one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from commands.context import Context
from commands.format import duration
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Failure, Table, Text
from config.language import _
from engine.desk import AgentView


class Act(StrEnum):
    """What to do with an agent."""

    RESTART = "restart"


@command(role=Role.TRADER, tier=Tier.REVERSIBLE, group="System")
async def agents(
    ctx: Context,
    act: Annotated[Act | None, Param("start the agent afresh")] = None,
    name: Annotated[str, Param("name of the agent")] = "",
) -> Answer:
    """See the agents and what each said last, or restart one

    Agents advise; they never place orders. An agent that is silent abstains.
    Examples: /agents · /agents restart risk
    """
    known = ctx.agents.agents()
    if act is Act.RESTART:
        return await _restart(ctx, name, [each.name for each in known])
    ill = [each for each in known if not each.healthy]
    buttons = tuple(Button(_("Restart {name}").format(name=each.name), f"/agents restart {each.name}") for each in ill)
    return Table(
        title=_("Agents"),
        columns=(_("Agent"), _("State"), _("Last advice"), _("Restarts"), _("What it does")),
        rows=tuple(_row(ctx, each) for each in known),
        note="\n".join(f"{each.name}: {each.last_error}" for each in known if each.last_error),
        empty=_("No agent is running."),
        buttons=(*buttons, Button(_("Refresh"), "/agents")),
    )


async def _restart(ctx: Context, name: str, known: list[str]) -> Answer:
    if name not in known:
        return Failure(problem=_("There is no such agent."), field="name", value=name, accepted=", ".join(known) or "–")
    await ctx.agents.restart(name)
    return Text(text=_("{name} is starting afresh.").format(name=name), buttons=(Button(_("Agents"), "/agents"),))


def _row(ctx: Context, agent: AgentView) -> tuple[str, ...]:
    state = _("well") if agent.healthy else _("ill")
    said = "–"
    if agent.last_at is not None:
        age = _("{age} ago").format(age=duration(ctx.clock_now - agent.last_at))
        said = f"{agent.last_advice}, {age}" if agent.last_advice else age
    return (agent.name, state, said, str(agent.restarts), _(agent.what))
