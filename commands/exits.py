"""Take profit and stop loss on a running bot: what a level would realise, whether it lowers risk, the change itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

import msgspec

from commands.cards import bot_buttons, level_word, receipt, stop_buttons
from commands.format import price, profit
from commands.matching import bot_name, one_bot
from commands.parse import parse_trigger
from commands.plan import Planned
from commands.reply import Button, Card, Failure, Field, Reply
from config.language import _
from data.events import Control, SetStopLoss, SetTakeProfit
from data.grids import Direction, Trigger, TriggerKind
from data.values import HUNDRED, ONE, ZERO, Millis, ceil_to, floor_to
from engine.outcome import Outcome
from engine.views import BotView, Profit

if TYPE_CHECKING:
    from commands.context import Context
    from commands.plan import Answer

NONE_WORDS = ("none", "off")


class Exit(StrEnum):
    """Which exit is changed; the value is the command that changes it."""

    TAKE_PROFIT = "tp"
    STOP_LOSS = "sl"


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    exit: Exit
    bot: BotView
    before: Trigger | None
    after: Trigger | None


def change_at(bot: BotView, books: Profit, level: Decimal) -> Decimal:
    """Return the total profit or loss in quote if price went straight to ``level`` and everything were closed there."""
    fees, cash, base = bot.market.fees, books.cash, books.base
    for slot in bot.slots:
        if slot.lower == slot.upper:
            # The open slot of a grid without a highest line offers nothing.
            continue
        room = slot.capacity - slot.held
        if books.mark < slot.upper <= level:
            # On spot a fee may have taken a part of it; a position is sold beyond zero.
            sold = slot.held if bot.market.perpetual else min(slot.held, base)
            cash, base = cash + sold * slot.upper * (ONE - fees.maker), base - sold
        elif level <= slot.lower < books.mark:
            cash, base = cash - room * slot.lower * (ONE + fees.maker), base + room
    return cash + base * level - abs(base) * level * fees.taker - books.invested


async def change_exit(ctx: Context, kind: Exit, bot: str | None, level: str) -> Answer:
    """Return a plan for the new level, or at once the receipt of a stop loss that only lowers risk."""
    found = one_bot(ctx.desk, bot, f"/{kind} {{}}")
    if not isinstance(found, BotView):
        return found
    before = found.spec.take_profit if kind is Exit.TAKE_PROFIT else found.spec.stop_loss
    if not level.strip():
        return _ask(kind, found, before)
    try:
        after = _read(level)
    except ValueError:
        return _bad_level(kind, level, _("a price such as 65000, a percentage such as 5%, or none"))
    change = _Change(exit=kind, bot=found, before=before, after=after)
    refusal = _impossible(change, level)
    if refusal is not None:
        return refusal
    if before == after:
        return Card(title=_title(change, _("is already")), fields=(), mode=found.spec.mode, buttons=bot_buttons(found))
    if lowers_risk(change.exit, found, before, after):
        outcome = await ctx.desk.ask(_control(change, "", ctx.person.id, ctx.clock_now))
        return _done(change)((outcome,))
    return _planned(change)


def lowers_risk(kind: Exit, bot: BotView, before: Trigger | None, after: Trigger | None) -> bool:
    """Return whether a change can only make the worst loss smaller."""
    if kind is not Exit.STOP_LOSS or after is None or bot.profit is None:
        return False
    return before is None or _at(bot, bot.profit, kind, after) >= _at(bot, bot.profit, kind, before)


def _at(bot: BotView, books: Profit, kind: Exit, trigger: Trigger) -> Decimal:
    match trigger.kind:
        case TriggerKind.PRICE:
            return change_at(bot, books, trigger.value)
        case TriggerKind.PERCENT:
            change = trigger.change(books.invested)
            return change if kind is Exit.TAKE_PROFIT else -change
        case _:
            assert_never(trigger.kind)


def _read(text: str) -> Trigger | None:
    word = text.strip().lower().replace(" ", "").lstrip("+-")
    if word in NONE_WORDS:
        return None
    trigger = parse_trigger(word)
    if trigger is None:
        raise ValueError(text)
    return trigger


def _impossible(change: _Change, text: str) -> Failure | None:
    """A level that would fire at once is a sale in disguise: that is what ``/stop`` is for."""
    bot, trigger, selling = change.bot, change.after, change.exit is Exit.TAKE_PROFIT
    if trigger is None or bot.ticker is None or bot.profit is None:
        return None
    if trigger.kind is TriggerKind.PRICE:
        return _impossible_price(change, text, trigger.value, bot.ticker.last)
    now = bot.profit.change / bot.profit.invested * HUNDRED if bot.profit.invested else ZERO
    reached = ceil_to(abs(now), Decimal("0.01"))
    if selling and now >= trigger.value:
        return _bad_level(change.exit, text, _("more than {percent}%").format(percent=reached), bot)
    if not selling and -now >= trigger.value:
        return _bad_level(change.exit, text, _("more than {percent}%").format(percent=reached), bot)
    return None if selling or trigger.value <= HUNDRED else _bad_level(change.exit, text, _("at most 100%"))


def _impossible_price(change: _Change, text: str, wanted: Decimal, last: Decimal) -> Failure | None:
    bot = change.bot
    if bot.spec.direction is Direction.NEUTRAL:
        return Failure(
            problem=_("A neutral grid may lose on either side of the price, so that one price is no exit."),
            field="level",
            value=text,
            accepted=_("a percentage such as 10%"),
        )
    above = rises(change.exit, bot)
    if (wanted > last) if above else (wanted < last):
        return None
    accepted = _("a price above {price}") if above else _("a price below {price}")
    return _bad_level(change.exit, text, accepted.format(price=price(last, bot.market.filters.price_tick)), bot)


def rises(kind: Exit, bot: BotView) -> bool:
    """Return whether a rising price reaches an exit: the gain of what profits from a rise, the loss of a short."""
    return (kind is Exit.TAKE_PROFIT) is (bot.spec.direction is not Direction.SHORT)


def _bad_level(kind: Exit, text: str, accepted: str, bot: BotView | None = None) -> Failure:
    if bot is None:
        return Failure(problem=_("This is no level."), field="level", value=text, accepted=accepted)
    problem = (
        _("Price or profit is already there: the bot would stop and close at once.")
        if kind is Exit.TAKE_PROFIT
        else _("Price or loss is already there: the bot would stop and close at once.")
    )
    stop = stop_buttons(str(bot.id), perpetual=bot.market.perpetual)[:1]
    return Failure(problem=problem, field="level", value=text, accepted=accepted, buttons=stop)


def _ask(kind: Exit, bot: BotView, before: Trigger | None) -> Card:
    tick, quote = bot.market.filters.price_tick, bot.market.quote
    choices = ["2%", "5%", "10%"] if kind is Exit.TAKE_PROFIT else ["5%", "10%", "15%"]
    edge = bot.spec.upper * Decimal("1.01") if rises(kind, bot) else bot.spec.lower * Decimal("0.99")
    outside = price(floor_to(edge, tick), tick)
    buttons = [Button(each, f"/{kind} {bot.id} {each}") for each in choices]
    if bot.spec.direction is not Direction.NEUTRAL:
        buttons.append(Button(_("Price {price}").format(price=outside), f"/{kind} {bot.id} {outside}"))
    if before is not None:
        buttons.append(Button(_("Remove"), f"/{kind} {bot.id} none"))
    return Card(
        title=_("{bot}: which {exit}?").format(bot=bot_name(bot), exit=_name(kind)),
        fields=(Field(_("Now"), level_word(before, tick, quote)),),
        mode=bot.spec.mode,
        note=_("Tap one, or type a price or a percentage, such as /{command} {bot} 5%.").format(
            command=kind, bot=bot.id
        ),
        buttons=tuple(buttons),
    )


def _planned(change: _Change) -> Planned:
    bot = change.bot
    card = Card(title=_title(change, _("becomes")), fields=_fields(change), mode=bot.spec.mode, note=_note(change))
    return Planned(
        card=card,
        controls=lambda plan, by, at: (_control(change, plan, by, at),),
        receipt=_done(change),
        state=f"{bot.id}.{bot.version} {change.before} {change.after}",
        danger=change.exit is Exit.STOP_LOSS,
    )


def _control(change: _Change, plan: str, by: str, at: Millis) -> Control:
    if change.exit is Exit.TAKE_PROFIT:
        return SetTakeProfit(at=at, by=by, plan=plan, bot=change.bot.id, trigger=change.after)
    return SetStopLoss(at=at, by=by, plan=plan, bot=change.bot.id, trigger=change.after)


def _done(change: _Change) -> Callable[[Sequence[Outcome]], Reply]:
    bot = change.bot
    undo = Button(_("Undo"), f"/{change.exit} {bot.id} {change.before or 'none'}")
    show = Button(bot_name(bot), f"/bots {bot.id}")
    card = Card(
        title=_title(change, _("is now")),
        fields=_fields(change),
        mode=bot.spec.mode,
        note=_note(change),
        buttons=(undo, show),
    )
    return lambda outcomes: receipt(outcomes, card)


def _title(change: _Change, verb: str) -> str:
    tick, quote = change.bot.market.filters.price_tick, change.bot.market.quote
    return _("{bot}: {exit} {verb} {level}").format(
        bot=bot_name(change.bot), exit=_name(change.exit), verb=verb, level=level_word(change.after, tick, quote)
    )


def _fields(change: _Change) -> tuple[Field, ...]:
    bot, tick, quote = change.bot, change.bot.market.filters.price_tick, change.bot.market.quote
    fields = [
        Field(_("Before"), level_word(change.before, tick, quote)),
        Field(_("After"), level_word(change.after, tick, quote)),
    ]
    if bot.profit is None:
        return tuple(fields)
    for label, trigger in ((_("Realises before"), change.before), (_("Realises after"), change.after)):
        if trigger is not None:
            realised = _at(bot, bot.profit, change.exit, trigger)
            fields.append(Field(label, _("about {profit}").format(profit=profit(realised, bot.profit.invested, quote))))
    return (*fields, Field(_("Total now"), profit(bot.profit.change, bot.profit.invested, quote)))


def _note(change: _Change) -> str:
    perpetual = change.bot.market.perpetual
    if change.after is None and change.exit is Exit.STOP_LOSS:
        if perpetual:
            return _("Without a stop loss the bot holds on until the stop that lies on the exchange.")
        return _("Without a stop loss the bot holds however far price falls.")
    if change.after is None:
        return _("Without a take profit the bot runs until it is stopped.")
    if perpetual:
        return _("When the level is reached the bot stops and closes its position at the market.")
    return _("When the level is reached the bot stops and sells everything it holds at the market.")


def _name(kind: Exit) -> str:
    return _("take profit") if kind is Exit.TAKE_PROFIT else _("stop loss")
