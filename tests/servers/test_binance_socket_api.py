"""The WebSocket API of the loopback exchange, for both products: its protocol and limits; clients agree."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from tests.servers.binance import BinanceServer
from tests.servers.binance.limits import Limits
from tests.servers.calling import SPOT, USDM, Caller, Product, caller, place, until
from tests.servers.clients import KEY, ccxt_client, second_client

# -- limits


async def test_an_answer_tells_the_limits(server: BinanceServer, product: Product, wire: Caller) -> None:
    limits = product.limits(server)
    assert limits.used == product.handshake
    told = (await place(wire, product))["rateLimits"]
    assert [each["count"] for each in told] == [1] * len(limits.orders) + [limits.used]
    assert [{k: v for k, v in each.items() if k != "count"} for each in told] == [
        *limits.rules()[1:],
        limits.rules()[0],
    ]
    refused = await place(wire, product, quantity="1000000")
    assert (refused["status"], [each["count"] for each in refused["rateLimits"][:-1]]) == (
        400,
        [2] * len(limits.orders),
    )
    [weight] = (await wire.call("order.status", symbol="BTCUSDT", origClientOrderId="bt-1"))["rateLimits"]
    assert (weight["rateLimitType"], weight["limit"], weight["count"]) == ("REQUEST_WEIGHT", limits.weight, limits.used)


async def test_the_limits_are_told_to_who_wants_them(server: BinanceServer, product: Product, wire: Caller) -> None:
    assert "rateLimits" not in await place(wire, product, returnRateLimits=False)
    async with caller(server, product.address + "?returnRateLimits=false") as quiet:
        assert "rateLimits" not in await place(quiet, product, "bt-2")
        assert "rateLimits" in await place(quiet, product, "bt-3", returnRateLimits=True)


async def test_weight_is_shared_with_rest_and_a_refusal_tells_the_instant_to_come_back(
    server: BinanceServer, product: Product, wire: Caller
) -> None:
    server.begin_minute()
    limits = product.limits(server)
    async with ClientSession() as session:
        url = server.address + product.route.replace("order", "time")
        async with session.get(url) as answer:
            assert answer.status == 200
        limits.weight, limits.patience = limits.used, 1
        refused = await wire.call("ticker.price", symbol="BTCUSDT")
        data = refused["error"].pop("data")
        assert (refused["status"], refused["error"]["code"]) == (429, -1003)
        assert data["serverTime"] == pytest.approx(server.now(), abs=1_000)
        assert data["retryAfter"] % 60_000 == 0
        assert 0 < data["retryAfter"] - data["serverTime"] <= 60_000
        banned = await wire.call("ticker.price", symbol="BTCUSDT")
        assert (banned["status"], banned["error"]["data"]["retryAfter"]) == (418, limits.banned_until)
        async with session.get(url) as answer:
            assert answer.status == 418
        with pytest.raises(WSServerHandshakeError, match="418"):
            await session.ws_connect(server.address + product.address)


async def test_orders_are_counted_with_those_of_rest(server: BinanceServer, product: Product, wire: Caller) -> None:
    product.limits(server).orders = {("SECOND", 10): 2}
    async with ccxt_client(server, types=(product.types,)) as client:
        await client.create_order(product.symbol, "limit", "buy", 0.01, 49_000)
    before = server.now()
    assert (await place(wire, product))["status"] == 200
    refused = await place(wire, product, "bt-2")
    assert (refused["status"], refused["error"]["code"]) == (429, -1015)
    assert refused["error"]["data"]["retryAfter"] <= before + 10_000
    assert not product.stands(server, "bt-2")


async def test_a_route_that_is_given_other_limits_or_another_answer_has_them_on_the_socket(
    server: BinanceServer, product: Product, wire: Caller
) -> None:
    server.begin_minute()
    routes, where = server.rest.routes, ("POST", product.route)
    other = Limits(server.now, 1, {})
    routes[where] = replace(routes[where], limits=other, answer=lambda call: call.params["newClientOrderId"], weight=1)
    answer = await place(wire, product)
    assert (answer["result"], answer["rateLimits"]) == ("bt-1", [{**other.rules()[0], "count": 1}])
    assert (await place(wire, product))["status"] == 429
    routes[where] = replace(routes[where], limits=Limits(server.now, 1, {}, "UNTOLD"))
    assert (await place(wire, product))["rateLimits"] == []


# -- the protocol


@pytest.mark.parametrize(
    "text",
    ["no JSON", "[1]", '{"id":1}', '{"id":1,"method":5}', '{"method":"depth"}', '{"id":1.5,"method":"depth"}'],
)
async def test_what_is_no_request_is_refused(server: BinanceServer, product: Product, wire: Caller, text: str) -> None:
    answer = await wire.raw(text)
    assert (answer["id"], answer["status"], answer["error"]["code"]) == (None, 400, -1000)
    assert len(server.mistakes) == 1
    assert not server.calls


@pytest.mark.parametrize("number", [None, 0, 7, "a name"])
async def test_an_id_is_echoed(product: Product, wire: Caller, number: object) -> None:
    asked = {"id": number, "method": "ticker.price", "params": {"symbol": "BTCUSDT"}}
    answer = await wire.raw(json.dumps(asked))
    assert (answer["id"], answer["status"], answer["result"]["symbol"]) == (number, 200, "BTCUSDT")


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"timestamp": "1"}, -1102, "timestamp"),
        ({"recvWindow": "5000"}, -1102, "recvWindow"),
        ({"recvWindow": 5000.5}, -1102, "recvWindow"),
        ({"price": 49000}, -1102, "price"),
        ({"quantity": 0.1}, -1102, "quantity"),
        ({"quantity": None}, -1102, "quantity"),
        ({"signature": "0" * 64}, -1022, "Signature"),
        ({"timestamp": 1}, -1021, "recvWindow"),
        ({"apiKey": "nobody"}, -2015, "API-key"),
        ({"postOnly": True}, -1104, "Not all sent parameters were read"),
        ({"strategyId": 5}, -1104, "Not all sent parameters were read"),
    ],
)
async def test_a_parameter_of_the_wrong_type_or_worth_is_refused(
    server: BinanceServer, product: Product, wire: Caller, more: dict[str, Any], code: int, words: str
) -> None:
    params = wire.signed(product.order | more) | ({"signature": more["signature"]} if "signature" in more else {})
    answer = await wire.raw(json.dumps({"id": 1, "method": "order.place", "params": params}))
    assert (answer["error"]["code"], words in answer["error"]["msg"]) == (code, True)
    assert answer["status"] == (401 if code == -2015 else 400)
    assert server.orders_sent() == 1
    assert not server.spot.account().orders
    assert not server.usdm.member().orders


async def test_a_call_without_a_signature_is_refused(product: Product, wire: Caller) -> None:
    params = wire.signed(product.order)
    for name, code in (("signature", -1102), ("timestamp", -1102), ("apiKey", -2014)):
        left = {key: value for key, value in params.items() if key != name}
        answer = await wire.raw(json.dumps({"id": 1, "method": "order.place", "params": left}))
        assert answer["error"]["code"] == code
    assert (await wire.call("order.invent"))["error"]["code"] == -1000


# -- the connections


async def test_maintenance_closes_the_connections(server: BinanceServer, product: Product, wire: Caller) -> None:
    server.rest.maintenance = True
    refused = await place(wire, product)
    assert (refused["status"], refused["error"]["code"]) == (503, -1016)
    await server.maintain()
    assert await wire.hear() == ""
    async with ClientSession() as session:
        with pytest.raises(WSServerHandshakeError, match="503"):
            await session.ws_connect(server.address + product.address)
    await server.maintain(False)
    async with caller(server, product.address) as again:
        assert (await place(again, product))["status"] == 200


async def test_connections_are_muted_and_cut(server: BinanceServer, product: Product, wire: Caller) -> None:
    product.sockets(server).mute()
    await wire.send("order.place", **product.order, newClientOrderId="bt-1")
    await until(lambda: product.stands(server, "bt-1") == 1)
    with pytest.raises(TimeoutError):
        await wire.hear(0.05)
    product.sockets(server).cut()
    assert await wire.hear() == ""


# -- clients


async def test_clients_agree_on_orders_over_the_socket(server: BinanceServer, product: Product) -> None:
    swap = {} if product.types == "spot" else {"defaultType": "swap"}
    async with ccxt_client(server, types=(product.types,), **swap) as first, second_client(server) as second:
        spot = product.types == "spot"
        await first.load_markets()
        kind, more = ("LIMIT_MAKER", {}) if spot else ("limit", {"timeInForce": "GTX"})
        more = {"newClientOrderId": "ours", **more}
        mine = await first.create_order_ws(product.symbol, kind, "buy", 0.01, 49_000, more)
        read = await (second.get_order if spot else second.futures_get_order)(symbol="BTCUSDT", orderId=mine["id"])
        assert (read["clientOrderId"], read["price"], read["status"]) == ("ours", mine["info"]["price"], "NEW")
        asked = await first.fetch_order_ws(mine["id"], product.symbol)
        assert asked["info"] == (await first.fetch_order(mine["id"], product.symbol))["info"] == read
        assert (await first.cancel_order_ws(mine["id"], product.symbol))["status"] == "canceled"

        create = second.ws_create_order if spot else second.ws_futures_create_order
        theirs = await create(**product.order, newClientOrderId="theirs")
        found = await first.fetch_order(str(theirs["orderId"]), product.symbol)
        assert (found["clientOrderId"], found["status"]) == ("theirs", "open")
        status = second.ws_get_order if spot else second.ws_futures_get_order
        assert await status(symbol="BTCUSDT", origClientOrderId="theirs") == found["info"]
        cancel = second.ws_cancel_order if spot else second.ws_futures_cancel_order
        assert (await cancel(symbol="BTCUSDT", orderId=theirs["orderId"]))["status"] == "CANCELED"
        assert (await first.fetch_order(str(theirs["orderId"]), product.symbol))["status"] == "canceled"
    assert server.orders_sent() == server.calls.count("WS order.place") == 2
    assert not server.mistakes


async def test_clients_agree_on_the_futures_account_over_the_socket(server: BinanceServer) -> None:
    async with ccxt_client(server, types=("linear",), defaultType="swap") as first, second_client(server) as second:
        await first.load_markets()
        await first.create_order_ws(USDM.symbol, "market", "buy", 0.01)
        stop = await first.create_order_ws(
            USDM.symbol, "market", "sell", 0.01, None, {"triggerPrice": "40000", "reduceOnly": True}
        )
        [waiting] = await second.futures_get_open_orders(symbol="BTCUSDT", conditional=True)
        assert (str(waiting["algoId"]), waiting["triggerPrice"]) == (stop["id"], stop["info"]["triggerPrice"])
        await first.cancel_order_ws(stop["id"], USDM.symbol, {"trigger": True})
        assert await second.futures_get_open_orders(symbol="BTCUSDT", conditional=True) == []
        [position] = await second.futures_position_information(symbol="BTCUSDT")
        [told] = await second.ws_futures_v2_account_position(symbol="BTCUSDT")
        assert (told["positionAmt"], told["entryPrice"]) == (position["positionAmt"], position["entryPrice"])
        [balance] = await second.ws_futures_v2_account_balance()
        account = await second.ws_futures_v2_account_status()
        read = (await first.fetch_balance())["info"]
        assert read["totalWalletBalance"] == account["totalWalletBalance"] == balance["balance"]
        assert [each["asset"] for each in account["assets"]] == [each["asset"] for each in read["assets"]]
    assert not server.mistakes


async def test_events_are_subscribed_to_listed_and_left_over_a_socket(server: BinanceServer) -> None:
    async with caller(server, SPOT.address) as wire:
        subscribed = await wire.call("userDataStream.subscribe.signature")
        number = subscribed["result"]["subscriptionId"]
        await wire.send("order.place", **SPOT.order)
        told = [json.loads(await wire.hear()) for _ in range(3)]
        events = [each["event"]["e"] for each in told if each.get("subscriptionId") == number]
        assert events == ["executionReport", "outboundAccountPosition"]
        ask = {"id": 1, "method": "session.subscriptions"}
        assert (await wire.raw(json.dumps(ask)))["result"] == [{"subscriptionId": number}]
        leave = {"id": 2, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": str(number)}}
        assert (await wire.raw(json.dumps(leave)))["error"]["code"] == -1102
        leave["params"] = {"subscriptionId": number}
        assert (await wire.raw(json.dumps(leave)))["status"] == 200
        assert not server.users.subscribers()
        refused = await wire.call("userDataStream.subscribe.signature", symbol="BTCUSDT")
        assert refused["error"]["code"] == -1104
        server.faults.add("timeout_before", "WS userDataStream.*")
        assert (await wire.call("userDataStream.subscribe.signature"))["status"] == 408
        assert not server.users.subscribers()


async def test_a_listen_key_is_had_over_a_socket(server: BinanceServer) -> None:
    async with caller(server, USDM.address) as wire:
        key = {"apiKey": KEY}
        started = await wire.raw(json.dumps({"id": 1, "method": "userDataStream.start", "params": key}))
        assert started["result"]["listenKey"] == server.usdm.users.keys["main"].text
        for method in ("ping", "stop"):
            answer = await wire.raw(json.dumps({"id": 2, "method": f"userDataStream.{method}", "params": key}))
            assert answer["status"] == 200
        assert not server.usdm.users.keys


@pytest.mark.parametrize("what", ["account.status", "account.balance", "account.position"])
async def test_the_second_version_of_a_futures_call_is_the_third_of_rest(server: BinanceServer, what: str) -> None:
    path = {"account.status": "account", "account.balance": "balance", "account.position": "positionRisk"}[what]
    async with ccxt_client(server, types=("linear",)) as client, caller(server, USDM.address) as wire:
        client.quoteJsonNumbers = False
        await place(wire, USDM)
        for method, version in ((what, "V2"), (f"v2/{what}", "V3")):
            told = (await wire.call(method))["result"]
            assert told == await client.request(path, [f"fapiPrivate{version}"])
