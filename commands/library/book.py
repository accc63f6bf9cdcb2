"""See what rests in a market's book and what others traded last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Annotated

from pydantic import Field as Limits

from commands.context import Context
from commands.format import duration, figure, price, quantity, share, short
from commands.guidance import which_market
from commands.matching import find_market, unavailable
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Failure, Table
from config.language import _
from data.market import Market
from data.observations import Book, Level, PublicTrade
from data.values import HUNDRED, ZERO, Millis, Side
from engine.exchanges.base import ExchangeUnavailable, NotPossible

NEAR = Decimal("0.01")
DEPTH = 100
"""Levels of a side that are asked for, so that what rests near the price can be added up."""
TRADES = 100
"""Trades that tell which side is in a hurry."""


@command()
async def book(
    ctx: Context,
    symbol: Annotated[str, Param("market, such as BTC/USDT", complete="symbol")] = "",
    levels: Annotated[int, Param("prices of each side"), Limits(ge=1, le=25)] = 8,
) -> Answer:
    """See the best prices of a market, what rests there and what was traded last

    Each line adds up what rests there and nearer to the price; the last trade stands between the sides.
    Examples: /book BTC/USDT · /book ETH/USDT 15
    """
    if not symbol.strip():
        return await which_market(ctx, "book")
    market = await find_market(ctx.desk, symbol, "book")
    if isinstance(market, Failure):
        return market
    try:
        answer, traded = await asyncio.gather(ctx.desk.data.book(market.symbol, DEPTH), _traded(ctx, market))
    except ExchangeUnavailable as error:
        return unavailable(error)
    except NotPossible as error:
        return Failure(problem=str(error))
    found = answer.value
    return Table(
        title=_("Book of {symbol}").format(symbol=market.symbol),
        columns=("", _("Price"), _("Sum, {asset}").format(asset=market.base)),
        rows=tuple(_rows(market, found, levels, traded)),
        note="\n".join((_note(market, found, answer.age(ctx.clock_now)), *_pressure(market, traded, ctx.clock_now))),
        empty=_("Nothing rests there."),
        buttons=(
            Button(_("Refresh"), f"/book {market.symbol} {levels}"),
            Button(_("Market"), f"/market {market.symbol}"),
            Button(_("Chart"), f"/chart {market.symbol}"),
        ),
    )


async def _traded(ctx: Context, market: Market) -> Sequence[PublicTrade]:
    """Return the newest trades between others; none where nobody tells."""
    try:
        return (await ctx.desk.data.trades(market.symbol, TRADES)).value
    except (ExchangeUnavailable, NotPossible):
        return ()


def _rows(market: Market, found: Book, levels: int, traded: Sequence[PublicTrade]) -> list[tuple[str, ...]]:
    """Return a ladder: the dearest ask on top, the cheapest bid at the bottom, sums growing away from the price."""
    tick = market.filters.price_tick
    asks = [(_("ask"), price(each.price, tick), short(total)) for each, total in _summed(found.asks[:levels])]
    bids = [(_("bid"), price(each.price, tick), short(total)) for each, total in _summed(found.bids[:levels])]
    last = [(_("last"), price(traded[-1].price, tick), "")] if traded and found.mid is not None else []
    return [*reversed(asks), *last, *bids]


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
        spread=f"{spread:.4f} %", bids=f"{figure(bids)} {market.quote}", asks=f"{figure(asks)} {market.quote}"
    )
    if bids + asks:
        told += " " + _("{share} of it are bids.").format(share=share(bids, bids + asks))
    return told + " " + _("Seen {age} ago.").format(age=duration(age))


def _pressure(market: Market, traded: Sequence[PublicTrade], now: Millis) -> tuple[str, ...]:
    """Say what was traded last, and how much of it by who bought what was asked; nothing where nothing is known."""
    if not traded:
        return ()
    newest, total = traded[-1], sum((each.price * each.quantity for each in traded), ZERO)
    bought = sum((each.price * each.quantity for each in traded if each.side is Side.BUY), ZERO)
    told = _("Last trades: {count} in {span}, {share} of their value bought. Newest: {side} {quantity}, {age} ago.")
    return (
        told.format(
            count=len(traded),
            span=duration(newest.at - traded[0].at),
            share=share(bought, total),
            side=_("bought") if newest.side is Side.BUY else _("sold"),
            quantity=quantity(newest.quantity, market.base),
            age=duration(now - newest.at),
        ),
    )
