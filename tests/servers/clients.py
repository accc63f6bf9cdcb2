"""Unmodified clients of Binance, two by different authors, pointed at the loopback exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro
from binance import AsyncClient, BinanceSocketManager

from tests.servers.binance import BinanceServer

KEY, SECRET = "test-key", "test-secret"
# The second client notices that it shall close only when a message comes, or after this time.
_NOTICE_SECONDS = 0.5


@asynccontextmanager
async def ccxt_client(
    server: BinanceServer, *, types: tuple[str, ...] = ("spot",), key: str = KEY, secret: str = SECRET, **options: Any
) -> AsyncIterator[Any]:
    """Yield ccxt with a quiet start-up and without its own limiter."""
    quiet = {"fetchMarkets": {"types": list(types)}, "fetchCurrencies": False, "fetchMargins": False}
    client = ccxt.pro.binance(
        {
            "apiKey": key,
            "secret": secret,
            "urls": server.ccxt_urls,
            "enableRateLimit": False,
            "timeout": 2_000,
            "options": {**quiet, "warnOnFetchOpenOrdersWithoutSymbol": False, **options},
        }
    )
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def second_client(server: BinanceServer, *, key: str = KEY, secret: str = SECRET) -> AsyncIterator[Any]:
    """Yield python-binance."""
    client = AsyncClient(key, secret)
    socket = server.address.replace("http", "ws", 1)
    client.API_URL = f"{server.address}/api"
    client.MARGIN_API_URL = f"{server.address}/sapi"
    client.FUTURES_URL = f"{server.address}/fapi"
    client.FUTURES_DATA_URL = f"{server.address}/futures/data"
    client.ws_api._url = f"{socket}/ws-api/v3"
    client.ws_future._url = f"{socket}/ws-fapi/v1"
    client.ws_api.TIMEOUT = client.ws_future.TIMEOUT = _NOTICE_SECONDS
    try:
        yield client
    finally:
        # Which the client itself forgets.
        await client.ws_future.close()
        await client.close_connection()


def second_streams(server: BinanceServer, client: Any) -> Any:
    """Return the streams of the second client."""
    manager = BinanceSocketManager(client)
    manager.STREAM_URL = f"{server.address.replace('http', 'ws', 1)}/"
    return manager
