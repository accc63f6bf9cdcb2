"""See what was bought and sold."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

from commands import phrases
from commands.context import Context
from commands.format import amount, instant, price, quantity, zone_of
from commands.matching import bot_name, one_bot
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Table
from config.language import _
from data.orders import Fill, key_of
from data.values import plain
from engine.views import BotView


@command()
async def trades(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None,
    count: Annotated[int, Param("how many of the newest"), Ge(1), Le(500)] = 20,
) -> Answer:
    """See what was bought and sold, newest first

    Examples: /trades · /trades 1 · /trades 1 100
    """
    found: BotView | None = None
    if bot is not None:
        chosen = one_bot(ctx.desk, bot, "/trades {}", active=False)
        if not isinstance(chosen, BotView):
            return chosen
        found = chosen
    fills = ctx.desk.fills(None if found is None else found.id, count)
    more = (Button(_("More"), f"/trades {found.id} {count * 5}" if found else f"/trades count={count * 5}"),)
    return Table(
        title=_("Trades") if found is None else _("Trades of {bot}").format(bot=bot_name(found)),
        columns=(_("Time"), _("Bot"), _("Side"), _("Price"), _("Quantity"), _("Value"), _("Fee")),
        rows=tuple(_row(ctx, fill) for fill in fills),
        mode=ctx.desk.engine().mode if found is None else found.spec.mode,
        empty=_("Nothing was traded yet."),
        buttons=(*(more if len(fills) == count and count * 5 <= 500 else ()), Button(_("P&L"), "/pnl")),
    )


def _row(ctx: Context, fill: Fill) -> tuple[str, ...]:
    key = key_of(fill.client_id)
    bot = None if key is None else ctx.desk.bot(key.bot)
    base, quote = ("", "") if bot is None else (bot.market.base, bot.market.quote)
    at = plain(fill.price) if bot is None else price(fill.price, bot.market.filters.price_tick)
    return (
        instant(fill.at, zone_of(ctx)),
        f"{key.bot} {fill.symbol}" if key is not None else fill.symbol,
        phrases.side(fill.side),
        at,
        quantity(fill.quantity, base),
        amount(fill.notional, quote),
        amount(fill.fee_quote, quote),
    )
