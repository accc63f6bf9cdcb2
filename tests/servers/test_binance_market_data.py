"""Market data of the loopback exchange: differences that add up to the book, and calls as strict as the original's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.servers.binance import BinanceServer
from tests.servers.binance.market import Market
from tests.servers.binance.sockets import Sockets

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "api" / "binance"
HALVES = pytest.mark.parametrize("half", ["spot", "usdm"])


def part(server: BinanceServer, half: str) -> tuple[Market, Sockets, str, str]:
    """Return market, connections, and where REST and streams are."""
    if half == "spot":
        return server.market("BTCUSDT"), server.streams, "/api/v3", "/ws/btcusdt@depth@100ms"
    return server.perpetual("BTCUSDT"), server.usdm.streams, "/fapi/v1", "/public/ws"


async def ask(session: aiohttp.ClientSession, server: BinanceServer, path: str, **params: str) -> Any:
    """Return what a call answers."""
    async with session.get(f"{server.address}{path}", params=params) as response:
        return await response.json()


@HALVES
async def test_differences_add_up_to_the_book_from_any_snapshot_on(
    server: BinanceServer, session: aiohttp.ClientSession, half: str
) -> None:
    market, streams, rest, path = part(server, half)
    market.move("50000", "50001")
    async with session.ws_connect(f"{server.address}{path}") as socket:
        if half == "usdm":
            await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1})
            assert await socket.receive_json() == {"result": None, "id": 1}
        await streams.subscribed("btcusdt@depth@100ms")
        snapshot = await ask(session, server, f"{rest}/depth", symbol="BTCUSDT", limit="100")
        number, sides = snapshot["lastUpdateId"], {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        for step in range(1, 6):
            market.move(Decimal(50_000 + step), Decimal(50_001 + step))
            event = await socket.receive_json()
            assert event["U"] == number + 1
            assert event.get("pu", number) == number
            number = event["u"]
            for side, levels in sides.items():
                levels |= dict(event[side])
    told = await ask(session, server, f"{rest}/depth", symbol="BTCUSDT", limit="100")
    left = {side: {price: held for price, held in levels.items() if Decimal(held)} for side, levels in sides.items()}
    assert (number, left) == (told["lastUpdateId"], {"b": dict(told["bids"]), "a": dict(told["asks"])})


async def test_futures_offer_a_few_depths_only(server: BinanceServer, session: aiohttp.ClientSession) -> None:
    for limit in ("5", "10", "20", "50", "100", "500", "1000"):
        assert "bids" in await ask(session, server, "/fapi/v1/depth", symbol="BTCUSDT", limit=limit)
    assert not server.mistakes
    for limit in ("7", "0", "5000"):
        assert (await ask(session, server, "/fapi/v1/depth", symbol="BTCUSDT", limit=limit))["code"] == -4021
    assert len(server.mistakes) == 3


async def test_open_interest_counts_the_accounts_too(server: BinanceServer, session: aiohttp.ClientSession) -> None:
    server.usdm.outside_interest["BTCUSDT"] = Decimal("10659.5")
    told = await ask(session, server, "/fapi/v1/openInterest", symbol="BTCUSDT")
    assert told == {"openInterest": "10659.500", "symbol": "BTCUSDT", "time": told["time"]}
    assert (await ask(session, server, "/fapi/v1/openInterest"))["code"] == -1102
    assert (await ask(session, server, "/fapi/v1/openInterest", symbol="NOPEUSDT"))["code"] == -1121
    assert (await ask(session, server, "/fapi/v1/openInterest", symbol="BTCUSDT", period="5m"))["code"] == -1104


@pytest.mark.parametrize(
    ("file", "name", "path", "params"),
    [
        ("spot-rest-api-samples", "depth", "/api/v3/depth", {"symbol": "BTCUSDT"}),
        ("spot-rest-api-samples", "get_trades", "/api/v3/trades", {"symbol": "BTCUSDT"}),
        ("spot-rest-api-samples", "ticker24hr", "/api/v3/ticker/24hr", {"symbol": "BTCUSDT"}),
        ("usdm-futures-rest-api-samples", "order_book", "/fapi/v1/depth", {"symbol": "BTCUSDT"}),
        ("usdm-futures-rest-api-samples", "open_interest", "/fapi/v1/openInterest", {"symbol": "BTCUSDT"}),
        ("usdm-futures-rest-api-samples", "mark_price", "/fapi/v1/premiumIndex", {"symbol": "BTCUSDT"}),
        (
            "usdm-futures-rest-api-samples",
            "ticker24hr_price_change_statistics",
            "/fapi/v1/ticker/24hr",
            {"symbol": "BTCUSDT"},
        ),
    ],
)
async def test_answers_have_every_field_of_the_published_samples(
    server: BinanceServer, session: aiohttp.ClientSession, file: str, name: str, path: str, params: dict[str, str]
) -> None:
    if not SAMPLES.exists():
        pytest.skip(f"{SAMPLES} is not here")
    samples = json.loads((SAMPLES / f"{file}.json").read_text())
    sample = next(each["response"] for each in samples if each["name"] == name)
    for market in (server.market("BTCUSDT"), server.perpetual("BTCUSDT")):
        market.trade(market.ask, "0.5")
    told = await ask(session, server, path, **params)
    if isinstance(sample, list):
        sample, told = sample[0], told[0]
    assert set(sample) <= set(told)
    assert all(isinstance(told[field], type(value)) for field, value in sample.items())
