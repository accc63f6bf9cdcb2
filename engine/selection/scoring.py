"""How well a market suits a grid: a score from what was found about it, and the figures that a person is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from data.bars import Bars
from data.values import HUNDRED, ONE, ZERO, plain
from engine.markets.suitability import Check, Facts
from engine.statistics.recommend import Recommendation

if TYPE_CHECKING:
    from config.trading import PairSelection

ALIKE = Decimal("0.9")
"""Correlation of hourly returns above which a second market is the same bet again."""
FEWEST = 100
"""Hourly returns that two markets must share for a correlation."""

EARNING, TREND, VOLUME, RANGE, SPREAD, DEPTH = map(Decimal, ("0.30", "0.20", "0.15", "0.15", "0.10", "0.10"))
"""What each part weighs in the score; together one."""
PREFERRED, CORRELATED, SENTIMENT = Decimal("0.05"), Decimal("0.20"), Decimal("0.20")
"""What is added for a preferred market, taken off at a correlation of one, and the weight of a sentiment, if any."""
HALF_EARNING = Decimal("0.1")
"""Expected profit of a day, in percent of the investment, that is worth half of its part."""
_STEP = Decimal("0.0001")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What a market is scored by; None where something is not known."""

    facts: Facts
    perpetual: bool
    earning: Decimal | None
    """Expected profit of a day after fees, in percent of the investment, while price stays in the range."""
    correlation: Decimal | None
    """Highest with a market that is traded now, -1 to 1; zero when there is none."""
    preferred: bool = False
    sentiment: Decimal | None = None


def score(case: Case, wanted: PairSelection) -> Decimal:
    """Return how well a market suits a grid, 0 to 1: a weighted sum of parts, each 0 to 1, and corrections.

    A part of which more is better is x / (x + h), one of which less is better h / (x + h), where h, worth one half, is
    what the settings want. What is not known is worth nothing, and an unknown correlation counts as the highest. A
    sentiment s is averaged in as (1 + s) / 2; one that abstains is left out, which is not the same as a neutral one.
    The score never falls when a fact gets better.
    """
    facts, resting, least = case.facts, case.facts.depth, wanted.spot_pairs.min_liquidity_depth
    if case.perpetual:
        resting, least = facts.open_interest, wanted.futures_pairs.min_open_interest_usd
    value = (
        EARNING * _more(case.earning, HALF_EARNING)
        + TREND * _less(facts.adx, wanted.max_adx)
        + VOLUME * _more(facts.turnover, wanted.min_volume_usd_24h)
        + RANGE * _more(facts.atr_percent, wanted.min_atr_perc_24h)
        + SPREAD * _less(facts.spread_percent, wanted.max_spread_perc)
        + DEPTH * _more(resting, least)
        - CORRELATED * (ONE if case.correlation is None else max(ZERO, case.correlation))
        + (PREFERRED if case.preferred else ZERO)
    )
    value = max(ZERO, min(ONE, value))
    if case.sentiment is not None:
        value += SENTIMENT * ((ONE + max(-ONE, min(ONE, case.sentiment))) / 2 - value)
    return value.quantize(_STEP)


def _more(found: Decimal | None, half: Decimal) -> Decimal:
    return ZERO if found is None or found <= ZERO else found / (found + half)


def _less(found: Decimal | None, half: Decimal) -> Decimal:
    return ZERO if found is None else ONE if found <= ZERO else half / (found + half)


def correlation(one: Bars, other: Bars) -> Decimal | None:
    """Return Pearson's correlation of the log returns of two markets over the bars that both have, oldest first.

    None when they share fewer than ``FEWEST`` or one of them does not move.
    """
    _shared, mine, its = np.intersect1d(one.at, other.at, assume_unique=True, return_indices=True)
    if len(mine) <= FEWEST:
        return None
    returns = np.diff(np.log(one.close[mine])), np.diff(np.log(other.close[its]))
    if min(float(each.std()) for each in returns) <= 0.0:
        return None
    return Decimal(repr(float(np.corrcoef(*returns)[0, 1]))).quantize(_STEP)


def earning(grid: Recommendation) -> Decimal | None:
    """Return the expected profit of a day after fees in percent: each cycle earns on the share of one slot."""
    slots, net = grid.levels - 1, grid.spacing - grid.break_even
    return Decimal(repr(grid.cycles)) * net / slots * HUNDRED if math.isfinite(grid.cycles) else None


def shown(check: Check) -> str:
    """Return ``found (wanted)`` of a criterion, as in ``0.02 % (at most 0.1 %)``."""
    found = "not told" if check.found is None else _figure(check.found, check.unit)
    return f"{found} ({'at most' if check.most else 'at least'} {_figure(check.wanted, check.unit)})"


def evidence(checks: Sequence[Check], case: Case, grid: Recommendation, alike: str) -> dict[str, str]:
    """Return every figure that a market was chosen by; ``alike`` names the market it moves most alike with, if any."""
    figures = {each.name: shown(each) for each in checks}
    near = "not known" if case.correlation is None else f"{case.correlation:.2f}"
    figures["correlation"] = f"{near} with {alike} (at most {plain(ALIKE)})" if alike else "no market is traded"
    figures["expected cycles"] = f"{grid.cycles:.1f} a day, mostly {grid.low:.1f} to {grid.high:.1f}"
    if case.earning is not None:
        figures["expected profit"] = f"{case.earning:.3f} % a day after fees, while price stays in the range"
    if case.preferred:
        figures["preferred"] = "yes"
    if case.sentiment is not None:
        figures["sentiment"] = f"{case.sentiment:.2f}"
    return figures


def _figure(value: Decimal, unit: str) -> str:
    return f"{value:.3f} {unit}" if unit in ("%", "ADX") else f"{value:,.0f} {unit}"
