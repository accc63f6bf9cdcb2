"""A market service over an invented market that counts what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.clock import ManualClock
from engine.markets.service import MarketService
from tests.engine.markets.asked import NOW, Asked


@pytest.fixture
def clock() -> ManualClock:
    """Stand still."""
    return ManualClock(NOW)


@pytest.fixture
async def exchange(clock: ManualClock) -> AsyncIterator[Asked]:
    """Open the market."""
    exchange = Asked(clock)
    await exchange.open(lambda _: None)
    yield exchange
    await exchange.close()


@pytest.fixture
def service(exchange: Asked, clock: ManualClock) -> MarketService:
    """Serve it."""
    return MarketService(exchange, clock, streamed=lambda _: None, most_bytes=20_000_000)
