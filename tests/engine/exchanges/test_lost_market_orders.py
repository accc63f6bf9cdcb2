"""A market order whose answer was lost fills at once and frees its client id: it is looked for before it goes again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from data.orders import Draft, OrderType, Purpose
from data.values import Side
from engine.exchanges.base import Accepted, Unknown
from engine.exchanges.faults import AnswerLost, NotThere
from engine.exchanges.live_orders import LiveOrders
from engine.exchanges.own_orders import OwnOrders
from engine.risk import Approved
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, opened
from tests.engine.exchanges.orders import SYMBOL, draft
from tests.engine.exchanges.test_ccxt_live_parts import Scripted, parts

ID = "bt-1-1-is1"


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


def sale(price: Decimal, venue: LiveVenue) -> Approved:
    template = venue.order(ID, Side.SELL, price, "1").draft
    return Approved(msgspec.structs.replace(template, type=OrderType.MARKET, purpose=Purpose.CLOSE, slot=-1))


async def test_a_market_order_that_was_denied_though_it_filled_is_not_sent_again(venue: LiveVenue) -> None:
    await venue.exchange.submit(venue.order("bt-1-1-9b1", Side.BUY, await venue.far(Side.BUY)))
    order = sale(await venue.near(Side.SELL), venue)
    faults = venue.server.faults
    faults.add("lose", "user:*", count=None)
    faults.add("drop_after", "POST */order")
    faults.add("error", "GET */order", status=400, code=-2013, message="Order does not exist.", count=2)
    assert isinstance(await venue.exchange.submit(order), Unknown)
    assert [await venue.exchange.order(ID, venue.symbol) for _ in range(2)] == [None, None]
    again = await venue.exchange.submit(order)
    assert isinstance(again, Accepted)
    assert [fill.quantity for fill in await venue.exchange.fills(venue.symbol, 0)] == [1]


async def test_a_market_order_that_never_arrived_is_sent_again(venue: LiveVenue) -> None:
    order = sale(await venue.near(Side.SELL), venue)
    venue.server.faults.add("drop_before", "POST */order")
    assert isinstance(await venue.exchange.submit(order), Unknown)
    assert await venue.exchange.order(ID, venue.symbol) is None
    assert isinstance(await venue.exchange.submit(order), Accepted)
    assert [fill.quantity for fill in await venue.exchange.fills(venue.symbol, 0)] == [1]


# -- where the list does not tell of it either


def closing() -> Draft:
    return draft(ID, Side.SELL, "100", "1", OrderType.MARKET)


def lost(*_: Any) -> Any:
    raise AnswerLost("no answer")


async def doubted() -> tuple[Scripted, LiveOrders, OwnOrders]:
    """Return an adapter that once got no answer, and whose exchange has a trade that no list explains."""
    client = Scripted()
    orders, own, _ = parts(client)
    client.answers |= {"create_order": lost, "fetch_my_trades": [{"id": "7", "order": "70", "side": "sell"}]}
    assert isinstance(await orders.submit(closing()), Unknown)
    client.answers["create_order"] = {"id": "71", "status": "closed"}
    return client, orders, own


def found(client_id: str) -> dict[str, Any]:
    return {"id": "70", "clientOrderId": client_id, "symbol": SYMBOL, "side": "sell", "status": "closed"}


def sent(client: Scripted) -> int:
    return sum(call == "create_order" for call, _ in client.asked)


async def test_an_order_behind_an_own_trade_is_the_one_that_was_lost() -> None:
    client, orders, _ = await doubted()
    client.answers["fetch_order"] = found(ID)
    assert await orders.submit(closing()) == Accepted(client_id=ID, exchange_id="70")
    assert sent(client) == 1


async def test_a_trade_of_somebody_else_keeps_nothing_back() -> None:
    client, orders, own = await doubted()
    client.answers["fetch_order"] = found("web_1")
    assert await orders.submit(closing()) == Accepted(client_id=ID, exchange_id="71")
    assert sent(client) == 2
    assert own.doubted(ID) is None


async def test_while_nobody_tells_whose_a_trade_is_nothing_is_sent() -> None:
    client, orders, own = await doubted()

    def denied(*_: Any) -> Any:
        raise NotThere("who?")

    client.answers["fetch_order"] = denied
    assert isinstance(await orders.submit(closing()), Unknown)
    assert sent(client) == 1
    assert own.doubted(ID) is not None
