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


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    source: str
    timeframe: str
    limit: int
    least: Decimal
    """Price lies at least this far inside the range, as a fraction."""
    blind: Decimal
    """Distance to either side when there are no past prices, as a fraction."""


async def propose_ranges(desk: Desk, market: Market, last: Decimal, step: Decimal) -> tuple[GridRange, ...]:
    """Return a narrow, a medium and a wide range, none of them twice.

    ``step`` (0.005 is 0.5 %) is the smallest wanted distance between lines.
    """
    looks = _looks()
    bars = await asyncio.gather(*(_bars(desk, market.symbol, each) for each in looks))
    wanted = max(step, market.fees.maker * FEE_MULTIPLE)
    found = [_range(market, last, wanted, look, past) for look, past in zip(looks, bars, strict=True)]
    return tuple({(each.lower, each.upper): each for each in reversed(found)}.values())[::-1]


def _looks() -> tuple[_Look, ...]:
    return (
        _Look(
            label=_("Narrow"), source=_("highest and lowest price of the last 24 hours"), timeframe="1h", limit=24,
            least=Decimal("0.02"), blind=Decimal("0.03"),
        ),
        _Look(
            label=_("Medium"), source=_("highest and lowest price of the last 7 days"), timeframe="1h", limit=168,
            least=Decimal("0.04"), blind=Decimal("0.08"),
        ),
        _Look(
            label=_("Wide"), source=_("highest and lowest price of the last 30 days"), timeframe="1d", limit=30,
            least=Decimal("0.08"), blind=Decimal("0.15"),
        ),
    )  # fmt: skip


async def _bars(desk: Desk, symbol: str, look: _Look) -> Sequence[Candle]:
    try:
        return await desk.candles(symbol, look.timeframe, look.limit)
    except ExchangeUnavailable:
        return ()


def _range(market: Market, last: Decimal, step: Decimal, look: _Look, bars: Sequence[Candle]) -> GridRange:
    least, source = (look.least, look.source) if bars else (look.blind, _around(look.blind))
    near, far = last * (ONE - least), last * (ONE + least)
    low, high = min([near, *(bar.low for bar in bars)]), max([far, *(bar.high for bar in bars)])
    if bars and (low == near or high == far):
        source = _("{source}, at least {percent} % to either side").format(source=source, percent=_percent(least))
    grain = _grain(last, market.filters.price_tick)
    lower, upper = max(floor_to(low, grain), grain), ceil_to(high, grain)
    levels = _levels(market, lower, upper, step)
    return GridRange(label=look.label, source=source, lower=lower, upper=upper, levels=levels)


def _around(distance: Decimal) -> str:
    return _("{percent} % around the price: there are no past prices").format(percent=_percent(distance))


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * HUNDRED).normalize():f}"


def _grain(last: Decimal, tick: Decimal) -> Decimal:
    """Four significant digits are as fine as a person chooses."""
    return max(tick, ONE.scaleb(last.adjusted() - 3))


def _levels(market: Market, lower: Decimal, upper: Decimal, step: Decimal) -> int:
    slots = int(((upper / lower).ln() / (ONE + step).ln()).quantize(ONE, ROUND_HALF_EVEN))
    return max(MIN_LINES, min(slots + 1, MAX_LINES, market.filters.max_orders))
