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
    max_market_quantity: Decimal | None = None
    """Most one market order may trade; None when it is ``max_quantity``."""
    max_stops: int = 5
    """Most conditional orders that may wait on the market."""
    highest: Decimal | None = None
    """Most a limit price may be, as a multiple of the market's; None when there is no such filter."""
    lowest: Decimal | None = None
    """Least a limit price may be, as a multiple of the market's."""

    @property
    def most_at_market(self) -> Decimal | None:
        """Return the most that one market order may trade."""
        return self.max_quantity if self.max_market_quantity is None else self.max_market_quantity


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """Fee rates of the account on one market, as fractions (0.001 is 0.1 %)."""

    maker: Decimal
    taker: Decimal
    asset: FeeAsset = FeeAsset.QUOTE


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """One leverage tier of a perpetual market. It applies to positions of a notional from ``floor`` to below ``cap``.

    The maintenance margin of a position of notional ``n`` is ``n × maintenance - deduction``, continuous over tiers.
    """

    floor: Decimal
    cap: Decimal | None
    maintenance: Decimal
    """Maintenance margin rate, as a fraction."""
    deduction: Decimal = ZERO
    """Quote."""
    max_leverage: int


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable pair on one exchange."""

    exchange: str
    symbol: str
    """Unified name, for example ``BTC/USDT``, or ``BTC/USDT:USDT`` for a perpetual settled in its quote."""
    base: str
    quote: str
    kind: MarketKind = MarketKind.SPOT
    filters: Filters
    fees: Fees
    tiers: tuple[Tier, ...] = ()
    """Leverage tiers of a perpetual, lowest first; empty for spot."""

    @property
    def perpetual(self) -> bool:
        """Return whether positions are held here instead of assets."""
        return self.kind is MarketKind.PERPETUAL


class Ticker(msgspec.Struct, frozen=True):
    """Best bid, best ask and last trade price of a market at one instant; of a perpetual also its mark price."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: Millis
    mark: Decimal | None = None

    @property
    def fair(self) -> Decimal:
        """Return the price that margin and liquidation are reckoned by."""
        return self.last if self.mark is None else self.mark


class Candle(msgspec.Struct, frozen=True):
    """One bar: prices in quote, volume in base, ``opened_at`` is the open time."""

    opened_at: Millis
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
