"""How the loopback Binance ends orders that would have traded with each other, and what it tells of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.servers.binance import BinanceServer
from tests.servers.binance.words import Json
from tests.servers.clients import KEY, SECRET, ccxt_client

SPOT, USDM = "BTC/USDT", "BTC/USDT:USDT"
EXPIRE_MAKER = {"selfTradePreventionMode": "EXPIRE_MAKER"}


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as running:
        running.add_key(KEY, SECRET)
        running.spot.deposit("USDT", "1000000")
        running.spot.deposit("BTC", "10")
        running.usdm.deposit("1000000")
        yield running
        assert not running.mistakes


def noted(told: list[Json], product: Any) -> None:
    """Write down the private events of a product beside those who listen to them."""
    tell = product.on_user

    def note(account: str, event: Json) -> None:
        told.append(event)
        tell(account, event)

    product.on_user = note


async def test_the_orders_in_the_way_of_a_spot_sale_expire_whole_and_it_goes_on(server: BinanceServer) -> None:
    """The example of Binance's answers to questions about self-trade prevention, with a bid of others behind it."""
    events: list[Json] = []
    noted(events, server.spot)
    async with ccxt_client(server) as client:
        await client.load_markets()
        bids = [("1.2", "50001.2"), ("1.3", "50001.1"), ("8.1", "50001")]
        server.market("BTCUSDT").move("50000", "50002", bid_size="10")
        makers = [await client.create_order(SPOT, "limit", "buy", size, price) for size, price in bids]
        taker = await client.create_order(SPOT, "market", "sell", "3", None, EXPIRE_MAKER)
        assert (taker["status"], taker["filled"], taker["average"]) == ("closed", 3, 50_000)
        matches = taker["info"]["preventedMatches"]
        assert [(str(each["makerOrderId"]), Decimal(each["makerPreventedQuantity"])) for each in matches] == [
            (maker["id"], Decimal(size)) for maker, (size, _) in zip(makers, bids, strict=True)
        ]
        for number, (maker, (size, _)) in enumerate(zip(makers, bids, strict=True)):
            now = (await client.fetch_order(maker["id"], SPOT))["info"]
            assert (now["status"], now["preventedMatchId"]) == ("EXPIRED_IN_MATCH", number)
            assert Decimal(now["preventedQuantity"]) == Decimal(size)
            (told,) = (each for each in events if each.get("x") == "TRADE_PREVENTION" and each["i"] == int(maker["id"]))
            assert (told["X"], told["w"], told["v"]) == ("EXPIRED_IN_MATCH", False, number)
            assert Decimal(told["A"]) == Decimal(told["B"]) == Decimal(size)
        balance = await client.fetch_balance()
        assert balance["USDT"]["used"] == 0, "what the bids had locked is free"


async def test_the_order_in_the_way_of_a_futures_sale_expires_with_its_reason(server: BinanceServer) -> None:
    events: list[Json] = []
    async with ccxt_client(server, types=("linear",), defaultType="swap") as client:
        client.timeout_on_exit = 0
        await client.load_markets()
        watching = asyncio.create_task(client.watch_orders())
        await server.usdm.users.heard()
        noted(events, server.usdm)
        await client.create_order(USDM, "market", "buy", "0.5")
        server.usdm.move("BTCUSDT", "50000", "50010")
        maker = await client.create_order(USDM, "limit", "buy", "0.2", "50005")
        sold = await client.create_order(USDM, "market", "sell", "0.5", None, {"reduceOnly": True, **EXPIRE_MAKER})
        assert (sold["status"], sold["filled"]) == ("closed", 0.5)
        assert await client.fetch_positions([USDM]) == []
        orders = [
            each["o"] for each in events if each["e"] == "ORDER_TRADE_UPDATE" and each["o"]["i"] == int(maker["id"])
        ]
        assert [(each["x"], each["X"], each["er"]) for each in orders] == [
            ("NEW", "NEW", "0"),
            ("EXPIRED", "EXPIRED_IN_MATCH", "1"),
        ]
        await watching
