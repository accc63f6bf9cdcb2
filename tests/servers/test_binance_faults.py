"""Every fault of the loopback Binance does what it says, as unmodified ccxt sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.servers.binance import BinanceServer
from tests.servers.binance.faults import FaultScript, Kind
from tests.servers.clients import ccxt_client

BTC = "BTC/USDT"
ORDER = "POST /api/v3/order"


@pytest.fixture
async def client(server: BinanceServer) -> AsyncIterator[Any]:
    async with ccxt_client(server) as client:
        await client.load_markets()
        yield client


async def buy(client: Any, client_id: str = "bt-1") -> Any:
    return await client.create_order(BTC, "limit", "buy", 0.1, 49_000, {"clientOrderId": client_id})


REQUESTS: list[tuple[Kind, dict[str, Any], type[Exception], bool]] = [
    ("drop_before", {}, ccxt.NetworkError, False),
    ("drop_after", {}, ccxt.NetworkError, True),
    ("sever", {}, ccxt.ExchangeError, True),
    ("html", {"status": 502}, ccxt.ExchangeNotAvailable, False),
    ("html", {"status": 503}, ccxt.ExchangeNotAvailable, False),
    ("html_after", {"status": 504}, ccxt.NetworkError, True),
    ("error", {"status": 500}, ccxt.ExchangeNotAvailable, False),
    ("error", {"status": 503, "code": -1008}, ccxt.ExchangeError, False),
    ("error", {"status": 500, "code": -1000}, ccxt.OperationFailed, False),
    ("error_after", {"status": 500, "code": -1006}, ccxt.BaseError, True),
    ("timeout_before", {}, ccxt.RequestTimeout, False),
    ("timeout_after", {}, ccxt.RequestTimeout, True),
    ("throttle", {"status": 429, "seconds": 7}, ccxt.DDoSProtection, False),
    ("throttle", {"status": 418, "seconds": 90}, ccxt.DDoSProtection, False),
    ("clock", {}, ccxt.InvalidNonce, False),
]


async def test_faults_of_requests(server: BinanceServer, client: Any) -> None:
    for number, (kind, details, error, done) in enumerate(REQUESTS):
        client_id = f"bt-{number}"
        server.faults.add(kind, ORDER, **details)
        with pytest.raises(error):
            await buy(client, client_id)
        account = server.spot.account()
        assert (account.accepted[client_id], account.sent[client_id]) == (int(done), int(done)), (kind, details)
        assert server.faults.struck[-1] == (kind, ORDER)
    assert not server.faults.rules
    assert not server.mistakes
    assert (await buy(client, "regular"))["status"] == "open"


@pytest.mark.parametrize(("status", "header"), [(429, "7"), (418, "7")])
async def test_a_throttled_answer_says_when_to_come_back(
    server: BinanceServer, client: Any, status: int, header: str
) -> None:
    server.faults.add("throttle", ORDER, status=status, seconds=7)
    with pytest.raises(ccxt.DDoSProtection, match=str(status)):
        await buy(client)
    assert client.last_response_headers["Retry-After"] == header


@pytest.mark.parametrize("kind", ["delay", "delay_before"])
async def test_a_late_answer_is_a_timeout_although_the_order_stands(
    server: BinanceServer, client: Any, kind: Kind
) -> None:
    client.timeout = 100
    server.faults.add(kind, ORDER, seconds=0.2)
    with pytest.raises(ccxt.RequestTimeout):
        await buy(client)
    early = server.spot.account().accepted["bt-1"]
    await asyncio.sleep(0.15)
    assert (early, server.spot.account().accepted["bt-1"]) == (int(kind == "delay"), 1)


async def test_half_an_answer_reaches_the_caller_as_an_order_of_nothing(server: BinanceServer, client: Any) -> None:
    server.faults.add("truncate", ORDER)
    assert (await buy(client))["id"] is None
    assert server.spot.account().accepted["bt-1"] == 1


async def test_rules_count_skip_and_match(server: BinanceServer, client: Any) -> None:
    server.faults.add("html", "GET /api/v3/*", count=2, skip=1)
    await client.fetch_time()
    await buy(client)
    for _ in range(2):
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.fetch_time()
    await client.fetch_time()


def test_chaos_is_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[tuple[Kind, str]]:
        script = FaultScript()
        script.chaos(seed, {"drop_after": 0.1, "html": 0.1, "duplicate": 0.2})
        for number in range(200):
            script.request(f"GET {number}")
            script.event(f"user:{number}")
        return script.struck

    assert struck(1) == struck(1) != struck(2)
    assert {kind for kind, _ in struck(1)} == {"drop_after", "html", "duplicate"}


# -- the exchange itself


async def test_maintenance_closes_everything_but_the_status(server: BinanceServer, client: Any) -> None:
    await server.maintain()
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await buy(client)
    assert (await client.fetch_status())["status"] == "maintenance"
    await server.maintain(False)
    assert (await client.fetch_status())["status"] == "ok"
    await buy(client)


async def test_a_delisted_market_takes_no_orders_and_may_vanish(server: BinanceServer, client: Any) -> None:
    order = await buy(client)
    server.spot.delist("BTCUSDT")
    assert (await client.fetch_order(order["id"], BTC))["status"] == "expired"
    with pytest.raises(ccxt.BaseError, match="Market is closed"):
        await buy(client, "again")
    assert (await client.load_markets(True))[BTC]["active"] is False
    server.spot.delist("BTCUSDT", gone=True)
    with pytest.raises(ccxt.BadSymbol):
        await buy(client, "again")
    assert BTC not in await client.load_markets(True)


async def test_filters_change_while_clients_trade(server: BinanceServer, client: Any) -> None:
    await buy(client)
    server.market("BTCUSDT").spec.step = Decimal("0.5")
    with pytest.raises(ccxt.InvalidOrder, match="lot size"):
        await buy(client, "again")
    await client.load_markets(True)
    assert client.market(BTC)["precision"]["amount"] == 0.5


# -- streams


class Listener:
    """A bare socket, subscribed to the user's events or to a market's."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket

    async def hear(self, seconds: float = 1) -> Any:
        message = await self.socket.receive(timeout=seconds)
        return json.loads(message.data) if message.type is WSMsgType.TEXT else message.type

    async def trades(self, count: int) -> list[str]:
        return [(await self.hear())["p"].rstrip("0").rstrip(".") for _ in range(count)]


