"""What is traded and what it costs: markets, filters, fees, tickers and candles."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from data.values import ZERO, Millis


class MarketKind(StrEnum):
    """Kind of market; perpetual futures share every word with spot."""

    SPOT = "spot"
    PERPETUAL = "perpetual"


class FeeAsset(StrEnum):
    """Asset the exchange takes its fee in."""

    QUOTE = "quote"
    RECEIVED = "received"
    """The asset a fill brings in: base on a buy, quote on a sell (Binance spot without BNB)."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Order limits of one market. Prices in quote per base, quantities in base, notionals in quote."""

    price_tick: Decimal
    quantity_step: Decimal
    min_quantity: Decimal = ZERO
    max_quantity: Decimal | None = None
    min_notional: Decimal = ZERO
    max_orders: int = 200


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """Fee rates of the account on one market, as fractions (0.001 is 0.1 %)."""

    maker: Decimal
    taker: Decimal
    asset: FeeAsset = FeeAsset.QUOTE


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable pair on one exchange."""

    exchange: str
    symbol: str
    """Unified name, for example ``BTC/USDT``."""
    base: str
    quote: str
    kind: MarketKind = MarketKind.SPOT
    filters: Filters
    fees: Fees


class Ticker(msgspec.Struct, frozen=True):
    """Best bid, best ask and last trade price of a market at one instant."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: Millis


class Candle(msgspec.Struct, frozen=True):
    """One bar: prices in quote, volume in base, ``opened_at`` is the open time."""

    opened_at: Millis
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
