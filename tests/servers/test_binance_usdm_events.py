"""What happens to a futures account on the loopback exchange: stops, streams, funding, liquidation, countdowns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from binance import BinanceSocketManager

from tests.servers.binance import BinanceServer
from tests.servers.clients import KEY, SECRET, ccxt_client, second_client
from tests.servers.watching import Watching, gather, refused

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
LIMIT = MARKET | {"type": "LIMIT", "price": "49000", "timeInForce": "GTC"}


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as running:
        running.add_key(KEY, SECRET)
        running.usdm.deposit("10000")
        yield running
        assert not running.mistakes


@pytest.fixture
async def client(server: BinanceServer) -> AsyncIterator[Any]:
    async with ccxt_client(server, types=("linear",), defaultType="swap") as trader:
        trader.timeout_on_exit = 0
        await trader.load_markets()
        yield trader


# -- conditional orders


async def test_a_stop_waits_and_is_taken_back(client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.02)
    details = {"stopLossPrice": 45000, "reduceOnly": True, "workingType": "MARK_PRICE", "clientOrderId": "bt-p"}
    made = await client.create_order(BTC, "market", "sell", 0.02, None, details)
    assert (made["status"], made["clientOrderId"], made["triggerPrice"]) == ("open", "bt-p", 45000)
    assert await client.fetch_open_orders(BTC) == []
    [waiting] = await client.fetch_open_orders(BTC, params={"trigger": True})
    assert waiting["id"] == made["id"]
    named = {"clientOrderId": "bt-p", "trigger": True}
    assert (await client.fetch_order(None, BTC, named))["reduceOnly"] is True
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order(None, BTC, {"clientOrderId": "bt-p"})
    with refused(-4116):
        await client.create_order(BTC, "market", "sell", 0.02, None, details)
    await client.cancel_order(None, BTC, named)
    assert (await client.fetch_order(made["id"], BTC, {"trigger": True}))["status"] == "canceled"
    with refused(-2011):
        await client.cancel_order(made["id"], BTC, {"trigger": True})


async def test_a_triggered_stop_closes_the_position_under_its_own_client_id(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.02)
    details = {"triggerPrice": 45000, "closePosition": True, "workingType": "MARK_PRICE", "clientOrderId": "bt-p"}
    stop = await client.create_order(BTC, "market", "sell", 0.02, None, details)
    async with Watching(server, client) as watching:
        server.usdm.move("BTCUSDT", "44990", "44990.1")
        await watching.until("ALGO_UPDATE", X="FINISHED")
    told = [
        (each["e"], each["o"]["X"]) for each in watching.events if each["e"] in {"ALGO_UPDATE", "ORDER_TRADE_UPDATE"}
    ]
    assert told == [
        ("ALGO_UPDATE", "TRIGGERING"),
        ("ORDER_TRADE_UPDATE", "NEW"),
        ("ORDER_TRADE_UPDATE", "FILLED"),
        ("ALGO_UPDATE", "TRIGGERED"),
        ("ALGO_UPDATE", "FINISHED"),
    ]
    assert await client.fetch_positions([BTC]) == []
    order = await client.fetch_order(None, BTC, {"clientOrderId": "bt-p"})
    assert (order["type"], order["status"], order["average"]) == ("market", "closed", 44990)
    ended = await client.fetch_order(stop["id"], BTC, {"trigger": True})
    assert ended["info"]["actualOrderId"] == order["id"]
    assert ended["info"]["algoStatus"] == "FINISHED"


async def test_mark_and_last_price_trigger_apart(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "market", "sell", 0.02)
    server.usdm.set_mark("BTCUSDT", "50000")
    for working in ("MARK_PRICE", "CONTRACT_PRICE"):
        details = {"stopLossPrice": 52000, "workingType": working, "reduceOnly": True, "clientOrderId": working}
        await client.create_order(BTC, "market", "buy", 0.01, None, details)
    server.usdm.move("BTCUSDT", "52000", "52000.1")
    assert len(await client.fetch_open_orders(BTC, params={"trigger": True})) == 2, "a quote is no trade"
    server.usdm.markets["BTCUSDT"].trade("52000.1", "0.1")
    [left] = await client.fetch_open_orders(BTC, params={"trigger": True})
    assert left["clientOrderId"] == "MARK_PRICE"
    server.usdm.set_mark("BTCUSDT", "52000")
    assert await client.fetch_positions([BTC]) == []


async def test_limit_stops_and_take_profits(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.02)
    await client.create_order(BTC, "limit", "sell", 0.01, 44000, {"stopLossPrice": 46000, "workingType": "MARK_PRICE"})
    await client.create_order(
        BTC, "market", "sell", 0.01, None, {"takeProfitPrice": 51000, "workingType": "MARK_PRICE", "reduceOnly": True}
    )
    with refused(-2021):
        await client.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": 50500})
    server.usdm.move("BTCUSDT", "51000", "51000.1")
    [position] = await client.fetch_positions([BTC])
    assert position["contracts"] == 0.01
    server.usdm.move("BTCUSDT", "46000", "46000.1")
    server.usdm.set_mark("BTCUSDT", "45999")
    assert await client.fetch_positions([BTC]) == []
    await client.cancel_all_orders(BTC, {"trigger": True})


async def test_a_stop_without_position_expires_and_one_without_margin_is_rejected(
    server: BinanceServer, client: Any
) -> None:
    closing = await client.create_order(
        BTC, "market", "sell", 0.02, None, {"triggerPrice": 45000, "closePosition": True}
    )
    opening = await client.create_order(BTC, "market", "sell", 10, None, {"triggerPrice": 45000})
    server.usdm.markets["BTCUSDT"].move("44990", "44990.1")
    server.usdm.markets["BTCUSDT"].trade("44990", "1")
    for order, status in ((closing, "EXPIRED"), (opening, "REJECTED")):
        ended = await client.fetch_order(order["id"], BTC, {"trigger": True})
        assert ended["info"]["algoStatus"] == status


# -- the user stream


async def test_the_user_stream_through_ccxt(server: BinanceServer, client: Any) -> None:
    watches = (client.watch_orders, client.watch_my_trades, client.watch_positions, client.watch_balance)
    tasks = [asyncio.create_task(watch()) for watch in watches]
    await server.usdm.users.heard()
    await asyncio.sleep(0.05)
    await client.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "bt-1"})
    async with asyncio.timeout(3):
        orders, trades, positions, balance = await asyncio.gather(*tasks)
    assert orders[0]["clientOrderId"] == "bt-1"
    assert (trades[0]["amount"], trades[0]["fee"]["cost"]) == (0.02, 0.500001)
    assert (positions[0]["side"], positions[0]["contracts"]) == ("long", 0.02)
    assert balance["USDT"]["total"] == pytest.approx(10000 - 0.500001)
    resting = await client.create_order(BTC, "limit", "sell", 0.02, 50500)
    server.usdm.move("BTCUSDT", "50600", "50600.1")
    told = await gather(client.watch_orders, lambda seen: any(each["status"] == "closed" for each in seen))
    assert told[-1]["id"] == resting["id"]
    assert server.calls.count("POST /fapi/v1/listenKey") == 1


async def test_another_client_hears_the_same_events(server: BinanceServer, client: Any) -> None:
    async with second_client(server) as other:
        manager = BinanceSocketManager(other)
        manager.FSTREAM_URL = f"{server.address.replace('http', 'ws', 1)}/"
        user = manager.futures_user_socket()
        user.TIMEOUT = 0.1
        async with user as stream, asyncio.timeout(3):
            await server.usdm.users.heard()
            await client.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "bt-1"})
            told = [await stream.recv() for _ in range(3)]
    assert [each["e"] for each in told] == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    assert (told[2]["o"]["c"], told[2]["o"]["X"]) == ("bt-1", "FILLED")


async def test_a_listen_key_ends_and_a_new_one_goes_on(server: BinanceServer, client: Any) -> None:
    async with Watching(server, client) as watching:
        first = server.usdm.users.keys["main"].text
        assert (await client.fapiPrivatePutListenKey())["listenKey"] == first
        server.usdm.users.expire()
        await watching.until("listenKeyExpired")
        await client.create_order(BTC, "limit", "buy", 0.01, 49000)
        assert server.usdm.users.subscribers() == 0
        with refused(-1125):
            await client.fapiPrivatePutListenKey()
        assert (await client.fapiPrivatePostListenKey())["listenKey"] != first
    assert [each["e"] for each in watching.events] == ["listenKeyExpired"]
    server.mistakes.clear()


async def test_a_listen_key_lasts_an_hour(server: BinanceServer, client: Any) -> None:
    async with Watching(server, client) as watching:
        server.clock_offset = 3_590_000
        await client.fapiPrivatePutListenKey()
        server.clock_offset = 3_610_000
        await asyncio.sleep(0.05)
        assert server.usdm.users.subscribers() == 1
        server.clock_offset = 7_300_000
        await watching.until("listenKeyExpired")


# -- what happens to positions


async def test_funding_is_settled_told_and_remembered(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "market", "sell", 0.02)
    async with Watching(server, client) as watching:
        server.usdm.set_mark("BTCUSDT", "50000")
        server.usdm.apply_funding("BTCUSDT", "0.0001")
        event = await watching.until("ACCOUNT_UPDATE")
    assert event["a"]["m"] == "FUNDING_FEE"
    assert event["a"]["B"][0]["bc"] == "0.10000000"
    [row] = await client.fetch_funding_history(BTC)
    assert (row["amount"], row["code"], row["symbol"]) == (0.1, "USDT", BTC)
    assert (await client.fetch_funding_rate_history(BTC))[-1]["fundingRate"] == 0.0001


async def test_a_position_is_liquidated_where_it_was_told(server: BinanceServer, client: Any) -> None:
    await client.set_leverage(50, BTC)
    await client.create_order(BTC, "market", "buy", 5)
    resting = await client.create_order(BTC, "limit", "sell", 0.01, 52000)
    [position] = await client.fetch_positions([BTC])
    price = Decimal(str(position["liquidationPrice"]))
    async with Watching(server, client) as watching:
        server.usdm.set_mark("BTCUSDT", price + 1)
        assert (await client.fetch_positions([BTC]))[0]["contracts"] == 5
        server.usdm.set_mark("BTCUSDT", price - Decimal("0.01"))
        event = await watching.until("ORDER_TRADE_UPDATE", x="CALCULATED")
        await watching.until("MARGIN_CALL")
    assert event["o"]["c"].startswith("autoclose-")
    assert event["o"]["X"] == "FILLED"
    assert await client.fetch_positions([BTC]) == []
    assert (await client.fetch_order(resting["id"], BTC))["status"] == "expired"
    assert (await client.fetch_my_trades(BTC))[-1]["order"] == str(event["o"]["i"])
    [forced] = await client.fapiPrivateGetForceOrders()
    assert forced["clientOrderId"] == event["o"]["c"]
    incomes = await client.fapiPrivateGetIncome({"limit": "1000"})
    wallet = (await client.fapiPrivateV3GetAccount())["totalWalletBalance"]
    assert sum(Decimal(row["income"]) for row in incomes) == Decimal(wallet)
    assert incomes[-1]["incomeType"] == "INSURANCE_CLEAR"


async def test_the_countdown_cancels_what_nobody_renews(server: BinanceServer, client: Any) -> None:
    client.options["recvWindow"] = 60_000
    order = await client.create_order(BTC, "limit", "buy", 0.01, 49000)
    other = await client.create_order(ETH, "limit", "buy", 0.1, 2400)
    async with Watching(server, client) as watching:
        await client.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 20_000})
        server.clock_offset += 15_000
        await client.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 20_000})
        server.clock_offset += 15_000
        await asyncio.sleep(0.05)
        assert len(list(server.usdm.member().open_orders())) == 2
        server.clock_offset += 20_000
        await watching.until("ORDER_TRADE_UPDATE", X="CANCELED", i=int(order["id"]))
    assert [each.id for each in server.usdm.member().open_orders()] == [int(other["id"])]


async def test_a_countdown_of_zero_is_none(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "limit", "buy", 0.01, 49000)
    await client.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 50})
    await client.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 0})
    await asyncio.sleep(0.1)
    assert len(list(server.usdm.member().open_orders())) == 1
