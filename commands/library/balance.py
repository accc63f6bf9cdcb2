"""See what the account holds."""

from __future__ import annotations

from decimal import Decimal

from commands.context import Context
from commands.format import amount, quantity, zone_of
from commands.matching import unavailable
from commands.plan import Answer
from commands.registry import command
from commands.reply import Button, Table
from commands.standing import standings
from config.language import _
from engine.exchanges.base import ExchangeUnavailable


@command()
async def balance(ctx: Context) -> Answer:
    """See what the account holds, and how much of it bots account for"""
    try:
        assets = await ctx.desk.assets()
    except ExchangeUnavailable as error:
        return unavailable(error)
    engine, money = ctx.desk.engine(), {ctx.settings.exchange.quote, *(each.market.quote for each in ctx.desk.bots())}

    def held(value: Decimal, asset: str) -> str:
        # Fees leave money with many decimals that nobody reads; coins are what an order can be made of.
        return amount(value) if asset in money else quantity(value)

    notes = [
        _("Bots are worth {equity} ({mode}).").format(equity=amount(each.equity, each.quote), mode=each.mode.value)
        for each in standings(ctx.desk, ctx.clock_now, zone_of(ctx))
        if each.bots
    ]
    return Table(
        title=_("Balance on {exchange}").format(exchange=engine.exchange),
        columns=(_("Asset"), _("Total"), _("Free"), _("In orders"), _("In bots")),
        rows=tuple(
            (
                each.asset,
                held(each.free + each.locked, each.asset),
                held(each.free, each.asset),
                held(each.locked, each.asset),
                held(each.in_bots, each.asset),
            )
            for each in assets
        ),
        mode=engine.mode,
        note=" ".join(notes),
        empty=_("The account is empty."),
        buttons=(Button(_("P&L"), "/pnl"), Button(_("Bots"), "/bots"), Button(_("Start a grid"), "/grid")),
    )
