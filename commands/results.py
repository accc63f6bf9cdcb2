"""Profit and loss in words: the total first, what it is made of, and what doing nothing would have made."""

from __future__ import annotations

from collections.abc import Sequence

from commands.cards import profit_fields
from commands.format import amount, profit
from commands.matching import bot_name
from commands.pictures import common_mode
from commands.reply import Button, Card, Field, PnlSeries
from config.language import _, ngettext
from data.values import ZERO
from engine.views import BotView, Profit


def combined(bots: Sequence[BotView]) -> Profit:
    """Return the books of several bots in one quote currency as one; ``mark`` and ``base`` are left at zero."""
    books = [bot.profit for bot in bots if bot.profit is not None]
    return Profit(
        mark=ZERO,
        invested=sum((each.invested for each in books), ZERO),
        cash=sum((each.cash for each in books), ZERO),
        base=ZERO,
        equity=sum((each.equity for each in books), ZERO),
        change=sum((each.change for each in books), ZERO),
        grid_profit=sum((each.grid_profit for each in books), ZERO),
        unpaired=sum((each.unpaired for each in books), ZERO),
        fees=sum((each.fees for each in books), ZERO),
        identity_error=sum((abs(each.identity_error) for each in books), ZERO),
        buy_and_hold=sum((each.buy_and_hold for each in books), ZERO),
        hold_initial_mix=sum((each.hold_initial_mix for each in books), ZERO),
        cycles=sum(each.cycles for each in books),
        fills=sum(each.fills for each in books),
        funding=sum((each.funding for each in books), ZERO),
    )


def pnl_card(bots: Sequence[BotView], series: PnlSeries, period: str) -> Card:
    """Return the caption of a profit chart; ``period`` is how the person asked for it."""
    books, quote = combined(bots), bots[0].market.quote
    first = series.equity[0]
    held, mixed = books.buy_and_hold - books.invested, books.hold_initial_mix - books.invested
    count = ngettext("{count} cycle", "{count} cycles", books.cycles).format(count=books.cycles)
    fills = ngettext("{count} fill", "{count} fills", books.fills).format(count=books.fills)
    fields = [
        *profit_fields(books, quote),
        Field(_("In the period ({period})").format(period=period), profit(books.equity - first, first, quote)),
        Field(_("Buy and hold"), profit(held, books.invested, quote)),
        Field(_("Hold the first mix"), profit(mixed, books.invested, quote)),
        Field(_("Done"), f"{count}, {fills}"),
    ]
    name = bot_name(bots[0]) if len(bots) == 1 else _("{count} bots").format(count=len(bots))
    title = f"{profit(books.change, books.invested, quote)} {name}"
    return Card(
        title=title, fields=tuple(fields), mode=common_mode(bots), note=_note(books, quote), buttons=_buttons(bots)
    )


def _note(books: Profit, quote: str) -> str:
    if books.identity_error:
        return _("The books disagree by {amount}: these figures are not to be trusted. Please tell the owner.").format(
            amount=amount(books.identity_error, quote)
        )
    if books.funding:
        return _("Total = grid profit + unpaired − fees + funding; checked, it adds up exactly.")
    return _("Total = grid profit + unpaired − fees; checked, it adds up exactly.")


def _buttons(bots: Sequence[BotView]) -> tuple[Button, ...]:
    which = str(bots[0].id) if len(bots) == 1 else "all"
    periods = tuple(Button(each, f"/pnl {which} {each}") for each in ("24h", "7d", "30d", "all"))
    more = Button(bot_name(bots[0]), f"/bots {which}") if len(bots) == 1 else Button(_("Bots"), "/bots")
    return (*periods, more)
