"""See how much the exchange is spared by what is remembered."""

from __future__ import annotations

from commands.context import Context
from commands.plan import Answer
from commands.registry import command
from commands.reply import Button, Table
from config.language import _
from data.cache.metrics import KindMetrics
from engine.markets.kinds import (
    BOOK,
    CANDLES,
    DAYS,
    FUNDING_RATE,
    OPEN_INTEREST,
    STATISTICS,
    TICKER,
    TRADES,
)

_MEGABYTE = 1_000_000


@command(group="System")
async def cache(ctx: Context) -> Answer:
    """See how often market data came from memory instead of the exchange

    Questions at once count as one; what is asked for ahead of need is counted apart, with the share of it that was
    used.
    """
    metrics = ctx.desk.data.metrics()
    kinds = sorted(metrics.kinds.items(), key=lambda each: -each[1].asked)
    rows = [_row(_name(name), each) for name, each in kinds if each.asked or each.entries]
    used = _("{used} of {most} MB in use, {streams} streams.").format(
        used=f"{metrics.bytes / _MEGABYTE:.1f}",
        most=f"{metrics.most_bytes / _MEGABYTE:.0f}",
        streams=len(ctx.desk.data.channels),
    )
    return Table(
        title=_("Market data from memory: {share}").format(share=_share(metrics.total.hit_rate)),
        columns=(_("Data"), _("Asked"), _("From memory"), _("Calls saved"), _("Ahead of need"), _("Kept")),
        rows=tuple(rows + ([_row(_("all"), metrics.total)] if len(rows) > 1 else [])),
        note="\n".join(filter(None, (_too_old(metrics.total), used))),
        empty=_("Nobody has asked for anything yet."),
        buttons=(Button(_("Refresh"), "/cache"), Button(_("Status"), "/status")),
    )


def _name(kind: str) -> str:
    return {
        TICKER: _("prices"),
        DAYS: _("24 h of all markets"),
        BOOK: _("book"),
        TRADES: _("trades"),
        FUNDING_RATE: _("funding rate"),
        OPEN_INTEREST: _("open interest"),
        CANDLES: _("candles"),
        STATISTICS: _("statistics"),
    }[kind]


def _too_old(of: KindMetrics) -> str:
    """Say why so little came from memory, where it was there but too old."""
    if of.stale <= of.hits:
        return ""
    return _(
        "Most of what was remembered was too old to be given again: prices are good for seconds, candles for minutes. "
        "So it is when questions are few, and in the demo, whose time runs fast."
    )


def _row(name: str, of: KindMetrics) -> tuple[str, ...]:
    ahead = f"{of.prefetches:,} ({_share(of.precision)})" if of.prefetches else "–"
    return (name, f"{of.asked:,}", _share(of.hit_rate), f"{of.calls_saved:,}", ahead, f"{of.entries:,}")


def _share(part: float) -> str:
    return f"{part * 100:.0f} %"
