"""One message nobody asked for, and the parts that its card is made of."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum

import msgspec

from commands import format as shown
from commands.reply import Button, Card, Field
from config.language import _
from data.decisions import Decision
from data.values import Millis, Mode
from engine.views import BotView


class Lane(IntEnum):
    """How urgent a message is; lower goes first."""

    CRITICAL = 0
    REPLY = 1
    TRADE = 2
    DIGEST = 3


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A grid to be drawn on the candles of its market; prices in quote."""

    symbol: str
    lower: Decimal
    upper: Decimal
    levels: int
    mode: Mode


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message nobody asked for."""

    key: str
    """Of several waiting notices with one key the newest is enough, or they may be sent as one."""
    lane: Lane
    at: Millis
    bot: int
    """0 when it concerns the whole engine."""
    mode: Mode | None
    card: Card
    silent: bool = False
    """Delivered without sound."""
    by: str = ""
    """Whose doing it is; they have the receipt and are not told again."""
    preview: Preview | None = None
    """Drawn when it is delivered, from the candles of then."""
    digest: str = ""
    """Said of several sent as one; ``{n}`` stands for how many. Empty: the newest stands for all."""


def about(
    decision: Decision, view: BotView | None, lane: Lane, title: str, *fields: Field,
    key: str = "", silent: bool = False,
) -> Notice:  # fmt: skip
    """Return a notice about what was decided of a bot."""
    card = bot_card(title, view, *fields, buttons=why_button(decision))
    return notice_of(
        f"{key or decision.rule}:{decision.bot}", lane, decision.at, card, view, bot=decision.bot, silent=silent
    )


def notice_of(
    key: str, lane: Lane, at: Millis, card: Card, view: BotView | None = None, *,
    bot: int = 0, mode: Mode | None = None, silent: bool = False,
) -> Notice:  # fmt: skip
    """Return a notice with the badge of its bot, or of ``mode``."""
    badge = view.spec.mode if view else mode
    return Notice(key=key, lane=lane, at=at, bot=bot, mode=badge, card=card, silent=silent)


def bot_card(
    title: str, view: BotView | None, *fields: Field, buttons: tuple[Button, ...] = (), mode: Mode | None = None
) -> Card:
    """Return a card with the name of its bot, unless the title says it."""
    named = (Field(_("Bot"), bot_named(view.id, view)),) if view and bot_named(view.id, view) not in title else ()
    return card_of(title, *named, *fields, buttons=buttons, mode=view.spec.mode if view else mode)


def card_of(
    title: str, *fields: Field, note: str = "", buttons: tuple[Button, ...] = (), mode: Mode | None = None
) -> Card:
    """Return a card from its parts."""
    return Card(title=title, fields=fields, note=note, buttons=buttons, mode=mode)


def bot_named(bot: int, view: BotView | None) -> str:
    """Return number and market of a bot."""
    return f"{bot} {view.spec.symbol}" if view else str(bot)


def result_fields(view: BotView | None) -> list[Field]:
    """Return what a bot has come to."""
    if view is None or view.profit is None:
        return []
    profit = view.profit
    return [
        Field(_("Result"), shown.profit(profit.change, profit.invested, view.market.quote)),
        Field(_("Grid profit"), shown.amount(profit.grid_profit, view.market.quote, signed=True)),
    ]


def price_fields(view: BotView | None) -> list[Field]:
    """Return where price is, and the range."""
    if view is None or view.ticker is None:
        return []
    tick = view.market.filters.price_tick
    low, high = shown.price(view.lines[0], tick), shown.price(view.lines[-1], tick)
    return [Field(_("Price"), shown.price(view.ticker.last, tick)), Field(_("Range"), f"{low} – {high}")]


def plan_fields(view: BotView | None) -> list[Field]:
    """Return what a bot was started with."""
    if view is None:
        return []
    lines = str(len(view.lines))
    money = shown.amount(view.spec.investment, view.market.quote)
    return [*price_fields(view), Field(_("Lines"), lines), Field(_("Investment"), money)]


def why_button(decision: Decision) -> tuple[Button, ...]:
    """Return the button that explains a decision."""
    return opening(f"/why {decision.id}", _("Why?"))


def opening(line: str, label: str) -> tuple[Button, ...]:
    """Return the one button that goes on from a notice."""
    return (Button(label, line),)
