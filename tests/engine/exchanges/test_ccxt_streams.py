"""What is heard of the connections of a ccxt object."""

from __future__ import annotations

import asyncio

from data.market import MarketKind
from engine.clock import SystemClock
from engine.exchanges.ccxt_client import Client


async def test_streams_that_are_dropped_while_they_settle_do_not_count_as_live_later() -> None:
    client = Client("binance", MarketKind.SPOT, clock=SystemClock())
    for _ in range(2):
        client.connected()
    await client.drop_streams()
    await asyncio.sleep(0.4)
    assert not client.live.is_set()
    client.connected()
    async with asyncio.timeout(5):
        await client.live.wait()
    await client.close()
