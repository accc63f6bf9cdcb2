"""Candles with the lines, fills and exits of a bot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D

from chatbot.charts import theme
from chatbot.charts.canvas import Canvas, Panel
from chatbot.charts.scale import DAY, HOUR, MINUTE, Floats, padded, percent, price, spread, value_ticks
from chatbot.charts.words import Words
from commands.reply import FillMark, GridPicture
from data.values import Side

_TOP, _BOTTOM = theme.HEIGHT - 270, 120
_TAG_GAP = theme.SMALL * 1.55
# Candles keep at least this share of the height; an exit or a line further away is shown as an arrow at the edge.
_CANDLES = 0.3
_UNITS = {"s": 1000, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY}


class _Level(msgspec.Struct, frozen=True):
    at: Decimal
    label: str
    color: str


def draw(picture: GridPicture, words: Words) -> Canvas:
    """Draw ``picture``; with no candles at all it says so."""
    canvas = Canvas()
    canvas.header(picture.title, picture.mode)
    if not picture.candles:
        canvas.text(canvas.width / 2, canvas.height / 2, words.nothing, theme.MUTED, size=theme.LARGE, align="center")
        return canvas
    last = _last(picture)
    fills = tuple(fill for fill in picture.fills if fill.at >= picture.candles[0].opened_at)
    _headline(canvas, picture, last)
    _legend(canvas, picture, fills, words)
    levels = _levels(picture, last, words)
    panel = _panel(canvas, picture, fills, levels)
    start, end = picture.candles[0].opened_at, picture.candles[-1].opened_at
    canvas.time_axis((panel,), start, end, words.months)
    if picture.proposed:
        _span(canvas, panel, picture.lines)
    _lines(canvas, panel, picture.lines, last)
    _candles(canvas, panel, picture)
    _fills(canvas, panel, fills)
    _exits(canvas, panel, levels)
    return canvas


def _headline(canvas: Canvas, picture: GridPicture, last: Decimal) -> None:
    y, room = canvas.height - 140, canvas.width - 2 * theme.MARGIN
    first = picture.candles[0].open
    color = theme.GAIN if last > first else theme.LOSS if last < first else theme.MUTED
    what = picture.timeframe if picture.symbol in picture.title else f"{picture.symbol} {picture.timeframe}"
    used = canvas.text(theme.MARGIN, y, price(last), size=40, bold=True, room=room * 0.45)
    used += 28 + canvas.text(theme.MARGIN + used + 28, y, percent(last - first, first), color, size=36, room=room * 0.3)
    canvas.text(canvas.width - theme.MARGIN, y, what, theme.MUTED, size=36, align="right", room=room - used - 28)


def _legend(canvas: Canvas, picture: GridPicture, fills: Sequence[FillMark], words: Words) -> None:
    if not picture.lines and not fills:
        return
    x, y = theme.MARGIN + 14.0, canvas.height - 212
    for marker, color, label, count in _entries(picture, fills, words):
        _markers(canvas, None, np.array([x]), np.array([float(y)]), marker, color, 26)
        room = canvas.width / 3 - 90 - canvas.text_width(str(count), bold=True)
        used = canvas.text(x + 26, y, label, theme.MUTED, room=room)
        used += canvas.text(x + 26 + used + 12, y, str(count), bold=True)
        x += 26 + used + 12 + 60


def _entries(picture: GridPicture, fills: Sequence[FillMark], words: Words) -> tuple[tuple[str, str, str, int], ...]:
    """Return what the legend says: mark, colour, words and number."""
    if picture.proposed:
        below = sum(line <= _last(picture) for line in picture.lines)
        above = len(picture.lines) - below
        return ("_", theme.SKY, words.buy_lines, below), ("_", theme.YELLOW, words.sell_lines, above)
    buys = sum(fill.side is Side.BUY for fill in fills)
    return (
        ("^", theme.SKY, words.buys, buys),
        ("v", theme.YELLOW, words.sells, len(fills) - buys),
        ("_", theme.MUTED, words.lines, len(picture.lines)),
    )


def _last(picture: GridPicture) -> Decimal:
    return picture.candles[-1].close if picture.last is None else picture.last


def _levels(picture: GridPicture, last: Decimal, words: Words) -> list[_Level]:
    levels = [_Level(last, price(last), theme.TEXT)]
    if picture.take_profit is not None:
        levels.append(_Level(picture.take_profit, f"{words.take_profit} {price(picture.take_profit)}", theme.GAIN))
    if picture.stop_loss is not None:
        levels.append(_Level(picture.stop_loss, f"{words.stop_loss} {price(picture.stop_loss)}", theme.LOSS))
    if picture.proposed and picture.lines:
        ends = (picture.lines[0], theme.SKY), (picture.lines[-1], theme.YELLOW)
        levels += [_Level(at, price(at), color) for at, color in ends]
    return levels


def _panel(canvas: Canvas, picture: GridPicture, fills: Sequence[FillMark], levels: list[_Level]) -> Panel:
    candles = picture.candles
    must = [candle.low for candle in candles] + [candle.high for candle in candles] + [levels[0].at]
    y0, y1 = _range(must, [fill.price for fill in fills], picture.lines, [level.at for level in levels])
    ticks = value_ticks(y0, y1, 9)
    widest = max(canvas.text_width(tick.label) + 12 for tick in ticks)
    right = canvas.width - 16 - max(widest, *(canvas.tag_width(_arrowed(level, y0, y1)) for level in levels))
    step = _interval(picture)
    # The mark of a fill of this moment would be cut in half by the edge.
    last = candles[-1].opened_at
    newest = min(max((fill.at for fill in fills), default=0), last + step) + 2 * step
    x0, x1 = candles[0].opened_at - step / 2, max(last + step / 2, newest)
    # A handful of candles would be as wide as the picture.
    missing = max(0.0, 20 - (x1 - x0) / step) * step
    panel = Panel(left=theme.MARGIN, right=right, bottom=_BOTTOM, top=_TOP, x0=x0 - missing, x1=x1, y0=y0, y1=y1)
    canvas.frame(panel)
    canvas.value_axis(panel, ticks, tuple(_tag_places(panel, levels)))
    return panel


def _range(must: list[Decimal], *wishes: Sequence[Decimal]) -> tuple[float, float]:
    low, high = padded(float(min(must)), float(max(must)), 0.04)
    most = (high - low) / _CANDLES
    for value in sorted(
        (float(value) for wish in wishes for value in wish), key=lambda each: max(low - each, each - high)
    ):
        lower, upper = min(low, value), max(high, value)
        if upper - lower <= most:
            low, high = lower, upper
    return padded(low, high, 0.03)


def _arrowed(level: _Level, low: float, high: float) -> str:
    if float(level.at) > high:
        return f"{level.label} \N{UPWARDS ARROW}"
    return f"{level.label} \N{DOWNWARDS ARROW}" if float(level.at) < low else level.label


def _tag_places(panel: Panel, levels: list[_Level]) -> list[float]:
    half = theme.SMALL * 0.7
    wanted = [panel.y_of(float(level.at)) for level in levels]
    return spread(wanted, _TAG_GAP, panel.bottom + half, panel.top - half)


def _exits(canvas: Canvas, panel: Panel, levels: list[_Level]) -> None:
    for level, place in zip(levels, _tag_places(panel, levels), strict=True):
        at = np.full(2, float(level.at))
        canvas.line(np.array([panel.x0, panel.x1]), at, level.color, panel, width=3, dash=(3.0, 2.0))
        canvas.tag(panel.right + 2, place, _arrowed(level, panel.y0, panel.y1), level.color)


def _span(canvas: Canvas, panel: Panel, lines: Sequence[Decimal]) -> None:
    """Shade the range."""
    low, high = panel.y_of(float(lines[0])), panel.y_of(float(lines[-1]))
    corners = [(panel.left, low), (panel.left, high), (panel.right, high), (panel.right, low)]
    canvas.add(PolyCollection([corners], facecolors=[theme.TEXT], alpha=0.05, linewidths=0, zorder=1.5), panel)


def _lines(canvas: Canvas, panel: Panel, lines: Sequence[Decimal], last: Decimal) -> None:
    width, alpha = (2, 0.45) if len(lines) <= 50 else (1, 0.35)
    for side, color in ((True, theme.SKY), (False, theme.YELLOW)):
        y = panel.y(np.array([line for line in lines if (line <= last) is side], dtype=np.float64))
        rows = [[(panel.left, at), (panel.right, at)] for at in y]
        canvas.add(LineCollection(rows, colors=[color], linewidths=width, alpha=alpha, zorder=2), panel)


def _interval(picture: GridPicture) -> float:
    match = re.fullmatch(r"(\d+)([smhdwM])", picture.timeframe)
    if match is not None and int(match[1]) > 0:
        return float(int(match[1]) * _UNITS[match[2]])
    at = [candle.opened_at for candle in picture.candles]
    return float(min((b - a for a, b in pairwise(at) if b > a), default=HOUR))


def _candles(canvas: Canvas, panel: Panel, picture: GridPicture) -> None:
    table = np.array([(c.opened_at, c.open, c.high, c.low, c.close) for c in picture.candles], dtype=np.float64)
    x = panel.x(table[:, 0])
    opened, high, low, close = (panel.y(table[:, n]) for n in range(1, 5))
    half = max(1.0, _interval(picture) / (panel.x1 - panel.x0) * (panel.right - panel.left) * 0.36)
    # A candle that closed where it opened still has a body, two pixels high.
    bottom, top = np.minimum(opened, close) - 1, np.maximum(opened, close) + 1
    corners = np.stack(
        [np.column_stack(pair) for pair in ((x - half, bottom), (x - half, top), (x + half, top), (x + half, bottom))],
        1,
    )
    wicks = np.stack([np.column_stack((x, low)), np.column_stack((x, high))], 1)
    for chosen, color in ((close >= opened, theme.GREEN), (close < opened, theme.VERMILLION)):
        canvas.add(LineCollection(list(wicks[chosen]), colors=[color], linewidths=2, zorder=3), panel)
        canvas.add(PolyCollection(list(corners[chosen]), facecolors=[color], linewidths=0, zorder=3), panel)


def _fills(canvas: Canvas, panel: Panel, fills: Sequence[FillMark]) -> None:
    size = 26.0 if len(fills) <= 60 else 18.0 if len(fills) <= 150 else 13.0
    for side, marker, color in ((Side.BUY, "^", theme.SKY), (Side.SELL, "v", theme.YELLOW)):
        mine = [fill for fill in fills if fill.side is side]
        x = panel.x(np.array([fill.at for fill in mine], dtype=np.float64))
        y = panel.y(np.array([fill.price for fill in mine], dtype=np.float64))
        _markers(canvas, panel, x, y, marker, color, size)


def _markers(canvas: Canvas, panel: Panel | None, x: Floats, y: Floats, marker: str, color: str, size: float) -> None:
    edge = theme.BACKGROUND if marker != "_" else color
    canvas.add(
        Line2D(
            x,
            y,
            linestyle="None",
            marker=marker,
            markersize=size,
            markerfacecolor=color,
            markeredgecolor=edge,
            markeredgewidth=3 if size > 13 else 1.5,
            zorder=6,
        ),
        panel,
    )
