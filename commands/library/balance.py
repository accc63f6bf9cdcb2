"""See what the account holds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from commands.context import Context
from commands.format import amount, quantity, zone_of
from commands.matching import unavailable
from commands.plan import Answer
from commands.registry import command
from commands.reply import Button, Table
from commands.standing import standings
from config.language import _
from data.market import MarketKind
from data.values import Mode
from engine.desk import AssetView
from engine.exchanges.base import ExchangeUnavailable


@command()
async def balance(ctx: Context) -> Answer:
    """See what the account holds, and how much of it bots account for"""
    try:
        assets = await ctx.desk.assets()
    except ExchangeUnavailable as error:
        return unavailable(error)
    tables = [_table(ctx, each, [held for held in assets if held.mode is each]) for each in _modes(ctx, assets)]
    return tables[0] if len(tables) == 1 else tuple(tables)


def _modes(ctx: Context, assets: Sequence[AssetView]) -> list[Mode]:
    """Return the modes that hold something; money of different modes never stands in one table."""
    held = {each.mode for each in assets}
    return [each for each in Mode if each in held][::-1] or [ctx.desk.engine().mode]


def _table(ctx: Context, mode: Mode, assets: Sequence[AssetView]) -> Table:
    money = {ctx.settings.exchange.quote, *(each.market.quote for each in ctx.desk.bots())}
    wallets = len({each.wallet for each in assets}) > 1

    def held(value: Decimal, asset: str) -> str:
        # Fees leave money with many decimals that nobody reads; coins are what an order can be made of.
        return amount(value) if asset in money else quantity(value)

    def named(each: AssetView) -> str:
        futures = wallets and each.wallet is MarketKind.PERPETUAL
        return _("{asset} (futures)").format(asset=each.asset) if futures else each.asset

    notes = [
        _("Bots are worth {equity} ({mode}).").format(equity=amount(each.equity, each.quote), mode=each.mode.value)
        for each in standings(ctx.desk, ctx.clock_now, zone_of(ctx))
        if each.bots and each.mode is mode
    ]
    return Table(
        title=_("Balance on {exchange}").format(exchange=_exchange(ctx, mode)),
        columns=(_("Asset"), _("Total"), _("Free"), _("In orders"), _("In bots")),
        rows=tuple(
            (
                named(each),
                held(each.free + each.locked, each.asset),
                held(each.free, each.asset),
                held(each.locked, each.asset),
                held(each.in_bots, each.asset),
            )
            for each in assets
        ),
        mode=mode,
        note=" ".join(notes),
        empty=_("The account is empty."),
        buttons=(Button(_("P&L"), "/pnl"), Button(_("Bots"), "/bots"), Button(_("Start a grid"), "/grid")),
    )


def _exchange(ctx: Context, mode: Mode) -> str:
    engine = ctx.desk.engine()
    return next((each.exchange for each in engine.accounts if each.mode is mode), engine.exchange)
