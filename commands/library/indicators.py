"""See what the indicators say of a market."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated

from commands.context import Context
from commands.format import clock_time, zone_of
from commands.guidance import which_market
from commands.matching import find_market, unavailable
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Card, Failure, Field
from commands.sayings.indicators import indicator_name, output_name
from commands.sayings.recogniser import said
from commands.timeframes import Timeframe
from config.language import _
from data.bars import Bars
from data.values import plain
from engine.exchanges.base import ExchangeUnavailable
from engine.indicators.base import Indicator, discover, each_bar
from engine.indicators.board import Board

BARS = 500
FRACTIONS = frozenset({"realised_volatility"})
"""Indicators whose values are parts of the price; people read percent."""


@command()
async def indicators(
    ctx: Context,
    symbol: Annotated[str, Param("market, such as BTC/USDT", complete="symbol")] = "",
    timeframe: Annotated[Timeframe, Param("length of one candle")] = Timeframe.HOUR,
) -> Answer:
    """See what the indicators say of a market

    The unfinished candle counts as if it closed now. Examples: /indicators BTC/USDT · /indicators ETH/USDT 4h
    """
    if not symbol.strip():
        return await which_market(ctx, "indicators")
    market = await find_market(ctx.desk, symbol, "indicators")
    if isinstance(market, Failure):
        return market
    try:
        answer = await ctx.desk.data.bars(market.symbol, timeframe, BARS)
    except ExchangeUnavailable as error:
        return unavailable(error)
    bars = answer.value
    if len(bars) < 2:
        return Failure(problem=_("There are no candles of {symbol} yet.").format(symbol=market.symbol))
    at = clock_time(answer.at, zone_of(ctx))
    return Card(
        title=_("{symbol}, {timeframe}: indicators").format(symbol=market.symbol, timeframe=timeframe.value),
        fields=tuple(_fields(bars)),
        note=_("Of {count} candles, at {time}.").format(count=len(bars), time=at),
        buttons=(
            *(
                Button(each.value, f"/indicators {market.symbol} {each.value}")
                for each in Timeframe
                if each is not timeframe
            ),
            Button(_("Chart"), f"/chart {market.symbol} {timeframe.value}"),
        ),
    )


def _fields(bars: Bars) -> list[Field]:
    known: dict[str, Indicator] = {name: kind() for name, kind in discover().items()}
    board = Board.over(known, bars.part(stop=-1))
    (last,) = each_bar(bars.part(len(bars) - 1))
    values = board.peek(last)
    return [
        Field(indicator_name(name), f"{_shown(name, values[name])} · {said(each.reading(values[name], last.close))}")
        for name, each in known.items()
    ]


def _shown(indicator: str, values: dict[str, float]) -> str:
    if indicator in FRACTIONS:
        return ", ".join(f"{output_name(name)} {_percent(value)}" for name, value in values.items())
    # A direction of 1 says nothing that the reading beside it does not say in words.
    values = {name: value for name, value in values.items() if name != "direction"}
    if len(values) == 1:
        return _number(next(iter(values.values())))
    return ", ".join(f"{output_name(name)} {_number(value)}" for name, value in values.items())


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value * 100:.2f} %"


def _number(value: float) -> str:
    """Return five digits, whole ones never cut off, and no exponent however small the price is."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 100_000:
        return f"{value:,.0f}"
    return plain(Decimal(f"{value:.5g}"))
