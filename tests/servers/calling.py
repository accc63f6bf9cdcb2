"""A bare connection to the WebSocket API of the loopback exchange, and the products it leads to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.servers.binance import BinanceServer
from tests.servers.binance.limits import Limits
from tests.servers.binance.sockets import Sockets
from tests.servers.clients import KEY, SECRET

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "49000"}


@dataclass(frozen=True)
class Product:
    """One of the two halves of the exchange."""

    address: str
    route: str
    order: dict[str, Any]
    handshake: int
    types: str
    symbol: str

    def limits(self, server: BinanceServer) -> Limits:
        """Return its limits."""
        return server.spot_limits if self.types == "spot" else server.usdm.limits

    def sockets(self, server: BinanceServer) -> Sockets:
        """Return the connections to its WebSocket API."""
        return server.users.sockets if self.types == "spot" else server.usdm.calls.sockets

    def stands(self, server: BinanceServer, name: str) -> int:
        """Return how many orders of this name the exchange has taken."""
        orders = server.spot.account().orders if self.types == "spot" else server.usdm.member().orders
        return sum(order.client_id == name for order in orders.values())


SPOT = Product("/ws-api/v3", "/api/v3/order", LIMIT | {"quantity": "0.1"}, 2, "spot", "BTC/USDT")
USDM = Product("/ws-fapi/v1", "/fapi/v1/order", LIMIT | {"quantity": "0.01"}, 5, "linear", "BTC/USDT:USDT")
PRODUCTS = (SPOT, USDM)


class Caller:
    """A bare connection to the WebSocket API, which sends what it is told to and hears every frame."""

    def __init__(self, server: BinanceServer, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self._server = server
        self._numbers = count(1)

    def signed(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with key, time and signature; those that are there already stay."""
        whole = {"apiKey": KEY, "timestamp": self._server.now(), **params}
        texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in whole.items()}
        payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts))
        signature = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return {**whole, "signature": signature}

    async def send(self, method: str, **params: Any) -> int:
        """Send a signed call, and return its id."""
        number = next(self._numbers)
        await self.socket.send_json({"id": number, "method": method, "params": self.signed(params)})
        return number

    async def call(self, method: str, **params: Any) -> Any:
        """Send a signed call, and return the next answer, which must be its own."""
        number = await self.send(method, **params)
        answer = json.loads(await self.hear())
        assert answer["id"] == number
        return answer

    async def raw(self, text: str) -> Any:
        """Send a text, and return the next answer."""
        await self.socket.send_str(text)
        return json.loads(await self.hear())

    async def hear(self, seconds: float = 3) -> str:
        """Return the text of the next frame; an empty one once the connection has ended."""
        message = await self.socket.receive(timeout=seconds)
        return str(message.data) if message.type is WSMsgType.TEXT else ""


@asynccontextmanager
async def caller(server: BinanceServer, address: str) -> AsyncIterator[Caller]:
    """Yield a bare connection to an address such as ``/ws-api/v3``."""
    async with ClientSession() as session, session.ws_connect(server.address + address) as socket:
        yield Caller(server, socket)


async def place(wire: Caller, product: Product, name: str = "bt-1", **more: Any) -> Any:
    """Send an order that rests below the price, unless ``more`` says otherwise, and return the answer."""
    return await wire.call("order.place", **product.order | {"newClientOrderId": name} | more)


async def until(wanted: Callable[[], bool]) -> None:
    """Wait for something that comes true without a word of it."""
    for _ in range(1_000):
        if wanted():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never became true")
