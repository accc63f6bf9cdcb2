"""Pausing and resuming: one bot or all of them, at once, with the way back in the receipt."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from commands import words
from commands.cards import bot_headline, receipt
from commands.context import Context
from commands.matching import bot_name, no_bots, one_bot
from commands.reply import Button, Card, Field, Reply
from config.language import _, ngettext
from data.events import PauseBot, ResumeBot
from engine.views import BotStatus, BotView

ALL = "all"


async def pause_bots(ctx: Context, text: str | None) -> Reply:
    """Pause what ``text`` names."""
    return await _switch(ctx, text, resume=False)


async def resume_bots(ctx: Context, text: str | None) -> Reply:
    """Resume what ``text`` names."""
    return await _switch(ctx, text, resume=True)


async def _switch(ctx: Context, text: str | None, *, resume: bool) -> Reply:
    able = [each for each in ctx.desk.bots() if _able(each, resume=resume)]
    command = "resume" if resume else "pause"
    if text is not None and text.strip().lower() == ALL:
        return await _all(ctx, able, resume=resume)
    if text is None and not able:
        return _nothing(ctx, resume=resume)
    if text is None and len(able) == 1:
        return await _one(ctx, able[0], resume=resume)
    found = one_bot(ctx.desk, text, f"/{command} {{}}")
    if not isinstance(found, BotView):
        return _with_all(found, command) if isinstance(found, Card) else found
    if not _able(found, resume=resume):
        title = _("{bot} is {status}; nothing changed").format(bot=bot_name(found), status=words.status(found.status))
        return Card(title=title, fields=(), mode=found.spec.mode, buttons=(_show(found),))
    return await _one(ctx, found, resume=resume)


async def _one(ctx: Context, bot: BotView, *, resume: bool) -> Reply:
    outcome = await ctx.desk.ask(_control(ctx, bot, resume=resume))
    now = ctx.desk.bot(bot.id) or bot
    back = Button(_("Pause"), f"/pause {bot.id}") if resume else Button(_("Resume"), f"/resume {bot.id}")
    title = _("{bot} resumed") if resume else _("{bot} paused")
    note = (
        _("Its orders are being placed again.")
        if resume
        else _("Its orders are being taken off the book. What it holds stays, and exits still watch the price.")
    )
    card = Card(
        title=title.format(bot=bot_name(bot)),
        fields=(Field(_("Status"), words.status(now.status)),),
        mode=bot.spec.mode,
        note=note,
        buttons=(back, _show(bot)),
    )
    return receipt((outcome,), card)


async def _all(ctx: Context, bots: Sequence[BotView], *, resume: bool) -> Reply:
    if not bots:
        return _nothing(ctx, resume=resume)
    outcomes = [await ctx.desk.ask(_control(ctx, bot, resume=resume)) for bot in bots]
    text = (
        ngettext("{count} bot resumed", "{count} bots resumed", len(bots))
        if resume
        else ngettext("{count} bot paused", "{count} bots paused", len(bots))
    )
    back = Button(_("Pause all"), "/pause all") if resume else Button(_("Resume all"), "/resume all")
    fields = tuple(Field(str(each.id), bot_headline(each)) for each in bots)
    card = Card(title=text.format(count=len(bots)), fields=fields, buttons=(back, Button(_("Bots"), "/bots")))
    return receipt(outcomes, card)


def _able(bot: BotView, *, resume: bool) -> bool:
    if resume:
        return bot.status is BotStatus.PAUSED
    return bot.status in (BotStatus.RUNNING, BotStatus.STARTING)


def _control(ctx: Context, bot: BotView, *, resume: bool) -> PauseBot | ResumeBot:
    kind = ResumeBot if resume else PauseBot
    return kind(at=ctx.clock_now, by=ctx.person.id, bot=bot.id)


def _with_all(card: Card, command: str) -> Card:
    return msgspec.structs.replace(card, buttons=(*card.buttons, Button(_("All"), f"/{command} all")))


def _nothing(ctx: Context, *, resume: bool) -> Reply:
    if not any(each.status.active for each in ctx.desk.bots()):
        return no_bots()
    title = _("No bot is paused; nothing changed") if resume else _("Every bot is paused already; nothing changed")
    return Card(title=title, fields=(), buttons=(Button(_("Bots"), "/bots"),))


def _show(bot: BotView) -> Button:
    return Button(bot_name(bot), f"/bots {bot.id}")
