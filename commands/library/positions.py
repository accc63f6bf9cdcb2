"""See open positions on perpetuals, and how far their liquidation is."""

from __future__ import annotations

from commands import words
from commands.context import Context
from commands.format import percent, quantity, short
from commands.matching import unavailable
from commands.plan import Answer
from commands.registry import command
from commands.reply import Button, Table
from config.language import _
from data.values import HUNDRED
from engine.desk import PositionView
from engine.exchanges.base import ExchangeUnavailable, Position


@command()
async def positions(ctx: Context) -> Answer:
    """See open positions on perpetuals, and how far their liquidation is

    The exchange's own word: also what other programs or you yourself opened. Bots account for what stands in the last
    column.
    """
    try:
        found = await ctx.desk.positions()
    except ExchangeUnavailable as error:
        return unavailable(error)
    engine = ctx.desk.engine()
    modes = {each.mode for each in found}
    return Table(
        title=_("Positions on {exchange}").format(exchange=engine.exchange),
        columns=(_("Market"), _("Size"), _("Entry"), _("Mark"), _("Liquidation"), _("Leverage"), _("In bots")),
        rows=tuple(_row(each, named=len(modes) > 1) for each in found),
        mode=next(iter(modes)) if len(modes) == 1 else None,
        note=_("A liquidation closes a position at a loss; the distance is that of the mark price."),
        empty=_("No position is open."),
        buttons=(Button(_("Bots"), "/bots"), Button(_("Balance"), "/balance"), Button(_("Refresh"), "/positions")),
    )


def _row(view: PositionView, *, named: bool) -> tuple[str, ...]:
    held = view.position
    name = f"{held.symbol} {words.mode(view.mode)}" if named else held.symbol
    return (
        name,
        quantity(held.quantity),
        short(held.entry_price),
        short(held.mark_price),
        _liquidation(held),
        f"{held.leverage}× {words.margin(held.margin)}",
        quantity(view.in_bots),
    )


def _liquidation(held: Position) -> str:
    if held.liquidation_price is None or not held.mark_price:
        return _("none")
    distance = abs(held.liquidation_price / held.mark_price - 1) * HUNDRED
    return _("{price}, {distance} away").format(price=short(held.liquidation_price), distance=percent(distance))
