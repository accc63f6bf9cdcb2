"""Markets and drafts for tests of simulated fills."""

from __future__ import annotations

from decimal import Decimal

from data.market import FeeAsset, Fees, Filters, Market, Ticker
from data.orders import Draft, OrderType, Purpose
from data.values import Mode, Side
from engine.risk import Approved

SYMBOL = "BTC/USDT"


def market(
    fee_asset: FeeAsset = FeeAsset.QUOTE, maker: str = "0.001", taker: str = "0.002", max_orders: int = 200
) -> Market:
    """Return BTC/USDT with a tick of 0.1, a step of 0.01 and a smallest notional of 5."""
    return Market(
        exchange="test",
        symbol=SYMBOL,
        base="BTC",
        quote="USDT",
        filters=Filters(
            price_tick=Decimal("0.1"),
            quantity_step=Decimal("0.01"),
            min_quantity=Decimal("0.01"),
            max_quantity=Decimal(100),
            min_notional=Decimal(5),
            max_orders=max_orders,
        ),
        fees=Fees(maker=Decimal(maker), taker=Decimal(taker), asset=fee_asset),
    )


def draft(
    client_id: str,
    side: Side,
    price: Decimal | str,
    quantity: Decimal | str = "1",
    type: OrderType = OrderType.LIMIT_MAKER,
    symbol: str = SYMBOL,
) -> Draft:
    """Return a shadow order."""
    return Draft(
        client_id=client_id,
        bot=1,
        slot=0,
        symbol=symbol,
        mode=Mode.SHADOW,
        side=side,
        type=type,
        purpose=Purpose.GRID,
        price=Decimal(price),
        quantity=Decimal(quantity),
    )


def approved(
    client_id: str,
    side: Side,
    price: Decimal | str,
    quantity: Decimal | str = "1",
    type: OrderType = OrderType.LIMIT_MAKER,
    symbol: str = SYMBOL,
) -> Approved:
    """Return the same, as risk passes it on."""
    return Approved(draft(client_id, side, price, quantity, type, symbol))


def quote(bid: str, ask: str, at: int = 0, symbol: str = SYMBOL) -> Ticker:
    """Return a ticker whose last trade was at the bid."""
    return Ticker(symbol, Decimal(bid), Decimal(ask), Decimal(bid), at)
