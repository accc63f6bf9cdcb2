"""What tests of the loopback Binance start with; where nothing else is needed, its tests take it from here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.servers.binance import BinanceServer
from tests.servers.calling import PRODUCTS, Caller, Product, caller
from tests.servers.clients import KEY, SECRET


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    """Yield an exchange with one account, which has money in both wallets."""
    async with BinanceServer() as running:
        running.add_key(KEY, SECRET)
        running.spot.deposit("USDT", "100000")
        running.spot.deposit("BTC", "2")
        running.usdm.deposit("10000")
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """Yield a bare client of HTTP."""
    async with ClientSession() as made:
        yield made


@pytest.fixture(params=PRODUCTS, ids=lambda product: product.types)
def product(request: pytest.FixtureRequest) -> Product:
    """Return each half of the exchange."""
    found: Product = request.param
    return found


@pytest.fixture
async def wire(server: BinanceServer, product: Product) -> AsyncIterator[Caller]:
    """Yield a connection to the WebSocket API of one half."""
    async with caller(server, product.address) as connected:
        yield connected
