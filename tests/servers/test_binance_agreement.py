"""A second client and recorded answers agree with what ccxt finds on the loopback Binance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.servers.binance import BinanceServer
from tests.servers.clients import ccxt_client, second_client, second_streams

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "api" / "binance"
BTC = "BTC/USDT"


@pytest.fixture
async def client(server: BinanceServer) -> AsyncIterator[Any]:
    async with ccxt_client(server) as client:
        await client.load_markets()
        yield client
    assert not server.mistakes


async def test_the_second_client_sees_what_ccxt_sees(server: BinanceServer, client: Any) -> None:
    async with second_client(server) as second:
        mine = await client.create_order(BTC, "limit", "buy", 0.5, 49_000, {"clientOrderId": "ours"})
        theirs = await second.create_order(
            symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.3", price="50000"
        )
        assert theirs["fills"]
        assert (await second.get_order(symbol="BTCUSDT", origClientOrderId="ours"))["orderId"] == int(mine["id"])
        assert (await client.fetch_order(str(theirs["orderId"]), BTC))["filled"] == 0.3
        opened = await client.fetch_open_orders(BTC)
        assert [order["info"] for order in opened] == await second.get_open_orders(symbol="BTCUSDT")
        trades = await client.fetch_my_trades(BTC)
        assert [trade["info"] for trade in trades] == await second.get_my_trades(symbol="BTCUSDT")
        account, balance = await second.get_account(), await client.fetch_balance()
        assert {each["asset"]: float(each["free"]) for each in account["balances"]} == {
            asset: free for asset, free in balance["free"].items()
        }
        assert (await second.get_symbol_info("BTCUSDT"))["filters"] == client.market(BTC)["info"]["filters"]
        cancelled = await second.cancel_order(symbol="BTCUSDT", orderId=mine["id"])
        assert cancelled["status"] == "CANCELED"
        assert (await client.fetch_order(mine["id"], BTC))["status"] == "canceled"


async def test_the_second_client_hears_the_same_fill(server: BinanceServer, client: Any) -> None:
    watching = asyncio.create_task(client.watch_my_trades())
    await server.users.heard()
    async with second_client(server) as second:
        streams = second_streams(server, second)
        sockets = (
            streams.trade_socket("BTCUSDT"),
            streams.multiplex_socket(["btcusdt@bookTicker"]),
            streams.user_socket(),
        )
        for socket in sockets:
            socket.TIMEOUT = 0.2
        async with sockets[0] as trades, sockets[1] as best, sockets[2] as user:
            await server.users.heard(connections=2)
            await server.streams.subscribed("btcusdt@trade", "btcusdt@bookTicker")
            await client.create_order(BTC, "limit", "buy", 0.5, 50_001)
            assert (await trades.recv())["q"] == "0.50000000"
            assert (await best.recv())["data"]["A"] == "9.50000000"
            reports = [await user.recv() for _ in range(2)]
    assert [report["x"] for report in reports] == ["NEW", "TRADE"]
    [trade] = await watching
    assert trade["id"] == str(reports[1]["t"])


# -- samples


async def ask(server: BinanceServer, path: str) -> Any:
    async with ClientSession() as session, session.get(f"{server.address}/api/v3/{path}") as answer:
        return await answer.json()


def sample(name: str, file: str = "spot-rest-api-samples.json") -> Any:
    path = SAMPLES / file
    if not path.exists():
        pytest.skip(f"no recorded answers in {SAMPLES}")
    return next(entry["response"] for entry in json.loads(path.read_text()) if entry["name"] == name)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ticker24hr", "ticker/24hr?symbol=BTCUSDT"),
        ("ticker_book_ticker", "ticker/bookTicker?symbol=BTCUSDT"),
        ("ticker_price", "ticker/price?symbol=BTCUSDT"),
        ("depth", "depth?symbol=BTCUSDT"),
        ("get_trades", "trades?symbol=BTCUSDT"),
        ("agg_trades", "aggTrades?symbol=BTCUSDT"),
        ("avg_price", "avgPrice?symbol=BTCUSDT"),
        ("time", "time"),
        ("exchange_info", "exchangeInfo"),
    ],
)
async def test_public_answers_have_every_recorded_field(server: BinanceServer, name: str, path: str) -> None:
    recorded = sample(name)
    server.market("BTCUSDT").trade("50000.01", "0.5")
    said = await ask(server, path)
    recorded, said = (each[0] if isinstance(each, list) else each for each in (recorded, said))
    assert set(recorded) <= set(said)


async def test_markets_have_every_recorded_field(server: BinanceServer) -> None:
    path = SAMPLES / "spot-exchangeInfo-captured-20210402.json"
    if not path.exists():
        pytest.skip(f"no recorded answers in {SAMPLES}")
    recorded = json.loads(path.read_text())["symbols"][0]
    assert set(recorded) <= set((await ask(server, "exchangeInfo"))["symbols"][0])


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("book_ticker_subscription", "btcusdt@bookTicker"),
        ("trade_subscription", "btcusdt@trade"),
        ("agg_trade_subscription", "btcusdt@aggTrade"),
        ("diff_book_depth_subscription", "btcusdt@depth"),
        ("partial_book_depth_subscription", "btcusdt@depth5"),
        ("kline_subscription", "btcusdt@kline_1m"),
        ("mini_ticker_subscription", "btcusdt@miniTicker"),
        ("ticker_subscription", "btcusdt@ticker"),
    ],
)
async def test_streams_have_every_recorded_field(server: BinanceServer, name: str, stream: str) -> None:
    recorded = sample(name, "spot-websocket-streams-samples.json")
    async with ClientSession() as session, session.ws_connect(f"{server.address}/ws/{stream}") as socket:
        await server.streams.subscribed(stream)
        server.market("BTCUSDT").move("49000", "49000.01")
        server.market("BTCUSDT").trade("49000", "0.5")
        said = await socket.receive_json()
    assert set(recorded) <= set(said)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("ticker/24hr?symbol=NONE", -1121),
        ("klines?symbol=BTCUSDT&interval=1y", -1120),
        ("klines?symbol=BTCUSDT&interval=1m&limit=1001", -1130),
        ("depth", -1102),
        ("time?symbol=BTCUSDT", -1101),
    ],
)
async def test_a_wrong_question_is_refused(server: BinanceServer, path: str, code: int) -> None:
    assert (await ask(server, path))["code"] == code


async def test_an_unknown_stream_is_refused(server: BinanceServer) -> None:
    async with ClientSession() as session, session.ws_connect(f"{server.address}/stream/ws/0") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": ["BTCUSDT@trade"], "id": 1})
        assert "error" in await socket.receive_json()
    assert server.mistakes
