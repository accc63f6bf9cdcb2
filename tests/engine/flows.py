"""Two markets for hostile sequences, and the plainest books there are to hold the engine's against."""

from __future__ import annotations

from decimal import Decimal

from data.market import FeeAsset, Fees, Filters, Market
from data.orders import Fill, Order, OrderType
from data.values import ZERO
from engine.state import Bot

D = Decimal


def market_of(base: str, asset: FeeAsset) -> Market:
    filters = Filters(
        price_tick=D("0.1"),
        quantity_step=D("0.01"),
        min_quantity=D("0.02"),
        max_quantity=D(40),
        min_notional=D(5),
        max_orders=20,
    )
    fees = Fees(maker=D("0.001"), taker=D("0.002"), asset=asset)
    return Market(exchange="x", symbol=f"{base}/USDT", base=base, quote="USDT", filters=filters, fees=fees)


MARKETS = (market_of("AAA", FeeAsset.QUOTE), market_of("BBB", FeeAsset.RECEIVED))


class Flow:
    """Cash and base of one bot, from fills alone."""

    def __init__(self, market: Market, invested: Decimal) -> None:
        self.market, self.cash, self.base = market, invested, ZERO

    def book(self, fill: Fill) -> None:
        """Enter one execution."""
        self.cash -= fill.side.sign * fill.price * fill.quantity
        self.base += fill.side.sign * fill.quantity
        if fill.fee_asset == self.market.base:
            self.base -= fill.fee
        else:
            self.cash -= fill.fee


def cost_of(orders: list[Order], bot: Bot) -> Decimal:
    """Return the quote that these bids of a bot take."""
    fees = bot.market.fees
    total = ZERO
    for order in orders:
        rate = fees.maker if order.draft.type is OrderType.LIMIT_MAKER else fees.taker
        total += order.remaining * order.draft.price * (1 + (rate if fees.asset is FeeAsset.QUOTE else ZERO))
    return total
