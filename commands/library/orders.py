"""See the open orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from commands import phrases
from commands.context import Context
from commands.format import price, quantity, share
from commands.matching import bot_name, one_bot
from commands.pictures import common_mode
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Table
from config.language import _
from data.orders import Order, OrderStatus, OrderType
from engine.views import BotView


@command()
async def orders(
    ctx: Context, bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None
) -> Answer:
    """See the open orders of all bots, or of one

    Highest price first; the distance is how far price has to move.
    Examples: /orders · /orders 1
    """
    chosen: Sequence[BotView] = [each for each in ctx.desk.bots() if each.status.active]
    if bot is not None:
        found = one_bot(ctx.desk, bot, "/orders {}", active=False)
        if not isinstance(found, BotView):
            return found
        chosen = [found]
    pairs = [(each, order) for each in chosen for order in each.orders]
    pairs.sort(key=lambda pair: (pair[0].id, -pair[1].draft.price))
    several = len(chosen) != 1
    columns = (_("Side"), _("Price"), _("Quantity"), _("Distance"), _("State"))
    return Table(
        title=_("Open orders") if several else _("Open orders of {bot}").format(bot=bot_name(chosen[0])),
        columns=(_("Bot"), *columns) if several else columns,
        rows=tuple(
            ((f"{each.id} {each.spec.symbol}",) if several else ()) + _row(each, order) for each, order in pairs
        ),
        mode=common_mode(chosen) if chosen else None,
        empty=_("There are no open orders."),
        buttons=(Button(_("Bots"), "/bots"), Button(_("Trades"), "/trades")),
    )


def _row(bot: BotView, order: Order) -> tuple[str, ...]:
    draft = order.draft
    market = draft.type is OrderType.MARKET
    distance = "–" if bot.ticker is None else share(draft.price - bot.ticker.last, bot.ticker.last, signed=True)
    size = quantity(draft.quantity, bot.market.base)
    if order.filled:
        size = _("{left} of {whole}").format(left=quantity(order.remaining), whole=size)
    state = phrases.order_status(order.status)
    if order.status is OrderStatus.OPEN and order.filled:
        state = _("partly filled")
    elif order.status is OrderStatus.OPEN and draft.type is OrderType.STOP_MARKET:
        state = _("protective stop")
    at = _("market") if market else price(draft.price, bot.market.filters.price_tick)
    return (phrases.side(draft.side), at, size, distance, state)
