"""What the exchange knows of one market: our orders, our trades, and what they did to the money."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from data.market import Ticker
from data.orders import installation_of
from data.values import ZERO, Side
from tests.kill_live.exchange import PERPETUAL, SPOT, Exchange
from tests.servers.binance.market import Market
from tests.servers.binance.orders import Fill, Order


class Trade(NamedTuple):
    """One execution of ours, to the last unit."""

    client_id: str
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str


@dataclass
class Truth:
    """One market, one instant."""

    symbol: str
    ticker: Ticker
    resting: dict[str, Decimal]
    """What is left of each of our orders, by client id."""
    stops: list[str]
    """Client ids of our orders that wait for their trigger."""
    accepted: Counter[str]
    """How many orders each of our client ids made."""
    trades: list[Trade]
    moved: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """What trading and funding did to each asset, by the exchange's own balances."""
    position: Decimal = ZERO
    funding: Decimal = ZERO


def truths(exchange: Exchange) -> tuple[Truth, Truth]:
    """Return what is true now on both markets."""
    return _spot(exchange), _perpetual(exchange)


def ours(client_id: str) -> bool:
    """Return whether a Batuta made a client id."""
    return installation_of(client_id) is not None


def _spot(exchange: Exchange) -> Truth:
    account = exchange.server.spot.account()
    told = _truth(SPOT, exchange.spot, account.open("BTCUSDT"), account.orders.values())
    told.trades = [_trade(each.fill, each.commission, each.asset) for each in account.trades]
    for asset in ("BTC", "USDT", "BNB"):
        told.moved[asset] = account.ledger.total(asset) - account.ledger.deposited[asset]
    return told


def _perpetual(exchange: Exchange) -> Truth:
    member = exchange.server.usdm.member()
    placed = [order for order in member.orders.values() if "conditional" not in order.details]
    told = _truth(PERPETUAL, exchange.perpetual, member.open_orders("ETHUSDT"), placed)
    told.stops = [each.client_id for each in member.waiting() if ours(each.client_id)]
    told.accepted += Counter(each.client_id for each in member.conditionals.values())
    told.trades = [_trade(deal.fill, deal.fee, "USDT") for deal in member.deals]
    for deal in member.deals:
        signed = deal.fill.quantity if deal.fill.order.side == "BUY" else -deal.fill.quantity
        told.moved["USDT"] -= signed * deal.fill.price + deal.fee
    told.funding = sum((each.amount for each in member.account.incomes if each.kind == "FUNDING_FEE"), ZERO)
    told.moved["USDT"] += told.funding
    told.position = member.account.positions["ETHUSDT"].quantity
    return told


def _truth(symbol: str, market: Market, resting: Iterable[Order], placed: Iterable[Order]) -> Truth:
    mark = market.mid if symbol == PERPETUAL else None
    return Truth(
        symbol=symbol,
        ticker=Ticker(symbol, market.bid, market.ask, market.last, 0, mark),
        resting={order.client_id: order.remaining for order in resting if ours(order.client_id)},
        stops=[],
        accepted=Counter(order.client_id for order in placed if ours(order.client_id)),
        trades=[],
    )


def _trade(fill: Fill, fee: Decimal, asset: str) -> Trade:
    side = Side.BUY if fill.order.side == "BUY" else Side.SELL
    return Trade(fill.order.client_id, str(fill.trade_id), side, fill.price, fill.quantity, fee, asset)
