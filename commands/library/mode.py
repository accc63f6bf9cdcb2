"""See whether money is real here."""

from __future__ import annotations

from commands import phrases, words
from commands.context import Context
from commands.plan import Answer
from commands.registry import command
from commands.reply import Button, Card, Field
from config.language import _, ngettext
from data.values import Mode


@command(group="System")
async def mode(ctx: Context) -> Answer:
    """See whether money is real here, and what production would need"""
    engine = ctx.desk.engine()
    active = [each for each in ctx.desk.bots() if each.status.active]
    fields = [Field(_("Now"), f"{words.mode(engine.mode)} ({engine.exchange})")]
    for each in Mode:
        count = sum(bot.spec.mode is each for bot in active)
        if count:
            bots = ngettext("{count} bot", "{count} bots", count).format(count=count)
            fields.append(Field(words.mode(each).capitalize(), bots))
    fields.append(Field(_("Switching from chat"), _("not available yet")))
    fields.append(Field(_("Production will need"), _needs()))
    return Card(
        title=_("Mode: {mode}").format(mode=words.mode(engine.mode)),
        fields=tuple(fields),
        mode=engine.mode,
        note=phrases.mode_meaning(engine.mode),
        buttons=(Button(_("Status"), "/status"), Button(_("Bots"), "/bots")),
    )


def _needs() -> str:
    return ", ".join(
        (
            _("an exchange key without the right to withdraw"),
            _("a clock that agrees with the exchange"),
            _("a record in shadow mode"),
            _("limits and a cap on the money"),
            _("a chat that can be reached"),
            _("a one-time code from the server"),
        )
    )
