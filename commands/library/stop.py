"""Stop a bot, and sell what it holds or keep it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from commands.cards import receipt, stop_buttons
from commands.context import Context
from commands.format import amount, price, profit
from commands.matching import bot_name, no_bots, one_bot
from commands.perpetuals import held
from commands.plan import Answer, Planned
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Field, Reply
from config.language import _, ngettext
from data.events import StopBot
from data.market import Ticker
from data.values import ZERO
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.outcome import Outcome
from engine.views import BotView


class Coins(StrEnum):
    """What happens to what the bot holds."""

    SELL = "sell"
    KEEP = "keep"


class _Stop(msgspec.Struct, frozen=True, kw_only=True):
    bot: BotView
    sell: bool
    price: Decimal | None
    """None when there is no price to be had."""
    listed: bool = True

    @property
    def base(self) -> Decimal:
        return sum((slot.held for slot in self.bot.slots), ZERO) if self.bot.profit is None else self.bot.profit.base

    @property
    def fee(self) -> Decimal:
        return abs(self.base) * (self.price or ZERO) * self.bot.market.fees.taker if self.sell else ZERO

    @property
    def change(self) -> Decimal | None:
        books = self.bot.profit
        if books is None or self.price is None:
            return None
        return books.cash + books.base * self.price - self.fee - books.invested


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def stop(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot, or all", complete="bot")] = None,
    coins: Annotated[Coins | None, Param("sell what it holds at the market, or keep it")] = None,
) -> Answer:
    """Stop a bot, and sell what it holds or keep it

    You see what would be sold, at what price and with what result, then confirm. A stopped bot cannot be resumed.
    On a perpetual, sell closes the position, whichever side it is on.
    Examples: /stop 1 sell · /stop 1 keep · /stop all keep
    """
    which = bot
    if coins is None and bot is not None and bot.lower() in {"sell", "keep"}:
        which, coins = None, Coins(bot.lower())
    bots = _chosen(ctx, which, coins)
    if not isinstance(bots, tuple):
        return bots
    stops = [await _stopping(ctx, each, sell=coins is Coins.SELL) for each in bots]
    if coins is None:
        return _choice(which or str(bots[0].id), stops)
    return _planned(stops)


def _chosen(ctx: Context, text: str | None, coins: Coins | None) -> tuple[BotView, ...] | Reply:
    if text is not None and text.lower() == "all":
        active = tuple(each for each in ctx.desk.bots() if each.status.active)
        return active or no_bots()
    found = one_bot(ctx.desk, text, "/stop {}" if coins is None else f"/stop {{}} {coins}")
    return (found,) if isinstance(found, BotView) else found


async def _stopping(ctx: Context, bot: BotView, *, sell: bool) -> _Stop:
    ticker, listed = bot.ticker, True
    try:
        ticker = await ctx.desk.ticker(bot.spec.symbol)
    except (ExchangeUnavailable, MarketUnknown) as error:
        # A bot whose market is gone must still be let go.
        listed = not isinstance(error, MarketUnknown)
    return _Stop(bot=bot, sell=sell, price=_closing_price(bot, ticker), listed=listed)


def _closing_price(bot: BotView, ticker: Ticker | None) -> Decimal | None:
    """Return the best price for what is held; a short position is closed by buying."""
    if ticker is None:
        return None
    return ticker.ask if bot.profit is not None and bot.profit.base < ZERO else ticker.bid


def _choice(text: str, stops: Sequence[_Stop]) -> Card:
    fields = []
    for each in stops:
        selling = msgspec.structs.replace(each, sell=True)
        fields.append(Field(_("{bot}, sell").format(bot=bot_name(each.bot)), _result(selling)))
        fields.append(Field(_("{bot}, keep").format(bot=bot_name(each.bot)), _holdings(each)))
    names = bot_name(stops[0].bot) if len(stops) == 1 else _("all bots")
    return Card(
        title=_("Stop {bots}: sell or keep what is held?").format(bots=names),
        fields=tuple(fields),
        mode=stops[0].bot.spec.mode,
        buttons=stop_buttons(text, perpetual=all(each.bot.market.perpetual for each in stops)),
    )


def _planned(stops: Sequence[_Stop]) -> Planned:
    fields = tuple(field for each in stops for field in _fields(each, named=len(stops) > 1))
    note = _("A stopped bot cannot be resumed.")
    return Planned(
        card=Card(title=_title(stops), fields=fields, mode=stops[0].bot.spec.mode, note=note),
        controls=lambda plan, by, at: tuple(
            StopBot(at=at, by=by, plan=plan, bot=each.bot.id, sell=each.sell) for each in stops
        ),
        receipt=lambda outcomes: _receipt(stops, outcomes),
        quote={each.bot.spec.symbol: each.price for each in stops if each.sell and each.price is not None},
        state=" ".join(_state(each) for each in stops),
        confirm_label=_confirm_label(stops),
        danger=True,
    )


def _state(stop: _Stop) -> str:
    held = f" {stop.base}" if stop.sell else ""
    return f"{stop.bot.id}.{stop.bot.version} {stop.bot.status}{held}"


def _title(stops: Sequence[_Stop]) -> str:
    first = stops[0]
    if len(stops) > 1:
        text = _("Stop {count} bots and sell?") if first.sell else _("Stop {count} bots and keep what they hold?")
        return text.format(count=len(stops))
    what, market = held(first.bot.market, first.base), first.bot.market
    sell = _("Stop {bot} and close {held}?") if market.perpetual else _("Stop {bot} and sell {held}?")
    text = sell if first.sell else _("Stop {bot} and keep {held}?")
    return text.format(bot=bot_name(first.bot), held=what)


def _confirm_label(stops: Sequence[_Stop]) -> str:
    if not stops[0].sell:
        return _("Stop and keep")
    return _("Stop and close") if all(each.bot.market.perpetual for each in stops) else _("Stop and sell")


def _fields(stop: _Stop, *, named: bool) -> list[Field]:
    prefix = f"{stop.bot.id}: " if named else ""
    count = len(stop.bot.orders)
    cancels = ngettext("{count} order", "{count} orders", count).format(count=count)
    fields = [Field(prefix + _("Cancels"), cancels)]
    sells = _("Closes") if stop.bot.market.perpetual else _("Sells")
    fields.append(Field(prefix + (sells if stop.sell else _("Keeps")), _holdings(stop)))
    if stop.sell and not stop.listed:
        closed = _("closed at the exchange: nothing can be sold now. The bot tries again; keep stops it at once.")
        fields.append(Field(prefix + _("Market"), closed))
    if stop.sell:
        fields.append(Field(prefix + _("Fee"), amount(stop.fee, stop.bot.market.quote)))
    label = _("Total then") if stop.sell else _("Total now")
    return [*fields, Field(prefix + label, _result(stop))]


def _holdings(stop: _Stop) -> str:
    market = stop.bot.market
    what = held(market, stop.base)
    if stop.price is None or not stop.base:
        return what
    at = price(stop.price, market.filters.price_tick)
    worth = amount(abs(stop.base) * stop.price, market.quote)
    return _("{held} at {price}, about {worth}").format(held=what, price=at, worth=worth)


def _result(stop: _Stop) -> str:
    books = stop.bot.profit
    if books is None or stop.change is None:
        return _("not known: there is no price")
    return profit(stop.change, books.invested, stop.bot.market.quote)


def _receipt(stops: Sequence[_Stop], outcomes: Sequence[Outcome]) -> Reply:
    first = stops[0]
    name = bot_name(first.bot) if len(stops) == 1 else _("{count} bots").format(count=len(stops))
    selling = _("Stopping {bots} and closing") if first.bot.market.perpetual else _("Stopping {bots} and selling")
    text = selling if first.sell else _("Stopping {bots}, keeping what is held")
    card = Card(
        title=text.format(bots=name),
        fields=tuple(Field(bot_name(each.bot), _("total about {total}").format(total=_result(each))) for each in stops),
        mode=first.bot.spec.mode,
        note=_("You will be told when it is done."),
        buttons=(Button(_("Bots"), "/bots"), Button(_("P&L"), f"/pnl {first.bot.id}")),
    )
    return receipt(outcomes, card)
