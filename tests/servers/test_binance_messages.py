"""How much the loopback exchange lets a client say, hear and connect."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.servers.binance import BinanceServer

ADDRESSES = pytest.mark.parametrize(
    ("path", "most"), [("/stream/ws/1", 5), ("/ws/btcusdt@trade", 5), ("/public/ws", 10), ("/market/ws/3", 10)]
)


async def ask(socket: aiohttp.ClientWebSocketResponse, count: int) -> None:
    for number in range(count):
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})


async def answers(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[int]:
    """Return the numbers of the next answers."""
    return [(await socket.receive_json(timeout=10))["id"] for _ in range(count)]


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Return the code the connection is closed with."""
    while not socket.closed:
        await socket.receive(timeout=10)
    return socket.close_code


@ADDRESSES
async def test_as_many_as_are_allowed_within_a_second_are_answered_on_each_connection(
    server: BinanceServer, session: aiohttp.ClientSession, path: str, most: int
) -> None:
    for _ in range(2):
        async with session.ws_connect(f"{server.address}{path}") as socket:
            await ask(socket, most)
            assert await answers(socket, most) == list(range(most))
    assert not server.mistakes


@ADDRESSES
async def test_one_message_more_ends_the_connection_and_is_a_mistake(
    server: BinanceServer, session: aiohttp.ClientSession, path: str, most: int
) -> None:
    async with session.ws_connect(f"{server.address}{path}") as socket:
        await ask(socket, most + 1)
        assert await closed(socket) == aiohttp.WSCloseCode.POLICY_VIOLATION
    assert server.mistakes == [f"{path}: more than {most} messages within a second"]


async def test_what_was_said_more_than_a_second_ago_no_longer_counts(
    server: BinanceServer, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{server.address}/stream/ws") as socket:
        await ask(socket, 5)
        assert await answers(socket, 5) == [0, 1, 2, 3, 4]
        await asyncio.sleep(1.1)
        await ask(socket, 5)
        assert await answers(socket, 5) == [0, 1, 2, 3, 4]
    assert not server.mistakes


async def test_pings_count_and_are_answered(server: BinanceServer, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(f"{server.address}/stream/ws", autoping=False) as socket:
        await socket.ping(b"1")
        answer = await socket.receive(timeout=10)
        assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"1")
    async with session.ws_connect(f"{server.address}/stream/ws") as socket:
        await socket.ping()
        for _ in range(4):
            await socket.pong()
        await ask(socket, 1)
        assert await closed(socket) == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_calls_are_not_counted_and_the_limit_can_be_set(
    server: BinanceServer, session: aiohttp.ClientSession
) -> None:
    server.streams.most_messages["stream"] = 30
    for path in ("/ws-api/v3", "/stream/ws"):
        async with session.ws_connect(f"{server.address}{path}") as socket:
            for number in range(30):
                await socket.send_json({"id": str(number), "method": "ping"})
            assert len(await answers(socket, 30)) == 30


async def test_one_connection_more_than_are_allowed_is_shut_out_and_a_mistake(
    server: BinanceServer, session: aiohttp.ClientSession
) -> None:
    server.streams.most_connections = 2
    for _ in range(2):
        async with session.ws_connect(f"{server.address}/stream/ws"):
            pass
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        await session.ws_connect(f"{server.address}/stream/ws")
    assert server.mistakes == ["/stream/ws: more than 2 connections within five minutes"]


async def test_one_stream_more_than_a_connection_may_hear_is_refused(
    server: BinanceServer, session: aiohttp.ClientSession
) -> None:
    server.streams.most_streams = 2
    async with session.ws_connect(f"{server.address}/stream/ws") as socket:
        told = []
        for number, names in enumerate([["btcusdt@trade", "ethusdt@trade"], ["btcusdt@trade"], ["solusdt@trade"]]):
            await socket.send_json({"method": "SUBSCRIBE", "params": names, "id": number})
            told.append(await socket.receive_json(timeout=10))
    assert [("error" in each, each["id"]) for each in told] == [(False, 0), (False, 1), (True, 2)]
    assert server.mistakes == ["more than 2 streams on one connection"]
