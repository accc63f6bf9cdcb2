"""The summary of the day, pushed once a day and quiet."""

from __future__ import annotations

from commands import format as shown
from commands import words
from commands.notice import Lane, Notice
from commands.reply import Button, Card, Field
from config.language import _, ngettext
from data.values import ZERO, Millis
from engine.desk import Desk

_DAY: Millis = 86_400_000
_MOST = 1000


def digest(desk: Desk, at: Millis) -> Notice | None:
    """Return what a day came to, per quote currency; None when no bot was at work."""
    engine, since = desk.engine(), at - _DAY
    views = [view for view in desk.bots() if view.profit and (view.status.active or (view.stopped_at or 0) >= since)]
    if not views:
        return None
    fields = []
    groups = sorted({(view.spec.mode, view.market.quote) for view in views})
    for mode, quote in groups:
        alike = [view for view in views if (view.spec.mode, view.market.quote) == (mode, quote)]
        books = [view.profit for view in alike if view.profit]
        # Money of different modes is never added up, and never looks alike.
        prefix = f"{words.mode(mode).capitalize()}: " if len({each for each, _quote in groups}) > 1 else ""
        change = sum((each.change for each in books), ZERO)
        grid = sum((each.grid_profit for each in books), ZERO)
        fees = sum((each.fees for each in books), ZERO)
        fields += [
            Field(prefix + _("Total since start"), shown.amount(change, quote, signed=True)),
            Field(prefix + _("Grid profit, before fees"), shown.amount(grid, quote, signed=True)),
            Field(prefix + _("Fees"), shown.amount(-fees, quote, signed=True)),
        ]
    filled = sum(1 for fill in desk.fills(None, _MOST) if fill.at >= since)
    fields.append(Field(_("Fills in 24 hours"), str(filled)))
    count = len(views)
    title = ngettext("Day's summary: {n} bot", "Day's summary: {n} bots", count).format(n=count)
    card = Card(
        title=title,
        fields=tuple(fields),
        mode=engine.mode,
        buttons=(Button(_("P&L"), "/pnl"), Button(_("Bots"), "/bots")),
    )
    return Notice(key="digest", lane=Lane.DIGEST, at=at, bot=0, mode=engine.mode, card=card, silent=True)
