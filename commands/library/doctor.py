"""See what keeps, or may soon keep, an order from leaving."""

from __future__ import annotations

from collections import Counter

from commands.context import Context
from commands.findings import line
from commands.plan import Answer
from commands.registry import Role, command
from commands.reply import Button, Failure, Text
from config.language import _, ngettext
from engine.accounts.findings import Grade


@command(role=Role.TRADER, group="System")
async def doctor(ctx: Context) -> Answer:
    """See what is wrong with keys, clock, markets and streams, and what to do

    It asks the exchange about the key and its rights, the clock, every bot's market and its limits, and looks for
    streams that fell silent and for orders of somebody else.
    """
    if ctx.checkup is None:
        return Failure(problem=_("Nothing can be checked here."))
    findings = await ctx.checkup.health()
    count = Counter(each.grade for each in findings)
    bad = count[Grade.BAD]
    title = ngettext("{count} thing is wrong.", "{count} things are wrong.", bad).format(count=bad)
    if not bad:
        title = _("All is well.") if not count[Grade.WARNING] else _("Nothing is wrong, but something may become so.")
    worst_first = sorted(findings, key=lambda each: (Grade.BAD, Grade.WARNING, Grade.GOOD).index(each.grade))
    return Text(
        text="\n".join([title, *map(line, worst_first)]),
        buttons=(Button(_("Look again"), "/doctor"), Button(_("Status"), "/status"), Button(_("Mode"), "/mode")),
    )
