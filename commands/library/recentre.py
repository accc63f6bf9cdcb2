"""Lay a bot's grid anew, around the price or where a person wants it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from annotated_types import Ge, Gt, Le

from commands.cards import problem_failure, receipt
from commands.context import Context
from commands.format import amount, price, profit
from commands.matching import bot_name, one_bot
from commands.plan import Answer, Planned
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field
from config.language import _
from data.events import RecentreBot
from data.market import Ticker
from data.values import ZERO
from engine.booking.reshaping import reshaped
from engine.grid.plan import GridPlan
from engine.grid.sizing import plan_grid
from engine.rules.recentring import around
from engine.views import BotView, Profit


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def recentre(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None,
    lower: Annotated[Decimal | None, Param("lowest price of the new range"), Gt(0)] = None,
    upper: Annotated[Decimal | None, Param("highest price of the new range"), Gt(0)] = None,
    levels: Annotated[int | None, Param("number of price lines"), Ge(2), Le(1000)] = None,
) -> Answer:
    """Lay a bot's grid anew, with the money it has now

    Its orders leave the book and its books are closed at the market price. Without a range the new grid has the shape
    of the old one, with the price in its middle. You see what that realises, then confirm.
    Examples: /recentre 1 · /recentre 1 60000 70000 · /recentre 1 60000 70000 25
    """
    found = one_bot(ctx.desk, bot, "/recentre {}")
    if not isinstance(found, BotView):
        return found
    ticker = await ctx.desk.ticker(found.spec.symbol)
    if found.profit is None:
        return Failure(problem=_("The market has not been seen since the start."))
    wanted = around(found.spec, ticker.last, found.market.filters.price_tick)
    control = RecentreBot(
        at=ctx.clock_now,
        by=ctx.person.id,
        bot=found.id,
        lower=wanted.lower if lower is None else lower,
        upper=wanted.upper if upper is None else upper,
        levels=levels,
    )
    spec = msgspec.structs.replace(reshaped(found.spec, control), investment=max(found.profit.equity, ZERO))
    plan = plan_grid(spec, found.market, ticker)
    return problem_failure(plan.problems[0]) if plan.problems else _planned(found, found.profit, plan, ticker, control)


def _planned(bot: BotView, books: Profit, plan: GridPlan, ticker: Ticker, control: RecentreBot) -> Planned:
    card = _card(bot, books, plan, ticker)
    done = msgspec.structs.replace(
        card,
        title=_("{bot}: the grid is being laid anew").format(bot=bot_name(bot)),
        buttons=(Button(_("Show it"), f"/bots {bot.id}"), Button(_("Chart"), f"/chart {bot.id}")),
    )
    return Planned(
        card=card,
        controls=lambda plan_id, by, at: (msgspec.structs.replace(control, at=at, by=by, plan=plan_id),),
        receipt=lambda outcomes: receipt(outcomes, done),
        quote={bot.spec.symbol: ticker.last, "size": plan.quantity},
        state=f"{bot.id}.{bot.version} {control.lower} {control.upper} {control.levels}",
        danger=True,
    )


def _card(bot: BotView, books: Profit, plan: GridPlan, ticker: Ticker) -> Card:
    quote, tick = bot.market.quote, bot.market.filters.price_tick
    wanted = plan.initial_buy - plan.initial_sell
    moved = abs(books.base) + abs(wanted) if bot.market.perpetual else abs(wanted - books.base)
    fee = moved * ticker.last * bot.market.fees.taker
    fields = (
        Field(_("Range now"), f"{price(bot.lines[0], tick)} – {price(bot.lines[-1], tick)} {quote}"),
        Field(_("New range"), f"{price(plan.lines[0], tick)} – {price(plan.lines[-1], tick)} {quote}"),
        Field(_("Lines"), str(len(plan.lines))),
        Field(_("Price now"), f"{price(ticker.last, tick)} {quote}"),
        Field(_("Books are closed at"), profit(books.change, books.invested, quote)),
        Field(_("Traded at market"), amount(moved * ticker.last, quote)),
        Field(_("Fees"), _("about {amount}").format(amount=amount(fee, quote))),
    )
    title = _("{bot}: lay the grid anew?").format(bot=bot_name(bot))
    return Card(title=title, fields=fields, mode=bot.spec.mode)
