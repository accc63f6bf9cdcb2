"""Equity against its baselines, and the drawdown below."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from matplotlib.collections import PolyCollection

from chatbot.charts import theme
from chatbot.charts.canvas import Canvas, Panel
from chatbot.charts.scale import (
    MINUTE,
    Floats,
    amount,
    change,
    decimals,
    padded,
    percent,
    percent_ticks,
    signed,
    thinned,
    value_ticks,
)
from chatbot.charts.words import Words
from commands.reply import PnlSeries
from data.values import ZERO

_LEFT = theme.MARGIN
_TOP, _BOTTOM = theme.HEIGHT - 304, 440
_LOW_TOP, _LOW_BOTTOM = 366, 120
_BUCKETS = 270
_DASHED, _DOTTED, _MIXED = (4.0, 2.0), (1.2, 2.0), (5.0, 1.8, 1.2, 1.8)


def draw(series: PnlSeries, words: Words) -> Canvas:
    """Draw ``series``; with no points at all it says so."""
    count = len(series.at)
    for name in ("equity", "buy_and_hold", "hold_initial_mix"):
        if len(getattr(series, name)) != count:
            raise ValueError(f"{name}: {len(getattr(series, name))} values for {count} instants; as many are needed")
    canvas = Canvas()
    canvas.header(series.title, series.mode)
    if count == 0:
        canvas.text(canvas.width / 2, canvas.height / 2, words.nothing, theme.MUTED, size=theme.LARGE, align="center")
        return canvas
    _headline(canvas, series)
    _legend(canvas, series, words)
    at = np.array(series.at, dtype=np.float64)
    lines = [np.array(line, dtype=np.float64) for line in (series.equity, series.buy_and_hold, series.hold_initial_mix)]
    worst = _drawdown(lines[0])
    upper, lower = _panels(canvas, at, [*lines, np.array([float(series.invested)])], worst)
    canvas.time_axis((upper, lower), series.at[0], series.at[-1], words.months)
    level = np.full(2, float(series.invested))
    canvas.line(np.array([upper.x0, upper.x1]), level, theme.MUTED, upper, width=3, dash=_DOTTED)
    canvas.line(*thinned(at, lines[2], _BUCKETS), theme.PURPLE, upper, dash=_MIXED)
    canvas.line(*thinned(at, lines[1], _BUCKETS), theme.ORANGE, upper, dash=_DASHED)
    canvas.line(*thinned(at, lines[0], _BUCKETS), theme.SKY, upper, width=5.5)
    _fill(canvas, *thinned(at, worst, _BUCKETS), lower)
    note = f"{words.drawdown}: {words.worst} {signed(f'{worst.min():.2f} %')}"
    canvas.text(lower.left, _LOW_TOP + 30, note, theme.LOSS)
    return canvas


def _headline(canvas: Canvas, series: PnlSeries) -> None:
    y, last = canvas.height - 140, series.equity[-1]
    room = canvas.width - 2 * theme.MARGIN
    gained = last - series.invested
    color = theme.GAIN if gained > ZERO else theme.LOSS if gained < ZERO else theme.MUTED
    share = percent(gained, series.invested)
    places = decimals(series.currency, series.invested)
    words = change(gained, places) + (f" ({share})" if share else "")
    used = canvas.text(_LEFT, y, f"{amount(last, places)} {series.currency}", size=40, bold=True, room=room * 0.6)
    canvas.text(_LEFT + used + 28, y, words, color, size=36, room=room - used - 28)


def _legend(canvas: Canvas, series: PnlSeries, words: Words) -> None:
    entries: tuple[tuple[str, Decimal, str, tuple[float, ...]], ...] = (
        (words.equity, series.equity[-1], theme.SKY, ()),
        (words.buy_and_hold, series.buy_and_hold[-1], theme.ORANGE, _DASHED),
        (words.invested, series.invested, theme.MUTED, _DOTTED),
        (words.initial_mix, series.hold_initial_mix[-1], theme.PURPLE, _MIXED),
    )
    column = (canvas.width - 2 * theme.MARGIN) / 2
    for n, (label, value, color, dash) in enumerate(entries):
        x, y = _LEFT + column * (n % 2), canvas.height - 212 - 48 * (n // 2)
        swatch = Panel(left=x, right=x + 48, bottom=y - 10, top=y + 10, x0=0, x1=1, y0=-1, y1=1)
        canvas.line(np.array([0.0, 1.0]), np.zeros(2), color, swatch, width=5, dash=dash)
        figure = amount(value, decimals(series.currency, series.invested))
        used = canvas.text(x + 62, y, label, theme.MUTED, room=column - 96 - canvas.text_width(figure, bold=True))
        canvas.text(x + 62 + used + 14, y, figure, bold=True, room=column - 80 - used)


def _panels(canvas: Canvas, at: Floats, lines: list[Floats], worst: Floats) -> tuple[Panel, Panel]:
    y0, y1 = padded(min(float(line.min()) for line in lines), max(float(line.max()) for line in lines))
    ticks = value_ticks(y0, y1, 7)
    low = min(float(worst.min()) * 1.1, -1.0)
    below = percent_ticks(low, 0.0, 4)
    right = canvas.width - 24 - max(canvas.text_width(tick.label) for tick in (*ticks, *below))
    x0, x1 = (at[0], at[-1]) if at[-1] > at[0] else (at[0] - MINUTE, at[0] + MINUTE)
    upper = Panel(left=_LEFT, right=right, bottom=_BOTTOM, top=_TOP, x0=x0, x1=x1, y0=y0, y1=y1)
    lower = Panel(left=_LEFT, right=right, bottom=_LOW_BOTTOM, top=_LOW_TOP, x0=x0, x1=x1, y0=low, y1=0)
    for panel, marks in ((upper, ticks), (lower, below)):
        canvas.frame(panel)
        canvas.value_axis(panel, marks)
    return upper, lower


def _drawdown(equity: Floats) -> Floats:
    peak = np.maximum.accumulate(equity)
    return np.where(peak > 0, (equity - peak) / np.where(peak > 0, peak, 1) * 100, 0.0)


def _fill(canvas: Canvas, at: Floats, worst: Floats, panel: Panel) -> None:
    x, y = panel.x(at), panel.y(worst)
    outline = np.column_stack((np.r_[x, x[-1], x[0]], np.r_[y, panel.top, panel.top]))
    canvas.add(PolyCollection([outline], facecolors=[theme.VERMILLION], alpha=0.45, linewidths=0, zorder=3), panel)
    canvas.line(at, worst, theme.LOSS, panel, width=2.5)
