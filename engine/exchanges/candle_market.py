"""The market that a file of candles is about: what the file cannot say is given or derived."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from data.candles import CandleColumns
from data.market import Fees, Filters, Market, MarketKind
from data.values import ONE, Millis
from engine.exchanges.tiers import BY_BASE, CAUTIOUS

_DOLLARS = frozenset({"USDT", "USDC", "USD", "FDUSD", "BUSD", "TUSD", "DAI"})
_MINUTE: Millis = 60_000
_FEES = {
    MarketKind.SPOT: Fees(maker=Decimal("0.001"), taker=Decimal("0.001")),
    MarketKind.PERPETUAL: Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005")),
}
"""What Binance charges whoever has no discount."""


class ReplayMarket(msgspec.Struct, frozen=True, kw_only=True):
    """What the file cannot say about its market; None is what is usual, or derived from the candles."""

    fee: Decimal | None = None
    """Of makers and takers alike."""
    tick: Decimal | None = None
    step: Decimal | None = None
    min_notional: Decimal | None = None


def market_of(symbol: str, columns: CandleColumns, investment: Decimal, given: ReplayMarket) -> Market:
    """Return a market for the candles: the finest price step in them, and a quantity step worth little money.

    The derived quantity step is the largest power of ten, at most 1, worth no more than a ten-thousandth of the
    investment at the first price. Raises ValueError when ``symbol`` is neither BASE/QUOTE nor
    BASE/QUOTE:QUOTE.
    """
    pair, colon, settled = symbol.upper().partition(":")
    base, slash, quote = pair.partition("/")
    if not (base and slash and quote) or (colon and settled != quote):
        raise ValueError(f"symbol: {symbol!r} is not a pair such as BTC/USDT, or BTC/USDT:USDT for a perpetual")
    exponents = [price.normalize().as_tuple().exponent for price in columns.close]
    finest = min(exponent for exponent in exponents if isinstance(exponent, int))
    filters = Filters(
        price_tick=given.tick or ONE.scaleb(min(finest, 0)),
        quantity_step=given.step or _step(columns.open[0], investment),
        min_notional=given.min_notional if given.min_notional is not None else Decimal(5 if quote in _DOLLARS else 0),
        max_orders=1000,
    )
    kind = MarketKind.PERPETUAL if settled else MarketKind.SPOT
    fees = _FEES[kind] if given.fee is None else Fees(maker=given.fee, taker=given.fee)
    return Market(
        exchange="replayed",
        symbol=f"{pair}:{settled}" if settled else pair,
        base=base,
        quote=quote,
        kind=kind,
        filters=filters,
        fees=fees,
        tiers=BY_BASE.get(base, CAUTIOUS) if settled else (),
    )


def bar_length(at: Sequence[Millis]) -> Millis:
    """Return the shortest distance between neighbouring bars: gaps are longer than a bar, never shorter."""
    return min((b - a for a, b in pairwise(at)), default=_MINUTE)


def _step(price: Decimal, investment: Decimal) -> Decimal:
    step = ONE
    while step * price > investment / 10_000:
        step = step.scaleb(-1)
    return step
