"""A stored decision as facts: the rule in words, what it knew, what it did not do, what risk said, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from commands import phrases, words
from commands.format import duration, fact, instant, quantity
from commands.matching import bot_name
from commands.reply import Card, Field
from commands.sayings.recogniser import said
from config.language import _, ngettext
from data.advice import TradingState
from data.decisions import Decision, Input, Rule
from data.events import RejectReason
from data.grids import OutOfRange
from data.market import Market
from data.orders import Draft, RefusalCode, Refused
from data.values import Millis, Mode, Side, plain
from engine.views import BotView, Danger

SHOWN = 6
"""Orders, inputs or alternatives listed one by one before the rest is only counted."""
EVIDENCE = 18
"""Inputs listed of a decision that is nothing but its evidence."""


def decision_card(decision: Decision, bot: BotView | None, zone: tzinfo) -> Card:
    """Return everything recorded about a decision; nothing in it is guessed."""
    knew = EVIDENCE if decision.rule is Rule.MARKET_PROPOSED else SHOWN
    fields = [Field(_("When"), instant(decision.at, zone)), Field(_("Because of"), _event_words(decision.event))]
    fields += [
        Field(_("Knew: {name}").format(name=_spaced(each.name)), _input(each)) for each in decision.inputs[:knew]
    ]
    fields += _rest(len(decision.inputs), knew)
    for other in decision.alternatives[:SHOWN]:
        fields.append(Field(_("Not done"), f"{_named('policy', other.what)}: {said(other.why_not)}"))
    fields.append(Field(_("Risk"), _verdict(decision)))
    fields += [Field(_("Refused"), _refused(each)) for each in decision.refused[:SHOWN]]
    market = None if bot is None else bot.market
    fields += [Field(_("Ordered"), _draft(each, market)) for each in decision.approved[:SHOWN]]
    fields += _rest(len(decision.approved))
    if decision.cancelled:
        count = len(decision.cancelled)
        cancelled = ngettext("{count} order", "{count} orders", count).format(count=count)
        fields.append(Field(_("Cancelled"), cancelled))
    subject = _("Engine") if bot is None else bot_name(bot)
    return Card(
        title=f"{subject}: {phrases.rule(decision.rule)}",
        fields=tuple(fields),
        mode=None if bot is None else bot.spec.mode,
        note=_("Decision {id}").format(id=decision.id),
    )


def facts_of(card: Card) -> Sequence[str]:
    """Return a decision's card as plain sentences, the only ground an explanation may stand on."""
    return [card.title, *(f"{each.label}: {each.value}" for each in card.fields)]


def _rest(count: int, most: int = SHOWN) -> list[Field]:
    return [Field("…", _("and {count} more").format(count=count - most))] if count > most else []


def _event_words(event: str) -> str:
    """``OrderFilled`` is how the engine calls it; people read *order filled*."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in event)
    return said(spaced.strip())


def _spaced(name: str) -> str:
    """``stop_loss before`` is how the engine calls it; people read *stop loss before*."""
    return said(name.replace("_", " "))


def _input(known: Input) -> str:
    value = _named(known.name, known.value)
    return f"{value} ({_age(known.age_ms)})" if known.age_ms else value


def _named(name: str, value: str) -> str:
    """Return a value in words; some are names by which the engine calls a thing, and ``name`` says of what kind."""
    match name:
        case "side" if value in set(Side):
            return phrases.side(Side(value))
        case "mode" if value in set(Mode):
            return words.mode(Mode(value))
        case "policy" | "out_of_range" if value in set(OutOfRange):
            return words.out_of_range(OutOfRange(value))
        case "danger before" | "danger after" if value in set(Danger):
            return words.danger(Danger(value))
        case "before" | "after" if value in set(TradingState):
            return words.trading(TradingState(value))
        case "refused" if value in set(RefusalCode):
            return words.refusal(RefusalCode(value))
        case "reason" if value in set(RejectReason):
            return words.rejection(RejectReason(value))
        case _:
            return said(value)


def _age(millis: Millis) -> str:
    if millis < 1000:
        return _("{count} ms old").format(count=millis)
    return _("{age} old").format(age=duration(millis))


def _verdict(decision: Decision) -> str:
    if not decision.approved and not decision.refused:
        return _("not asked: no orders")
    return _("{approved} approved, {refused} refused").format(
        approved=len(decision.approved), refused=len(decision.refused)
    )


def _refused(refused: Refused) -> str:
    facts = ", ".join(f"{_spaced(name)} {fact(value)}" for name, value in refused.facts.items())
    reason = words.refusal(refused.code)
    return f"{_draft(refused.draft, None)}: {reason}" + (f" ({facts})" if facts else "")


def _draft(draft: Draft, market: Market | None) -> str:
    base = draft.symbol.partition("/")[0] if market is None else market.base
    text = f"{phrases.side(draft.side)} {quantity(draft.quantity, base)} @ {plain(draft.price)}"
    return text if draft.slot < 0 else text + " " + _("(slot {slot})").format(slot=draft.slot)
