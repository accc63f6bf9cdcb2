"""Three ranges for a new grid, out of what the market really did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from config.language import _
from data.market import Candle, Market
from data.values import HUNDRED, ONE, ceil_to, floor_to
from engine.desk import Desk
from engine.exchanges.base import ExchangeUnavailable

FEE_MULTIPLE = 4
"""A step is at least this many maker fees, so that a cycle keeps about half of what it earns."""
MIN_LINES, MAX_LINES = 3, 60
_MARGIN = Decimal("0.02")
"""Price lies at least this far inside the range."""


class GridRange(msgspec.Struct, frozen=True, kw_only=True):
    """One proposed range: prices in quote, ``levels`` counts lines."""

    label: str
    source: str
    """Where it comes from, in words."""
    lower: Decimal
    upper: Decimal
    levels: int

    @property
    def width(self) -> Decimal:
        """Return the width in percent of the lower price."""
        return (self.upper / self.lower - ONE) * HUNDRED


async def propose_ranges(desk: Desk, market: Market, last: Decimal, step: Decimal) -> tuple[GridRange, ...]:
    """Return a narrow, a medium and a wide range; ``step`` (0.005 is 0.5 %) is the smallest wanted line distance."""
    asked = (
        (_("Narrow"), _("highest and lowest price of the last 24 hours"), "1h", 24, Decimal("0.03")),
        (_("Medium"), _("highest and lowest price of the last 7 days"), "1h", 168, Decimal("0.08")),
        (_("Wide"), _("highest and lowest price of the last 30 days"), "1d", 30, Decimal("0.15")),
    )
    bars = await asyncio.gather(
        *(_bars(desk, market.symbol, timeframe, limit) for _n, _s, timeframe, limit, _d in asked)
    )
    wanted = max(step, market.fees.maker * FEE_MULTIPLE)
    return tuple(
        _range(market, last, wanted, found, label, source, default)
        for (label, source, _timeframe, _limit, default), found in zip(asked, bars, strict=True)
    )


async def _bars(desk: Desk, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
    try:
        return await desk.candles(symbol, timeframe, limit)
    except ExchangeUnavailable:
        return ()


def _range(
    market: Market, last: Decimal, step: Decimal, bars: Sequence[Candle], label: str, source: str, default: Decimal
) -> GridRange:
    if bars:
        low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    else:
        low, high = last * (ONE - default), last * (ONE + default)
        percent = (default * HUNDRED).normalize()
        source = _("{percent} % around the price: there are no past prices").format(percent=f"{percent:f}")
    grain = _grain(last, market.filters.price_tick)
    lower = max(floor_to(min(low, last * (ONE - _MARGIN)), grain), grain)
    upper = ceil_to(max(high, last * (ONE + _MARGIN)), grain)
    return GridRange(label=label, source=source, lower=lower, upper=upper, levels=_levels(market, lower, upper, step))


def _grain(last: Decimal, tick: Decimal) -> Decimal:
    """Four significant digits are as fine as a person chooses."""
    return max(tick, ONE.scaleb(last.adjusted() - 3))


def _levels(market: Market, lower: Decimal, upper: Decimal, step: Decimal) -> int:
    slots = int(((upper / lower).ln() / (ONE + step).ln()).quantize(ONE, ROUND_HALF_EVEN))
    return max(MIN_LINES, min(slots + 1, MAX_LINES, market.filters.max_orders))
