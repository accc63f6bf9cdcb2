"""The connection itself, over a real socket: log-in, commands, gateway, a push, and an outage at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from chatbot.platform import Audience, SendRetry
from chatbot.platforms.discord.platform import DiscordPlatform
from commands.registry import discover
from commands.reply import Text
from config.schema import Settings
from engine.clock import ScaledClock
from tests.chatbot.platforms.discord.test_platform import NoPictures
from tests.chatbot.platforms.discord.wire import API, TOKEN, DiscordServer
from tests.commands.house import House


@pytest.fixture(autouse=True)
def _addresses() -> Iterator[None]:
    # The library keeps its addresses for the whole process.
    rest, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = rest, gateway


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    """Return a running server."""
    async with DiscordServer() as server:
        yield server


def _platform(house: House, server: DiscordServer) -> DiscordPlatform:
    return DiscordPlatform(
        SecretStr(TOKEN), registry=house.registry, audience=Audience(house.people, Settings().chat),
        pictures=NoPictures(), clock=ScaledClock(0, 1000), api_base_url=f"{server.address}{API}/",
    )  # fmt: skip


async def _pushed(platform: DiscordPlatform) -> str:
    async with asyncio.timeout(20):
        while True:
            try:
                return await platform.send("discord:42", Text(text="a fill"), True)
            except SendRetry:
                await asyncio.sleep(0.01)


async def test_it_connects_declares_its_commands_and_pushes(server: DiscordServer) -> None:
    house = House(registry=discover())
    platform = _platform(house, server)
    await platform.start(house.dispatcher)
    assert await _pushed(platform) == "101"
    assert server.sent[0]["content"] == "a fill"
    assert set(server.declared) == {each.name for each in house.registry.all()}
    await platform.stop()


async def test_a_server_that_is_away_at_the_start_is_found_later(server: DiscordServer) -> None:
    house = House(registry=discover())
    platform = _platform(house, server)
    await server.stop()
    await platform.start(house.dispatcher)
    first = platform.client
    async with asyncio.timeout(20):
        # The platform tells nobody that it begins anew.
        while platform.client is first:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await server.start()
    await asyncio.wait_for(server.identified.wait(), 20)
    assert await _pushed(platform) == "101"
    await platform.stop()