@pytest.fixture
async def listener(server: BinanceServer) -> AsyncIterator[Listener]:
    address = server.address.replace("http", "ws", 1)
    async with ClientSession() as session, session.ws_connect(f"{address}/stream/ws/1") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
        assert await socket.receive_json() == {"result": None, "id": 1}
        yield Listener(socket)


def trade(server: BinanceServer, *prices: str) -> None:
    for price in prices:
        server.market("BTCUSDT").trade(price, "0.1")


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        ("lose", ["3", "1"]),
        ("duplicate", ["2", "2", "3", "1"]),
        ("reorder", ["3", "2", "1"]),
        ("late", ["2", "3", "1"]),
    ],
)
async def test_faults_of_events(server: BinanceServer, listener: Listener, kind: Kind, heard: list[str]) -> None:
    server.faults.add(kind, "btcusdt@trade", seconds=0.01)
    trade(server, "2", "3", "1")
    assert await listener.trades(len(heard)) == heard


async def test_a_garbled_event_is_half_of_one(server: BinanceServer, listener: Listener) -> None:
    server.faults.add("garble", "btcusdt@trade")
    trade(server, "2", "3")
    text = (await listener.socket.receive()).data
    with pytest.raises(ValueError):
        json.loads(text)
    assert await listener.trades(1) == ["3"]


async def test_a_silent_socket_stays_open(server: BinanceServer, listener: Listener) -> None:
    server.faults.add("silence", "btcusdt@trade")
    trade(server, "2", "3")
    with pytest.raises(TimeoutError):
        await listener.hear(0.05)
    assert not listener.socket.closed


async def test_a_cut_socket_ends(server: BinanceServer, listener: Listener) -> None:
    server.faults.add("cut", "btcusdt@trade")
    trade(server, "2")
    assert await listener.hear() in {WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}


async def test_who_waits_on_an_expired_user_stream_waits_until_it_is_asked_for_anew(
    server: BinanceServer, client: Any
) -> None:
    waiting = asyncio.create_task(client.watch_orders())
    await server.users.heard()
    server.users.expire()
    await buy(client, "unheard")
    await asyncio.wait({waiting}, timeout=0.05)
    assert not waiting.done()
    again = asyncio.create_task(client.watch_orders())
    await server.users.heard()
    await buy(client, "heard")
    assert (await asyncio.wait_for(again, 1))[0]["clientOrderId"] == "heard"
    await waiting


async def test_a_lost_fill_is_found_by_asking(server: BinanceServer, client: Any) -> None:
    server.faults.add("lose", "user:executionReport", count=None)
    order = await buy(client)
    server.market("BTCUSDT").move("48000", "48001")
    assert (await client.fetch_order(order["id"], BTC))["status"] == "closed"
    assert len(await client.fetch_my_trades(BTC)) == 1


async def test_a_foreign_order_is_seen_like_any_other(server: BinanceServer, client: Any) -> None:
    server.spot.place_foreign("BTCUSDT", "BUY", "0.1", "45000")
    [order] = await client.fetch_open_orders(BTC)
    assert order["clientOrderId"].startswith("web_")
