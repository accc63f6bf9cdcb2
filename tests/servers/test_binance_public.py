"""The loopback Binance says every field that a recorded one says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.servers.binance_public import BinancePublic

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "api" / "binance"


def sample(file: str, name: str) -> Any:
    path = SAMPLES / file
    if not path.exists():
        pytest.skip(f"no recorded answers in {SAMPLES}")
    return next(entry["response"] for entry in json.loads(path.read_text()) if entry["name"] == name)


async def ask(server: BinancePublic, path: str) -> Any:
    async with ClientSession() as session, session.get(f"{server.address}/api/v3/{path}") as answer:
        return await answer.json()


def first(answer: Any) -> Any:
    return answer[0] if isinstance(answer, list) else answer


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ticker24hr", "ticker/24hr?symbol=BTCUSDT"),
        ("ticker_book_ticker", "ticker/bookTicker?symbol=BTCUSDT"),
        ("depth", "depth?symbol=BTCUSDT"),
        ("get_trades", "trades?symbol=BTCUSDT"),
        ("time", "time"),
        ("exchange_info", "exchangeInfo"),
    ],
)
async def test_answers_have_every_recorded_field(name: str, path: str) -> None:
    recorded = first(sample("spot-rest-api-samples.json", name))
    async with BinancePublic() as server:
        await server.trade("BTCUSDT", "100.00", "0.5")
        said = first(await ask(server, path))
    assert set(recorded) <= set(said)


async def test_markets_have_every_recorded_field() -> None:
    path = SAMPLES / "spot-exchangeInfo-captured-20210402.json"
    if not path.exists():
        pytest.skip(f"no recorded answers in {SAMPLES}")
    recorded = json.loads(path.read_text())["symbols"][0]
    async with BinancePublic() as server:
        said = (await ask(server, "exchangeInfo"))["symbols"][0]
    assert set(recorded) <= set(said)


@pytest.mark.parametrize(
    ("name", "stream"), [("book_ticker_subscription", "btcusdt@bookTicker"), ("trade_subscription", "btcusdt@trade")]
)
async def test_streams_have_every_recorded_field(name: str, stream: str) -> None:
    recorded = sample("spot-websocket-streams-samples.json", name)
    async with (
        BinancePublic() as server,
        ClientSession() as session,
        session.ws_connect(f"{server.address}/stream/ws/0") as socket,
    ):
        await socket.send_json({"method": "SUBSCRIBE", "params": [stream], "id": 7})
        assert await socket.receive_json() == {"result": None, "id": 7}
        await server.quote("BTCUSDT", "99.00", "99.01")
        await server.trade("BTCUSDT", "99.00", "0.5")
        said = await socket.receive_json()
    assert set(recorded) <= set(said)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("ticker/24hr?symbol=NONE", -1121),
        ("klines?symbol=BTCUSDT&interval=1y", -1120),
        ("klines?symbol=BTCUSDT&interval=1m&limit=1001", -1100),
        ("depth", -1102),
        ("time?symbol=BTCUSDT", -1101),
    ],
)
async def test_a_wrong_question_is_refused(path: str, code: int) -> None:
    async with BinancePublic() as server:
        assert (await ask(server, path))["code"] == code


async def test_an_unknown_stream_is_refused() -> None:
    async with (
        BinancePublic() as server,
        ClientSession() as session,
        session.ws_connect(f"{server.address}/stream/ws/0") as socket,
    ):
        await socket.send_json({"method": "SUBSCRIBE", "params": ["BTCUSDT@trade"], "id": 1})
        assert "error" in await socket.receive_json()
        assert server.mistakes
