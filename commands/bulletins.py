"""What is pushed without a step of the engine behind it: starts, errors, new people, a sign of life."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from commands import format as shown
from commands import words
from commands.notice import Lane, Notice, card_of, notice_of, opening
from commands.reply import Field
from config.language import _, ngettext
from data.events import Reconciled
from data.values import Millis
from engine.desk import Desk


def restart_report(
    desk: Desk, at: Millis, reconciled: Sequence[Reconciled] = (), stopped_at: Millis | None = None
) -> Notice:
    """Say what was found after a start; ``stopped_at`` is the last sign of life before it, if known."""
    engine = desk.engine()
    active = [each for each in desk.bots() if each.status.active]
    fields = [
        Field(_("Bots"), ngettext("{n} active", "{n} active", len(active)).format(n=len(active))),
        Field(_("Trading"), words.trading(engine.trading_state)),
        Field(_("Fills found"), str(sum(each.recovered_fills for each in reconciled))),
        Field(_("Orders clarified"), str(sum(each.resolved_orders for each in reconciled))),
    ]
    if stopped_at is not None:
        fields.insert(0, Field(_("Away for"), shown.duration(at - stopped_at)))
    gaps = [each.symbol for each in reconciled if each.gap]
    agree = _("books and exchange agree")
    title = _("Batuta is back: {what}").format(
        what=_("books disagree on {symbols}").format(symbols=", ".join(gaps)) if gaps else agree
    )
    lane = Lane.CRITICAL if gaps else Lane.REPLY
    card = card_of(title, *fields, mode=engine.mode, buttons=opening("/bots", _("Bots")))
    return notice_of("restart", lane, at, card, mode=engine.mode)


def error_notice(what: str, error_id: str, at: Millis) -> Notice:
    """Say that something broke which nobody was waiting for; details stay in the log under ``error_id``."""
    card = card_of(_("Error: {what}").format(what=what), Field(_("In the log as"), error_id))
    return notice_of(f"error:{what}", Lane.CRITICAL, at, card)


def reach_notice(at: Millis) -> Notice:
    """Say something for no other purpose than to see it arrive."""
    card = card_of(
        _("Batuta can reach you here"), note=_("Somebody looks whether real money could be let loose."),
        buttons=opening("/mode", _("Mode")),
    )  # fmt: skip
    return notice_of("reach", Lane.CRITICAL, at, card)


def person_joined(name: str, identity: str, role: str, at: Millis) -> Notice:
    """Say that somebody was let in."""
    card = card_of(
        _("{name} may now talk to me as {role}").format(name=name, role=role), Field(_("Identity"), identity),
        buttons=opening("/people", _("People")),
    )  # fmt: skip
    return msgspec.structs.replace(notice_of(f"joined:{identity}", Lane.CRITICAL, at, card), by=identity)


def pairing_locked(name: str, identity: str, at: Millis) -> Notice:
    """Say that somebody guessed at pairing codes."""
    card = card_of(
        _("Too many wrong pairing codes from {name}").format(name=name), Field(_("Identity"), identity),
        note=_("They are locked out for a while. Nobody was let in."),
    )  # fmt: skip
    return notice_of(f"guessed:{identity}", Lane.CRITICAL, at, card)
