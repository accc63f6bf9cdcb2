"""Every story is told on every platform."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.scenarios.conversation import Conversation
from tests.scenarios.on_console import console
from tests.scenarios.on_discord import on_discord
from tests.scenarios.on_telegram import telegram
from tests.scenarios.world import World

PLATFORMS: dict[str, Callable[[World], AbstractAsyncContextManager[Conversation]]] = {
    "console": console,
    "telegram": telegram,
    "discord": on_discord,
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a fresh Batuta."""
    return World(tmp_path)


@pytest.fixture(params=PLATFORMS)
async def chat(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Conversation]:
    """Return a person in a chat with ``world``, still a stranger."""
    async with PLATFORMS[request.param](world) as conversation:
        yield conversation
