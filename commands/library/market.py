"""See one market: price, day, spread, fees, filters, and what perpetuals pay."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from commands.context import Context
from commands.format import amount, duration, figure, percent, price, quantity
from commands.guidance import which_market
from commands.matching import find_market, unavailable
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Card, Failure, Field
from config.language import _
from data.market import Market, Ticker
from data.observations import Day
from data.values import HUNDRED, Millis
from engine.exchanges.base import ExchangeUnavailable, NotPossible


@command()
async def market(
    ctx: Context, symbol: Annotated[str, Param("market, such as BTC/USDT", complete="symbol")] = ""
) -> Answer:
    """See one market: price, day, spread, fees and limits

    Of a perpetual also funding and open interest. Examples: /market BTC/USDT · /market btcusdt
    """
    if not symbol.strip():
        return await which_market(ctx, "market")
    found = await find_market(ctx.desk, symbol, "market")
    if isinstance(found, Failure):
        return found
    try:
        ticker = await ctx.desk.ticker(found.symbol)
    except ExchangeUnavailable as error:
        return unavailable(error)
    fields = [*_prices(found, ticker), *await _day(ctx, found), *_rules(found), *await _perpetual(ctx, found)]
    return Card(
        title=f"{found.symbol} {price(ticker.last, found.filters.price_tick)} {found.quote}",
        fields=tuple(fields),
        buttons=tuple(
            Button(label, f"/{name} {found.symbol}")
            for label, name in ((_("Chart"), "chart"), (_("Book"), "book"), (_("Start a grid"), "grid"))
        ),
    )


def _prices(market: Market, ticker: Ticker) -> list[Field]:
    tick = market.filters.price_tick
    best = f"{price(ticker.bid, tick)} / {price(ticker.ask, tick)}"
    middle = (ticker.bid + ticker.ask) / 2
    if not middle:
        return [Field(_("Bid / ask"), best)]
    # Of the middle, as in /validate and /book: where few trade, the last price may be far from both.
    spread = _fine((ticker.ask - ticker.bid) / middle * HUNDRED)
    return [Field(_("Bid / ask"), _("{prices}, spread {spread}").format(prices=best, spread=spread))]


async def _day(ctx: Context, market: Market) -> list[Field]:
    try:
        answer = await ctx.desk.data.days(market.kind)
    except (ExchangeUnavailable, NotPossible):
        return []
    day: Day | None = answer.value.get(market.symbol)
    if day is None:
        return []
    tick, age = market.filters.price_tick, _age(answer.age(ctx.clock_now))
    return [
        Field(_("24 h"), percent(day.change * HUNDRED, signed=True) + age),
        Field(_("Low – high"), f"{price(day.low, tick)} – {price(day.high, tick)}"),
        Field(_("Volume"), f"{figure(day.turnover)} {market.quote} ({figure(day.volume)} {market.base})"),
    ]


def _rules(market: Market) -> list[Field]:
    filters, fees = market.filters, market.fees
    return [
        Field(_("Fees"), f"{percent(fees.maker * HUNDRED)} / {percent(fees.taker * HUNDRED)}"),
        Field(_("Price step"), quantity(filters.price_tick, market.quote)),
        Field(_("Quantity step"), quantity(filters.quantity_step, market.base)),
        Field(_("Smallest order"), amount(filters.min_notional, market.quote)),
    ]


async def _perpetual(ctx: Context, market: Market) -> list[Field]:
    if not market.perpetual:
        return []
    fields = []
    try:
        rate = (await ctx.desk.data.funding_rate(market.symbol)).value
        due = "" if rate.next_at is None else _(", due in {time}").format(time=duration(rate.next_at - ctx.clock_now))
        fields.append(Field(_("Funding"), _fine(rate.rate * HUNDRED) + due))
    except (ExchangeUnavailable, NotPossible):
        fields.append(Field(_("Funding"), _("not told")))
    try:
        interest = (await ctx.desk.data.open_interest(market.symbol)).value
        size = f"{figure(interest.notional)} {market.quote} ({figure(interest.quantity)} {market.base})"
        fields.append(Field(_("Open interest"), size))
    except (ExchangeUnavailable, NotPossible):
        fields.append(Field(_("Open interest"), _("not told")))
    return fields


def _fine(value: Decimal) -> str:
    """Return a percentage that is mostly far below one."""
    return f"{value:.4f} %"


def _age(millis: Millis) -> str:
    """Return how old something is, where it is old enough to matter."""
    return "" if millis < 120_000 else _(" ({age} old)").format(age=duration(millis))
