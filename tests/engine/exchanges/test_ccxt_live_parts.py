"""Parts of the live adapter against an exchange that ccxt's tables describe and Binance does not resemble."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from data.events import RejectReason
from data.market import Fees, MarketKind
from data.orders import Draft, OrderStatus
from data.values import Side
from engine.clock import ManualClock
from engine.exchanges.base import Accepted, Rejected
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import to_market
from engine.exchanges.live_fills import LiveFills
from engine.exchanges.live_orders import LiveOrders
from engine.exchanges.own_orders import OwnOrders
from engine.exchanges.public_feed import PublicFeed
from tests.engine.exchanges.orders import SYMBOL, draft

CONTRACT = Decimal("0.1")
MARKET: dict[str, Any] = {
    "symbol": SYMBOL,
    "base": "BTC",
    "quote": "USDT",
    "contractSize": str(CONTRACT),
    "precision": {"price": "0.1", "amount": "1"},
    "limits": {"amount": {"min": "1", "max": "1000"}, "cost": {"min": "5"}},
    "info": {},
}


class Scripted(Client):
    """A client whose calls are answered by the test."""

    def __init__(self, exchange: str = "kraken", kind: MarketKind = MarketKind.SPOT) -> None:
        super().__init__(exchange, kind, clock=ManualClock(1_000_000))
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, Any] = {"fetch_orders": [], "fetch_open_orders": []}
        self.ccxt.markets = {SYMBOL: MARKET}

    async def read(self, call: Any, *args: Any, **_: Any) -> Any:
        return self._answer(call, args)

    async def change(self, call: Any, *args: Any, **_: Any) -> Any:
        return self._answer(call, args)

    def _answer(self, call: str, args: tuple[Any, ...]) -> Any:
        self.asked.append((call, args))
        answer = self.answers[call]
        return answer(*args) if callable(answer) else answer


def parts(client: Scripted) -> tuple[LiveOrders, OwnOrders, LiveFills]:
    market = to_market(client, MARKET, Fees(maker=Decimal(0), taker=Decimal(0)))
    own = OwnOrders()
    orders = LiveOrders(client, own, lambda symbol: market)
    return orders, own, LiveFills(client, orders, PublicFeed(client), {SYMBOL: market})


def told(status: str, filled: str = "0", **more: Any) -> dict[str, Any]:
    amounts = {"price": "99.5", "amount": "20", "filled": filled}
    return {
        "id": "7",
        "clientOrderId": "bt-1-1-0b1",
        "symbol": SYMBOL,
        "side": "buy",
        "status": status,
        **amounts,
        **more,
    }


def order() -> Draft:
    return draft("bt-1-1-0b1", Side.BUY, "99.5", "2")


async def test_contracts_of_another_size_are_counted_in_base() -> None:
    client = Scripted()
    orders, _, _ = parts(client)
    client.answers |= {"create_order": told("open"), "fetch_order": told("open", "5")}
    assert await orders.submit(order()) == Accepted(client_id="bt-1-1-0b1", exchange_id="7")
    assert client.asked[-1][1][3] == "20"
    report = await orders.order("bt-1-1-0b1", SYMBOL)
    assert report is not None
    assert (report.quantity, report.filled, report.status) == (Decimal(2), Decimal("0.5"), OrderStatus.OPEN)


@pytest.mark.parametrize("status", ["expired", "canceled", "rejected"])
async def test_a_post_only_order_that_is_thrown_out_at_once_would_have_taken(status: str) -> None:
    client = Scripted()
    orders, own, _ = parts(client)
    client.answers["create_order"] = told(status)
    answer = await orders.submit(order())
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.WOULD_TAKE
    assert own.exchange_id("bt-1-1-0b1") is None
    client.answers["fetch_order"] = told("expired", postOnly=True)
    assert await orders.order("bt-1-1-0b1", SYMBOL) is None


async def test_that_a_refused_order_ended_is_not_told() -> None:
    own = OwnOrders()
    heard: list[str] = []
    own.sending("a")
    own.after_answer("a", lambda: heard.append("a"))
    own.sent("a", accepted=False)
    own.sending("b")
    own.after_answer("b", lambda: heard.append("b"))
    assert heard == []
    own.sent("b", accepted=True)
    own.after_answer("c", lambda: heard.append("c"))
    assert heard == ["b", "c"]


async def test_pages_turn_by_time_where_trades_are_not_numbered() -> None:
    client = Scripted()
    _, own, fills = parts(client)
    own.learn("bt-1-1-0b1", SYMBOL, "7")
    trades = [_trade(number, 1_000 + number // 700) for number in range(2_300)]

    def page(symbol: str, since: int, limit: int, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [trade for trade in trades if trade["timestamp"] >= since][:limit]

    client.answers["fetch_my_trades"] = page
    found = await fills.since(SYMBOL, 1_000)
    assert len({fill.trade_id for fill in found}) == len(found)
    assert found[0].quantity == CONTRACT
    assert found[-1].at == trades[-1]["timestamp"]


def _trade(number: int, at: int) -> dict[str, Any]:
    fee = {"cost": "0", "currency": "USDT"}
    return {
        "id": f"T{number:05d}",
        "order": "7",
        "symbol": SYMBOL,
        "side": "buy",
        "price": "99.5",
        "amount": "1",
        "timestamp": at,
        "fee": fee,
        "takerOrMaker": "maker",
    }
