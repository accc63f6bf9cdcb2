"""See all bots, or one of them."""

from __future__ import annotations

from typing import Annotated

from commands import words
from commands.cards import bot_card
from commands.context import Context
from commands.format import profit, zone_of
from commands.matching import one_bot
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Table
from config.language import _
from data.values import HUNDRED
from engine.views import BotView

SHOWN_BUTTONS = 10


@command()
async def bots(
    ctx: Context, bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None
) -> Answer:
    """See all bots, or one with what can be done about it

    Examples: /bots · /bots 1 · /bots BTC/USDT
    """
    if bot is not None:
        found = one_bot(ctx.desk, bot, "/bots {}", active=False)
        return bot_card(found, ctx.clock_now, zone_of(ctx)) if isinstance(found, BotView) else found
    views = ctx.desk.bots()
    buttons = [Button(f"{each.id} {each.spec.symbol}", f"/bots {each.id}") for each in views if each.status.active]
    return Table(
        title=_("Bots"),
        columns=(_("No."), _("Market"), _("Mode"), _("Status"), _("Total"), _("In range")),
        rows=tuple(_row(each) for each in views),
        empty=_("There is no bot yet."),
        buttons=(*buttons[:SHOWN_BUTTONS], Button(_("Start a grid"), "/grid")),
    )


def _row(bot: BotView) -> tuple[str, ...]:
    total = "–" if bot.profit is None else profit(bot.profit.change, bot.profit.invested, bot.market.quote)
    where = _where(bot) if bot.status.active else "–"
    return (str(bot.id), bot.spec.symbol, bot.spec.mode.value, words.status(bot.status), total, where)


def _where(bot: BotView) -> str:
    if bot.ticker is None or not bot.lines[0] <= bot.ticker.last <= bot.lines[-1]:
        return words.position(bot.position)
    share = (bot.ticker.last - bot.lines[0]) / (bot.lines[-1] - bot.lines[0]) * HUNDRED
    return f"{share:.0f} %"
