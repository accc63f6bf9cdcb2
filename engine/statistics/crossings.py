"""How often a grid will trade: fills and completed cycles a day for a distance between lines.

For a driftless diffusion both are known (``diffusion``). Prices are no such thing: bars skip, trends run through
lines without coming back, reversion does not reach far ones. So a ``factor`` is measured for each spacing ``d``: the
fills that a grid would have had on the bars themselves, by the rules of a replay (``engine.exchanges.candle_walk``),
over the ``V/d²`` of a diffusion with the realised variance ``V`` of the same bars. Fills times d² are then the variance
that a grid of this spacing sees, and what will come over ``T`` days is what a diffusion of y lines would do,

    y = √(factor(d) · V · T) / d,    V the ``outlook`` for the mean daily variance of those days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from data.bars import Bars, Floats, Instants
from engine.statistics import diffusion
from engine.statistics.outlook import Outlook, outlook
from engine.statistics.series import daily_variance, newest, span_days

SPACINGS = (0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03)
"""Ratios between neighbouring lines, less one."""
HORIZON_DAYS = 7
RECENT_DAYS = 30
"""Days whose own factor counts; older ones only help where these hold few cycles."""
PRIOR_FILLS = 20.0
"""How many expected fills the factor of the whole history is worth."""
PHASES = 4
"""Placings of the lines over which counts are averaged: where the lines happen to lie is chance."""
TENTHS = 1.2816
"""Standard deviations from the middle of a normal distribution to its first and last tenth."""


class Crossings(msgspec.Struct, frozen=True, kw_only=True):
    """What a grid of one spacing can expect over the horizon, started new and while price stays in its range.

    All are per day.
    """

    spacing: float
    """Ratio between neighbouring lines, less one (0.01 is 1 %)."""
    horizon_days: int
    cycles: float
    """Completed buy-sell cycles: as often more as fewer."""
    low: float
    """Fewer cycles than this happen in about one of ten horizons."""
    high: float
    """More cycles than this happen in about one of ten horizons."""
    fills: float
    """Lines crossed, each of which fills one order."""
    past: float
    """Half of the fills a day that such a grid would have had on all of the bars."""
    diffusion: float
    """Cycles if the market were a driftless diffusion of the variance that is expected."""
    factor: float
    """What the market makes of a diffusion's fills: below 1 where prices trend, or bars are too coarse to show all."""
    coarse: bool
    """Whether half of the bars span more than a line: price then crosses more often than such bars can show."""


class Fills(NamedTuple):
    """What a grid did on each bar: orders filled on either side, and cycles completed."""

    buys: Instants
    sells: Instants
    cycles: Instants


def geometric_lines(bars: Bars, spacing: float, phase: float = 0.0) -> Floats:
    """Return lines ``1 + spacing`` apart that enclose every price of ``bars``; ``phase`` in [0, 1) moves them down."""
    step = math.log1p(spacing)
    lowest = math.log(float(bars.low.min())) - step * (1 + phase)
    count = math.ceil((math.log(float(bars.high.max())) - lowest) / step) + 2
    lines: Floats = np.exp(lowest + step * np.arange(count))
    return lines


def count_fills(bars: Bars, lines: Floats | Sequence[float], start: float | None = None) -> Fills:
    """Return what a spot grid on ``lines`` (ascending) does on ``bars``, started at ``start`` (the first open if None).

    The rules are those of a replay: a bar fills a buy that its low is below and a sale that its high is above, each
    slot at most once. The first sale of a slot that started full completes no cycle.
    """
    laid = np.asarray(lines, dtype=np.float64)
    slots = len(laid) - 1
    # Slots from `bought` on lie above the bar's low and would buy; those before `sold` lie below its high.
    bought = np.minimum(np.searchsorted(laid[:-1], bars.low, side="right"), slots)
    sold = np.searchsorted(laid[1:], bars.high, side="left")
    begun = float(bars.open[0]) if start is None else start
    full = bytearray((laid[1:] > begun).astype(np.uint8).tobytes())
    result = Fills(*(np.zeros(len(bars), dtype=np.int64) for _ in Fills._fields))
    _walk(bought, sold, full, result)
    return result


