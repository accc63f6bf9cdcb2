"""The few words on a chart, translated before they leave for the worker process."""

from __future__ import annotations

import msgspec

from config.language import _


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Every text of a chart that its picture does not carry."""

    equity: str
    buy_and_hold: str
    initial_mix: str
    invested: str
    drawdown: str
    worst: str
    buys: str
    sells: str
    lines: str
    buy_lines: str
    sell_lines: str
    take_profit: str
    stop_loss: str
    nothing: str
    months: tuple[str, ...]
    """Twelve short names."""


def translated() -> Words:
    """Return the words in the language of the caller."""
    return Words(
        equity=_("Equity"),
        buy_and_hold=_("Buy & hold"),
        initial_mix=_("Initial mix"),
        invested=_("Invested"),
        drawdown=_("Drawdown"),
        worst=_("worst"),
        buys=_("Buys"),
        sells=_("Sells"),
        lines=_("Lines"),
        buy_lines=_("Buy lines"),
        sell_lines=_("Sell lines"),
        take_profit=_("TP"),
        stop_loss=_("SL"),
        nothing=_("No data yet"),
        months=_months(),
    )


def _months() -> tuple[str, ...]:
    names = tuple(_("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split())
    return names if len(names) == 12 else tuple(f"{month:02d}" for month in range(1, 13))
