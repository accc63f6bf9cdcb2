"""Watching a futures account through an unmodified client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import pytest

from tests.servers.binance import BinanceServer


def refused(code: int) -> Any:
    """Expect a refusal; ccxt chooses its class by the address of the exchange, so only the code counts here."""
    return pytest.raises(ccxt.BaseError, match=rf'"code":{code},')


async def gather(watch: Callable[[], Awaitable[list[Any]]], enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Return what a watch tells until it is enough."""
    told: list[Any] = []
    async with asyncio.timeout(3):
        while not enough(told):
            told += [dict(each) for each in await watch()]
    return told


class Watching:
    """The raw events of an account, heard through ccxt's own connection."""

    def __init__(self, server: BinanceServer, client: Any) -> None:
        self.server, self.client = server, client
        self.events: list[dict[str, Any]] = []

    async def __aenter__(self) -> Watching:
        original = self.client.handle_message

        def hear(connection: Any, message: Any) -> None:
            if isinstance(message, dict) and "e" in message:
                self.events.append(message)
            original(connection, message)

        self.client.handle_message = hear
        self._task = asyncio.create_task(self.client.watch_orders())
        await self.server.usdm.users.heard()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event with such fields in its order."""
        async with asyncio.timeout(3):
            while True:
                for each in self.events:
                    inner = each["o"] if isinstance(each.get("o"), dict) else each
                    if each["e"] == event and all(inner.get(name) == value for name, value in fields.items()):
                        return each
                await asyncio.sleep(0.005)
