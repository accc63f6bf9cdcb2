"""See whether a market suits a grid, and which one."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from commands.context import Context
from commands.format import amount, figure, percent, price
from commands.guidance import which_market
from commands.matching import find_market, unavailable
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Card, Failure, Field, Reply
from commands.sayings.recogniser import said
from config.language import _, ngettext
from data.market import Market, Ticker
from data.values import HUNDRED, plain
from engine.exchanges.base import ExchangeUnavailable, NotPossible
from engine.grid.levels import with_orders_of
from engine.markets.suitability import Check, banned, facts_of, judge
from engine.statistics.description import MarketStatistics
from engine.statistics.readings import Reading, readings
from engine.statistics.recommend import NoGrid, Recommendation, recommend
from engine.statistics.series import TooFewBars
from engine.statistics.service import StatisticsUnavailable

NUMBERS = ("regime", "next day", "half-life", "stationarity")
"""Statistics shown on the card; the others explain the recommendation."""


class Kind(StrEnum):
    """Which market of a pair."""

    SPOT = "spot"
    FUTURES = "futures"


@command()
async def validate(
    ctx: Context,
    symbol: Annotated[str, Param("market, such as BTC/USDT", complete="symbol")] = "",
    kind: Annotated[Kind | None, Param("its spot or its futures market")] = None,
) -> Answer:
    """See whether a market suits a grid, and which lines and money it would take

    Each criterion is one of the settings' pair_selection. The first look at a market takes some seconds.
    Examples: /validate BTC/USDT · /validate ETH/USDT futures
    """
    if not symbol.strip():
        return await which_market(ctx, "validate")
    market = await find_market(ctx.desk, _of_kind(symbol, kind, ctx.settings.exchange.quote), "validate")
    if isinstance(market, Failure):
        return market
    try:
        facts, ticker = await asyncio.gather(facts_of(ctx.desk.data, market), ctx.desk.ticker(market.symbol))
    except ExchangeUnavailable as error:
        return unavailable(error)
    except NotPossible as error:
        return Failure(problem=said(str(error)))
    checks = judge(facts, market, ctx.settings.pair_selection)
    return (_verdict(ctx, market, ticker, checks), await _grid(ctx, market, ticker))


def _of_kind(symbol: str, kind: Kind | None, quote: str) -> str:
    """Return the name of the market of a kind, as ``btcusdt`` and ``futures`` mean ``btcusdt:usdt``."""
    pair, _colon, settled = symbol.strip().partition(":")
    if kind is None:
        return symbol
    if not pair.upper().endswith(quote.upper()) and not any(mark in pair for mark in "/-_ "):
        # A base alone: ``btc:usdt`` would be read as the spot market, which has the same letters.
        pair = f"{pair}/{quote}"
    if kind is Kind.SPOT:
        return pair
    return f"{pair}:{settled or pair.partition('/')[2] or quote}"


def _verdict(ctx: Context, market: Market, ticker: Ticker, checks: tuple[Check, ...]) -> Card:
    failed = [each for each in checks if each.passed is False]
    unknown = [each for each in checks if each.passed is None]
    listed = banned(market, ctx.settings.pair_selection)
    if listed:
        words = _("on the blacklist of the settings")
    elif failed:
        count = len(failed)
        words = ngettext("{count} criterion is not met", "{count} criteria are not met", count).format(count=count)
    else:
        words = _("suits a grid") if not unknown else _("suits a grid as far as is known")
    filters = market.filters
    return Card(
        title=_("{symbol} at {price}: {words}").format(
            symbol=market.symbol, price=price(ticker.last, filters.price_tick), words=words
        ),
        fields=(
            *(_check(each) for each in checks),
            Field(_("Fees"), f"{percent(market.fees.maker * HUNDRED)} / {percent(market.fees.taker * HUNDRED)}"),
            Field(_("Price step"), plain(filters.price_tick)),
            Field(_("Smallest order"), amount(filters.min_notional, market.quote)),
        ),
    )


def _check(each: Check) -> Field:
    mark = {True: "✓", False: "✗", None: "?"}[each.passed]
    found = _("not told") if each.found is None else _figure(each, each.found)
    words = _("at most {limit}") if each.most else _("at least {limit}")
    wanted = words.format(limit=_figure(each, each.wanted))
    return Field(f"{mark} {said(each.name)}", f"{found} ({wanted}): {said(each.why)}")


def _figure(each: Check, value: Decimal) -> str:
    if each.unit == "%":
        return f"{_three(value)} %"
    if each.unit == "ADX":
        return f"ADX {_three(value)}"
    return f"{figure(value)} {each.unit}"


def _three(value: Decimal) -> str:
    """Return three digits without an exponent; less than a ten-thousandth is nothing here."""
    return plain(Decimal(f"{round(value, 4):.3g}"))


async def _grid(ctx: Context, market: Market, ticker: Ticker) -> Reply:
    """Return the grid that suits the market, or why there is none."""
    try:
        told = (await ctx.desk.data.statistics(market.symbol)).value
        if told.recent_low == told.recent_high:
            return Failure(problem=_("No grid can be recommended: {symbol} has not moved in {days} days.").format(
                symbol=market.symbol, days=told.horizon_days
            ))  # fmt: skip
        found = recommend(
            told, with_orders_of(market, ctx.settings.grid.spot.min_order_size_usd), ticker, ctx.desk.engine().limits
        )
    except ExchangeUnavailable as error:
        return unavailable(error)
    except TooFewBars:
        return Failure(problem=_("No grid can be recommended yet: {symbol} has too few candles.").format(
            symbol=market.symbol
        ))  # fmt: skip
    except (NoGrid, StatisticsUnavailable) as error:
        return Failure(problem=_("No grid can be recommended: {why}.").format(why=said(str(error).rstrip("."))))
    return _recommended(market, told, found)


def _recommended(market: Market, told: MarketStatistics, found: Recommendation) -> Card:
    tick, quote = market.filters.price_tick, market.quote
    span = f"{price(found.lower, tick)} – {price(found.upper, tick)}"
    cycles = _("{mean} a day, mostly {low} to {high}").format(
        mean=_cycles(found.cycles), low=_cycles(found.low), high=_cycles(found.high)
    )
    fields = [
        Field(_("Range"), span),
        Field(_("Lines"), _("{levels}, {spacing} apart").format(
            levels=found.levels, spacing=percent(found.spacing * HUNDRED)
        )),
        Field(_("Least capital"), amount(found.minimum_capital, quote)),
        Field(_("Expected cycles"), cycles),
    ]  # fmt: skip
    fields += [Field(_label(each.name), _reading(each)) for each in readings(told) if each.name in NUMBERS]
    fields += [Field(_("Why: {name}").format(name=said(each.name)), said(each.why)) for each in found.reasons]
    line = f"{plain(found.lower)} {plain(found.upper)} {found.levels}"
    return Card(
        title=_("A grid for {symbol}").format(symbol=market.symbol),
        fields=tuple(fields[:25]),
        note=_("Expected of the past {days} days of hourly candles; the future may differ, and often does.").format(
            days=_days(told)
        ),
        buttons=(
            Button(_("Start this grid"), f"/grid {market.symbol} {line}"),
            Button(_("Chart"), f"/chart {market.symbol} 4h"),
            Button(_("Indicators"), f"/indicators {market.symbol}"),
            Button(_("Book"), f"/book {market.symbol}"),
        ),
    )


def _cycles(count: float) -> str:
    return f"{count:.1f}" if count >= 1 else f"{count:.2f}"


def _label(name: str) -> str:
    words = said(name)
    return words[:1].upper() + words[1:]


def _reading(each: Reading) -> str:
    return f"{said(each.value)}: {said(each.why)}"


def _days(told: MarketStatistics) -> str:
    return str(round(told.bars * told.bar_millis / 86_400_000))
