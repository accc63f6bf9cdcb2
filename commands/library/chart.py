"""See a market's candles with a bot's lines on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from commands.cards import bot_headline, exit_fields
from commands.context import Context
from commands.format import percent, price
from commands.guidance import favourites
from commands.matching import find_bot, find_market, no_such_bot
from commands.pictures import grid_picture
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Card, Chart, Failure, Field, GridPicture
from commands.timeframes import Timeframe
from config.language import _
from data.market import Candle, Market
from data.values import HUNDRED, ONE, Millis
from engine.exchanges.base import ExchangeUnavailable, timeframe_millis
from engine.views import BotView

BARS = 120
FILLS = 200


AUTOMATIC = (Timeframe.FIVE_MINUTES, Timeframe.QUARTER, Timeframe.HOUR, Timeframe.FOUR_HOURS)
LIFE = 0.8
"""Part of the picture that a bot's life may take."""


@command()
async def chart(
    ctx: Context,
    symbol: Annotated[str, Param("market, or number of a bot", complete="symbol")] = "",
    timeframe: Annotated[Timeframe | None, Param("length of one candle; by the bot's age when left out")] = None,
) -> Answer:
    """See a market's candles, with the lines, fills and exits of your bot on it

    Examples: /chart BTC/USDT · /chart BTC/USDT 15m · /chart 1
    """
    active = [each for each in ctx.desk.bots() if each.status.active]
    if not symbol.strip():
        if len({each.spec.symbol for each in active}) != 1:
            return await _ask(ctx, active)
        symbol = str(active[0].id)
    bot = find_bot(ctx.desk, symbol)
    if bot is None and symbol.strip().removeprefix("#").isdecimal():
        return no_such_bot(ctx.desk.bots(), symbol, "/chart {}")
    market = await find_market(ctx.desk, symbol if bot is None else bot.spec.symbol, "chart")
    if isinstance(market, Failure):
        return market
    if bot is None:
        bot = next((each for each in active if each.spec.symbol == market.symbol), None)
    ticker = await ctx.desk.ticker(market.symbol)
    if timeframe is None:
        timeframe, candles = await _fitting_candles(ctx, market.symbol, bot)
    else:
        candles = await ctx.desk.candles(market.symbol, timeframe, BARS)
    fills = [] if bot is None else ctx.desk.fills(bot.id, FILLS)
    mode = ctx.desk.engine().mode
    picture = grid_picture(market.symbol, timeframe, candles, ticker.last, bot, fills, mode)
    return Chart(caption=_caption(market, picture, bot), picture=picture)


async def _fitting_candles(ctx: Context, symbol: str, bot: BotView | None) -> tuple[Timeframe, Sequence[Candle]]:
    timeframe = _fitting(bot, ctx.clock_now)
    try:
        return timeframe, await ctx.desk.candles(symbol, timeframe, BARS)
    except ExchangeUnavailable:
        # A recording has no candles shorter than its own.
        return Timeframe.HOUR, await ctx.desk.candles(symbol, Timeframe.HOUR, BARS)


def _fitting(bot: BotView | None, now: Millis) -> Timeframe:
    """Return the shortest candles with which a bot's whole life fits into most of the picture."""
    if bot is None:
        return Timeframe.HOUR
    room = (now - bot.started_at) / BARS / LIFE
    fitting = (each for each in AUTOMATIC if timeframe_millis(each) >= room)
    return next(fitting, Timeframe.DAY)


def _caption(market: Market, picture: GridPicture, bot: BotView | None) -> Card:
    tick, quote, candles = market.filters.price_tick, market.quote, picture.candles
    fields = [] if picture.last is None else [Field(_("Price"), f"{price(picture.last, tick)} {quote}")]
    if candles:
        low, high = min(each.low for each in candles), max(each.high for each in candles)
        last = candles[-1].close if picture.last is None else picture.last
        move = (last / candles[0].open - ONE) * HUNDRED
        fields.append(Field(_("Low – high"), f"{price(low, tick)} – {price(high, tick)}"))
        fields.append(Field(_("Change"), percent(move, signed=True)))
    if bot is not None:
        span = f"{price(bot.lines[0], tick)} – {price(bot.lines[-1], tick)}"
        fields.append(Field(_("Grid"), span))
        fields += exit_fields(bot)[:2]
    note = "" if candles else _("There are no candles yet.")
    title = picture.title if bot is None else f"{bot_headline(bot)}, {picture.timeframe}"
    return Card(title=title, fields=tuple(fields), mode=picture.mode, note=note, buttons=_buttons(market, bot))


def _buttons(market: Market, bot: BotView | None) -> tuple[Button, ...]:
    what = market.symbol if bot is None else str(bot.id)
    frames = tuple(Button(each, f"/chart {what} {each}") for each in ("5m", "15m", "1h", "4h", "1d"))
    if bot is None:
        return (*frames, Button(_("Start a grid"), f"/grid {market.symbol}"))
    return (*frames, Button(_("Bot {number}").format(number=bot.id), f"/bots {bot.id}"))


async def _ask(ctx: Context, active: list[BotView]) -> Card:
    bots = tuple(Button(f"{each.id} {each.spec.symbol}", f"/chart {each.id}") for each in active[:8])
    liked = () if bots else tuple(favourites(ctx, await ctx.desk.markets())[:6])
    markets = tuple(Button(each.symbol, f"/chart {each.symbol}") for each in liked)
    return Card(title=_("Chart of what?"), fields=(), note=_("Or type /chart and a market."), buttons=(*bots, *markets))
