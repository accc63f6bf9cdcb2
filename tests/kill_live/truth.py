"""What the exchange knows of one market: our orders, our trades, and what they did to the money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from data.market import Ticker
from data.orders import installation_of
from data.values import ZERO, Side
from tests.kill_live.exchange import PERPETUAL, SPOT, TOKEN, Exchange
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
    base: Decimal = ZERO
    """What trading did to it by the exchange's own balances, or the position of a perpetual."""
    quote: Decimal = ZERO
    token: Decimal = ZERO
    """What was taken for fees of a third asset, negative."""
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
    told.base, told.quote, told.token = (
        account.ledger.total(asset) - account.ledger.deposited[asset] for asset in ("BTC", "USDT", TOKEN)
    )
    return told


def _perpetual(exchange: Exchange) -> Truth:
    member = exchange.server.usdm.member()
    placed = [order for order in member.orders.values() if "conditional" not in order.details]
    told = _truth(PERPETUAL, exchange.perpetual, member.open_orders("ETHUSDT"), placed)
    told.stops = [each.client_id for each in member.waiting() if ours(each.client_id)]
    told.accepted += Counter(each.client_id for each in member.conditionals.values())
    told.trades = [_trade(deal.fill, deal.fee, "USDT") for deal in member.deals]
    incomes = member.account.incomes
    told.funding = sum((each.amount for each in incomes if each.kind == "FUNDING_FEE"), ZERO)
    paid = sum((each.side.sign * each.price * each.quantity + each.fee for each in told.trades), ZERO)
    told.base, told.quote = member.account.positions["ETHUSDT"].quantity, told.funding - paid
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