def _walk(bought: Instants, sold: Instants, full: bytearray, result: Fills) -> None:
    """Fill the slots bar by bar; only those that this bar or the one before spans can be about to change."""
    initial = bytearray(full)
    low, high = np.minimum(bought, sold), np.maximum(bought, sold)
    begins = np.minimum(low, np.concatenate(([0], low[:-1]))).tolist()
    ends = np.maximum(high, np.concatenate(([len(full)], high[:-1]))).tolist()
    same = (bought[1:] == bought[:-1]) & (sold[1:] == sold[:-1]) & (sold <= bought)[1:]
    buys_from, sells_below = bought.tolist(), sold.tolist()
    for bar in (0, *(np.flatnonzero(~same) + 1).tolist()):
        buys = sells = cycles = 0
        for slot in range(begins[bar], ends[bar]):
            if full[slot]:
                if slot < sells_below[bar]:
                    full[slot] = 0
                    sells += 1
                    cycles += not initial[slot]
                    initial[slot] = 0
            elif slot >= buys_from[bar]:
                full[slot] = 1
                buys += 1
        result.buys[bar], result.sells[bar], result.cycles[bar] = buys, sells, cycles


def fills_a_day(bars: Bars, spacing: float, phases: int = PHASES) -> float:
    """Return the fills a day that a grid of ``spacing`` has on ``bars``, averaged over placings of its lines."""
    fills = 0
    for number in range(phases):
        found = count_fills(bars, geometric_lines(bars, spacing, number / phases))
        fills += int(found.buys.sum() + found.sells.sum())
    return fills / (phases * span_days(bars))


def expected(bars: Bars, spacing: float, horizon_days: int = HORIZON_DAYS, ahead: Outlook | None = None) -> Crossings:
    """Return what a grid of ``spacing`` can expect in the ``horizon_days`` after ``bars``.

    ``ahead`` is the outlook for the variance when the caller has it already. Raises ``TooFewBars`` below a day of bars
    and ValueError for a spacing that is not above 0.
    """
    if spacing <= 0:
        raise ValueError(f"spacing: {spacing} lays all lines on one price; accepted: a number above 0 such as 0.01")
    variances = daily_variance(bars)
    ahead = outlook(variances, horizon_days) if ahead is None else ahead
    recent, distance = newest(bars, RECENT_DAYS), math.log1p(spacing)
    past = fills_a_day(bars, spacing)
    whole = _factor(past, float(variances.mean()) / distance**2, span_days(bars), 1.0)
    now = float(variances[-RECENT_DAYS:].mean()) / distance**2
    factor = _factor(fills_a_day(recent, spacing), now, span_days(recent), whole)
    plain = math.sqrt(ahead.variance * horizon_days) / distance
    lines = plain * math.sqrt(factor)
    low, high = _bounds(lines, ahead.doubt)
    return Crossings(
        spacing=spacing,
        horizon_days=horizon_days,
        cycles=diffusion.cycles(lines) / horizon_days,
        low=low / horizon_days,
        high=high / horizon_days,
        fills=diffusion.fills(lines) / horizon_days,
        past=past / 2,
        diffusion=diffusion.cycles(plain) / horizon_days,
        factor=factor,
        coarse=bool(np.median(np.log(recent.high / recent.low)) > distance),
    )


def _bounds(lines: float, doubt: float) -> tuple[float, float]:
    """Return the first and last tenth of the cycles: the variance is in doubt, and with it known they are chance."""
    middle, chance = diffusion.cycles(lines), math.sqrt(diffusion.SPREAD) * lines
    fewer, more = (diffusion.cycles(lines * math.exp(side * TENTHS * doubt / 2)) - middle for side in (-1, 1))
    low = middle - math.hypot(fewer, TENTHS * chance)
    return max(0.0, low), middle + math.hypot(more, TENTHS * chance)


def _factor(counted: float, diffuse: float, days: float, prior: float) -> float:
    """Return counted fills over a diffusion's, both a day, drawn to ``prior`` where few were to be expected."""
    return (counted * days + PRIOR_FILLS * prior) / (diffuse * days + PRIOR_FILLS)
