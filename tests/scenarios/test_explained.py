"""A decision explained by a local model, over sockets: facts first, and no word that the record does not bear out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.registry import Role
from tests.scenarios.conversation import Conversation
from tests.scenarios.on_telegram import telegram
from tests.scenarios.world import World
from tests.servers.ollama import Hang, OllamaServer, truthful

MODEL = "qwen3:0.6b"
"""The one the default preset names."""


@pytest.fixture
async def model() -> AsyncIterator[OllamaServer]:
    """Return a model server that tells the truth."""
    async with OllamaServer(MODEL) as server:
        yield server


@pytest.fixture
async def chat(tmp_path: Path, model: OllamaServer) -> AsyncIterator[tuple[World, Conversation]]:
    """Return an owner on Telegram whose bot has traded."""
    world = World(tmp_path, model.base_url)
    async with telegram(world) as conversation:
        world.let_in(conversation.identity, Role.OWNER)
        await conversation.say("/grid BTC/USDT 80000 100000 10 1000")
        await conversation.expect("Can be confirmed until")
        await conversation.tap("Start")
        await conversation.expect("started with")
        yield world, conversation


async def test_the_facts_come_first_and_the_explanation_follows(
    chat: tuple[World, Conversation], model: OllamaServer
) -> None:
    _world, conversation = chat
    model.answer_with(truthful)
    await conversation.say("/why 1")
    await conversation.expect("Knew:")
    await conversation.expect("the local model says:")


@pytest.mark.parametrize(
    "lie", ["It bought for 1000.01 USDT.", "It sold what it held.", "It bought DOGE for the grid."]
)
async def test_a_lie_is_dropped(chat: tuple[World, Conversation], model: OllamaServer, lie: str) -> None:
    world, conversation = chat
    model.answer_with(lambda _prompt: lie)
    # The start of the grid: an investment of 1000, nothing but buys, of BTC.
    first = world.app.desk.decisions(1, 10)[-1]
    await conversation.say(f"/why d{first.id}")
    await conversation.expect("Knew:")
    await _answered(model)
    await conversation.say("/status")
    await conversation.expect("Bots")
    assert not any("local model says" in seen.text for seen in await conversation.unread())


async def test_the_truth_about_the_same_record_is_told(chat: tuple[World, Conversation], model: OllamaServer) -> None:
    world, conversation = chat
    model.answer_with(lambda _prompt: "It bought BTC for a grid of 1000 USDT.")
    await conversation.say(f"/why d{world.app.desk.decisions(1, 10)[-1].id}")
    await conversation.expect("the local model says: It bought BTC for a grid of 1000 USDT.")


async def test_a_model_that_hangs_holds_nothing_up(chat: tuple[World, Conversation], model: OllamaServer) -> None:
    _world, conversation = chat
    model.answer_with(lambda _prompt: Hang())
    await conversation.say("/why 1")
    await conversation.expect("Knew:")
    await conversation.say("/status")
    await conversation.expect("Bots")


async def _answered(model: OllamaServer) -> None:
    async with asyncio.timeout(10):
        while not model.prompts:  # noqa: ASYNC110 - the server tells no event of ours
            await asyncio.sleep(0.005)
