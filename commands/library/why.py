"""See why the engine did what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from commands.context import Context, Explainer
from commands.format import zone_of
from commands.matching import find_bot
from commands.plan import Answer
from commands.reasons import decision_card, facts_of
from commands.registry import Param, command
from commands.reply import Button, Failure, Reply, Text
from config.language import _
from data.decisions import Decision

REMEMBERED = 500
"""How far back the buttons lead."""
_MARK = "d"
"""Before a decision's number in buttons, so that it is never taken for a bot's."""


@command()
async def why(
    ctx: Context,
    what: Annotated[str | None, Param("number of a bot, or of a decision such as d103", complete="decision")] = None,
) -> Answer:
    """See why the engine did what it did

    Shows the stored record: the rule, what it knew and how old that was, what it did not do and why, what risk said,
    and the orders that came of it. If a local model is set up, its short explanation of these facts follows.
    Examples: /why · /why 1 · /why d103
    """
    found = _find(ctx, what)
    if not isinstance(found, Decision):
        return found
    bot = ctx.desk.bot(found.bot) if found.bot else None
    card = decision_card(found, bot, zone_of(ctx))
    shown = msgspec.structs.replace(card, buttons=_buttons(ctx, found))
    if ctx.explainer is None:
        return shown
    explanation = _explanation(ctx.explainer, found, facts_of(card))
    if ctx.afterwards is not None:
        # The facts never wait for a model.
        ctx.afterwards(explanation)
        return shown
    reply = await explanation
    return (shown, reply) if reply else shown


async def _explanation(explainer: Explainer, decision: Decision, facts: Sequence[str]) -> Reply | None:
    words = await explainer.explain(decision, facts)
    if not words:
        return None
    text = _("Decision {id}, the local model says: {words}").format(id=decision.id, words=words)
    return Text(text=text)


def _find(ctx: Context, what: str | None) -> Decision | Failure:
    if what is None:
        newest = ctx.desk.decisions(None, 1)
        return newest[0] if newest else Failure(problem=_("Nothing was decided yet."))
    text = what.strip().lower()
    bot = None if text.startswith(_MARK) else find_bot(ctx.desk, text)
    if bot is not None:
        newest = ctx.desk.decisions(bot.id, 1)
        return newest[0] if newest else Failure(problem=_("Nothing was decided about this bot yet."))
    return ctx.desk.decision(text.removeprefix(_MARK)) or Failure(
        problem=_("There is no such decision."),
        field="what",
        value=what,
        accepted=_("the number of a bot, or of a decision such as d103"),
        buttons=(Button(_("The newest"), "/why"),),
    )


def _buttons(ctx: Context, shown: Decision) -> tuple[Button, ...]:
    """Older and newer stay with the same bot."""
    known = list(ctx.desk.decisions(shown.bot or None, REMEMBERED))
    at = next((index for index, each in enumerate(known) if each.id == shown.id), None)
    buttons = []
    if at is not None and at + 1 < len(known):
        buttons.append(Button(_("Older"), f"/why {_MARK}{known[at + 1].id}"))
    if at:
        buttons.append(Button(_("Newer"), f"/why {_MARK}{known[at - 1].id}"))
    if shown.bot:
        buttons.append(Button(_("Bot {number}").format(number=shown.bot), f"/bots {shown.bot}"))
    return tuple(buttons)
