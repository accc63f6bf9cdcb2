"""See what rests in a market's book."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Annotated

from pydantic import Field as Limits

from commands.context import Context
from commands.format import amount, duration, percent, price, short
from commands.guidance import which_market
from commands.matching import find_market, unavailable
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Failure, Table
from config.language import _
from data.market import Market
from data.observations import Book, Level
from data.values import HUNDRED, Side
from engine.exchanges.base import ExchangeUnavailable, NotPossible

NEAR = Decimal("0.01")
DEPTH = 100
"""Levels of a side that are asked for, so that what rests near the price can be added up."""


@command()
async def book(
    ctx: Context,
    symbol: Annotated[str, Param("market, such as BTC/USDT", complete="symbol")] = "",
    levels: Annotated[int, Param("prices of each side"), Limits(ge=1, le=25)] = 8,
) -> Answer:
    """See the best prices of a market and what rests there

    Each line adds up what rests there and nearer to the price. Examples: /book BTC/USDT · /book ETH/USDT 15
    """
    if not symbol.strip():
        return await which_market(ctx, "book")
    market = await find_market(ctx.desk, symbol, "book")
    if isinstance(market, Failure):
        return market
    try:
        answer = await ctx.desk.data.book(market.symbol, DEPTH)
    except ExchangeUnavailable as error:
        return unavailable(error)
    except NotPossible as error:
        return Failure(problem=str(error))
    found = answer.value
    return Table(
        title=_("Book of {symbol}").format(symbol=market.symbol),
        columns=("", _("Price"), _("Sum, {asset}").format(asset=market.base)),
        rows=tuple(_rows(market, found, levels)),
        note=_note(market, found, answer.age(ctx.clock_now)),
        empty=_("Nothing rests there."),
        buttons=(
            Button(_("Refresh"), f"/book {market.symbol} {levels}"),
            Button(_("Market"), f"/market {market.symbol}"),
            Button(_("Chart"), f"/chart {market.symbol}"),
        ),
    )


def _rows(market: Market, found: Book, levels: int) -> list[tuple[str, ...]]:
    """Return a ladder: the dearest ask on top, the cheapest bid at the bottom, sums growing away from the price."""
    tick = market.filters.price_tick
    asks = [(_("ask"), price(each.price, tick), short(total)) for each, total in _summed(found.asks[:levels])]
    bids = [(_("bid"), price(each.price, tick), short(total)) for each, total in _summed(found.bids[:levels])]
    return [*reversed(asks), *bids]


def _summed(levels: Sequence[Level]) -> list[tuple[Level, Decimal]]:
    """Return each level with what rests there and nearer to the price."""
    return list(zip(levels, accumulate(each.quantity for each in levels), strict=True))


def _note(market: Market, found: Book, age: int) -> str:
    mid = found.mid
    if mid is None:
        return _("One side is empty.")
    spread = (found.asks[0].price - found.bids[0].price) / mid * HUNDRED
    bids, asks = (found.depth(side, NEAR) for side in (Side.BUY, Side.SELL))
    told = _("Spread {spread}. Within 1 %: {bids} bid, {asks} asked.").format(
        spread=f"{spread:.4f} %", bids=amount(bids, market.quote), asks=amount(asks, market.quote)
    )
    if bids + asks:
        told += " " + _("{share} of it are bids.").format(share=percent(bids / (bids + asks) * HUNDRED))
    return told + " " + _("Seen {age} ago.").format(age=duration(age))
