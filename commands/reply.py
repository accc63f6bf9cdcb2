"""What a command may answer: a closed union that every platform renders in its own way."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.market import Candle
from data.values import Millis, Mode, Side


class _Reply(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    pass


class Button(msgspec.Struct, frozen=True):
    """A tap that stands for typing ``line``, a whole command line such as ``/pnl 1 7d``, at most 60 bytes."""

    label: str
    line: str
    danger: bool = False


class Text(_Reply, frozen=True):
    """Plain paragraphs. No markup: platforms escape what they must."""

    text: str
    buttons: tuple[Button, ...] = ()


class Field(msgspec.Struct, frozen=True):
    """One labelled value of a card."""

    label: str
    value: str


class Card(_Reply, frozen=True):
    """A titled list of labelled values; the first line must be readable on a lock screen."""

    title: str
    fields: tuple[Field, ...]
    mode: Mode | None = None
    """Shown as a badge; set on everything about a bot, an order or money."""
    note: str = ""
    buttons: tuple[Button, ...] = ()


class Table(_Reply, frozen=True):
    """Rows under headings. Platforms split long tables into several messages, never cut them silently."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    mode: Mode | None = None
    note: str = ""
    empty: str = ""
    """Said instead of an empty table."""
    buttons: tuple[Button, ...] = ()


class PnlSeries(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Equity of a bot (or all bots) over time in ``currency``; all tuples have the same length."""

    title: str
    mode: Mode
    currency: str
    at: tuple[Millis, ...]
    equity: tuple[Decimal, ...]
    buy_and_hold: tuple[Decimal, ...]
    """What the investment would be worth, had it bought base for all of it at the start."""
    hold_initial_mix: tuple[Decimal, ...]
    """What the inventory and cash of the first moment would be worth, left alone."""
    invested: Decimal


class FillMark(msgspec.Struct, frozen=True):
    """One fill on a chart."""

    at: Millis
    side: Side
    price: Decimal


class GridPicture(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Candles of one market, with the lines, fills and exits of a bot if there is one."""

    title: str
    symbol: str
    mode: Mode
    timeframe: str
    candles: tuple[Candle, ...]
    lines: tuple[Decimal, ...] = ()
    fills: tuple[FillMark, ...] = ()
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    last: Decimal | None = None
    proposed: bool = False
    """The lines are those of a grid that might be started, and its range is what matters."""


class Chart(_Reply, frozen=True):
    """A picture with a caption that says the same in words."""

    caption: Card
    picture: PnlSeries | GridPicture


class Proposal(_Reply, frozen=True):
    """A plan shown before it runs: what will happen, the worst case, and until when it may be confirmed."""

    plan_id: str
    card: Card
    confirm: Button
    discard: Button
    expires_at: Millis


class Failure(_Reply, frozen=True):
    """Nothing was done. Names the field, the value and what would be accepted, where there is one."""

    problem: str
    field: str = ""
    value: str = ""
    accepted: str = ""
    buttons: tuple[Button, ...] = ()


Reply = Text | Card | Table | Chart | Proposal | Failure
