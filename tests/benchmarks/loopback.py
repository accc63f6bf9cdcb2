"""A loopback exchange in a thread of its own: ten markets whose prices walk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.binance import BinanceServer
from tests.servers.binance.walk import Walk
from tests.soak.exchange import PERPETUAL, SPOT, Exchange

KEY, SECRET = "key-of-the-tests", "its-secret"
SYMBOLS = (*SPOT, *(f"{base}/USDT:USDT" for base in list(PERPETUAL)[:5]))
"""Five spot markets and five perpetuals."""
STEP_SECONDS = 0.2
PATIENCE = 20.0


class LoopbackExchange:
    """The other end of the line."""

    def __init__(self, server: BinanceServer) -> None:
        """Count what comes to ``server``."""
        self._server = server
        self.urls = server.urls

    def requests(self) -> int:
        """Return how many requests came so far."""
        return len(self._server.calls)


@contextmanager
def loopback_exchange() -> Iterator[LoopbackExchange]:
    """Run an exchange beside us, its prices walking."""
    ready, loop, done = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    found: list[LoopbackExchange] = []

    async def serve() -> None:
        exchange = Exchange(seed=1)
        exchange.server.lift_limits()
        async with exchange.server:
            walks = [
                asyncio.create_task(Walk(markets, number).run(STEP_SECONDS))
                for number, markets in enumerate((exchange.server.spot.markets, exchange.server.usdm.markets))
            ]
            found.append(LoopbackExchange(exchange.server))
            ready.set()
            await done.wait()
            for walk in walks:
                walk.cancel()
            await asyncio.gather(*walks, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    if not ready.wait(PATIENCE):
        raise TimeoutError("the loopback exchange did not start")
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(PATIENCE)
        loop.close()
