"""A running Telegram platform with the real commands, and one whose few commands obey the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.chatbot.platforms.telegram.room import QuickClock, Room, new_room, seconds_of
from tests.commands.worlds import NOW
from tests.servers.telegram import TelegramServer


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    clock = QuickClock(NOW)
    async with TelegramServer(now=seconds_of(clock)) as server:
        room = new_room(server, clock)
        await room.start()
        yield room
        await room.platform.stop()


@pytest_asyncio.fixture
async def small() -> AsyncIterator[Room]:
    """A room whose few commands do as the test says."""
    clock = QuickClock(NOW)
    async with TelegramServer(now=seconds_of(clock)) as server:
        room = new_room(server, clock, None)
        await room.start()
        yield room
        await room.platform.stop()
