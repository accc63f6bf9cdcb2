"""Find a market."""

from __future__ import annotations

import asyncio
from typing import Annotated

from commands.context import Context
from commands.format import amount, percent, price
from commands.guidance import favourites
from commands.matching import find_markets
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Failure, Table
from config.language import _
from data.market import Market
from data.values import HUNDRED
from engine.exchanges.base import ExchangeUnavailable

SHOWN = 12
WITH_BUTTONS = 4


@command()
async def markets(
    ctx: Context, search: Annotated[str, Param("part of a name, such as btc", complete="symbol")] = ""
) -> Answer:
    """Find a market, with its price, fee and smallest order

    Without a search it shows the configured favourites. Spelling need not be exact.
    Examples: /markets · /markets sol
    """
    everything = await ctx.desk.markets()
    found = find_markets(everything, search) if search.strip() else favourites(ctx, everything)
    if not found:
        return Failure(
            problem=_("No market looks like this."),
            field="search",
            value=search,
            accepted=_("part of a name, such as btc or BTC/USDT"),
            buttons=(Button(_("Favourites"), "/markets"),),
        )
    shown = found[:SHOWN]
    prices = await asyncio.gather(*(_last(ctx, each) for each in shown))
    hidden = len(found) - len(shown)
    return Table(
        title=_("Markets on {exchange}").format(exchange=ctx.desk.engine().exchange),
        columns=(_("Market"), _("Price"), _("Fee"), _("Smallest order")),
        rows=tuple(_row(each, last) for each, last in zip(shown, prices, strict=True)),
        note=_("{count} more match: type more of the name.").format(count=hidden) if hidden else "",
        buttons=tuple(button for each in shown[:WITH_BUTTONS] for button in _buttons(each)),
    )


async def _last(ctx: Context, market: Market) -> str:
    try:
        ticker = await ctx.desk.ticker(market.symbol)
    except ExchangeUnavailable:
        return "–"
    return price(ticker.last, market.filters.price_tick)


def _row(market: Market, last: str) -> tuple[str, ...]:
    fee, least = percent(market.fees.maker * HUNDRED), amount(market.filters.min_notional, market.quote)
    return (market.symbol, last, fee, least)


def _buttons(market: Market) -> tuple[Button, ...]:
    return (
        Button(_("Chart {symbol}").format(symbol=market.symbol), f"/chart {market.symbol}"),
        Button(_("Grid {symbol}").format(symbol=market.symbol), f"/grid {market.symbol}"),
    )
