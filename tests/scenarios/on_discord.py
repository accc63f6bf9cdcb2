"""A person on Discord: the real client, with Discord itself simulated in this process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import simcord
from pydantic import SecretStr
from simcord.actors import _component_interaction

from chatbot.platforms.discord.client import Client
from chatbot.platforms.discord.platform import DiscordPlatform
from commands.complete import Choice
from commands.context import Person
from commands.dispatch import Dispatcher, Request
from commands.parse import Line, assign, split
from commands.registry import Command, ParameterKind
from commands.reply import Reply
from tests.scenarios.conversation import Reader, Seen
from tests.scenarios.world import World

_MARKUP = re.compile(r"\*\*|```\n?|\\(?=[^\w\s])")
SETTLE_SECONDS = 30.0


class DiscordConversation(Reader):
    """Uses slash commands and buttons in the private chat with the bot."""

    def __init__(self, world: World, env: Any, platform: DiscordPlatform) -> None:
        """Open the private chat."""
        self._world, self._env, self.platform = world, env, platform
        self.user = env.create_user("ana")
        self.identity = f"discord:{self.user.id}"
        self._shown: dict[int, Seen] = {}
        super().__init__()
        self._tapped: tuple[Any, str | None] = (None, None)

    async def say(self, line: str) -> None:
        """Fill in a slash command; what is none is sent as a message."""
        taken = split(line)
        command = self._world.app.registry.get(taken.name) if isinstance(taken, Line) else None
        if command is None or not isinstance(taken, Line) or not line.startswith("/"):
            await self.user.send_dm(line)
            return
        raw = assign(command, taken.words)
        assert isinstance(raw, dict), f"Discord cannot send {line!r}"
        kinds = {each.name: each.kind for each in command.parameters}
        await self.user.slash(command.name, **{name: _typed(kinds[name], text) for name, text in raw.items()})

    async def tap(self, label: str) -> None:
        """Click a button."""
        message, custom_id = next(
            (message, each.custom_id)
            for message in reversed(self._history()) for each in _buttons(message) if label in (each.label or "")
        )  # fmt: skip
        self._tapped = (message, custom_id)
        await self.user.click(message, custom_id=custom_id)

    async def tap_again(self) -> None:
        """Click once more on what the screen showed before."""
        message, custom_id = self._tapped
        stored = self._env.backend.get_message(self.user.dm_channel.id, message.id)
        await _component_interaction(self.user, stored, {"custom_id": custom_id, "component_type": 2})

    async def push(self, reply: Reply) -> None:
        """Have something sent."""
        await self.platform.send(self.identity, reply, silent=False)

    async def pass_time(self, seconds: int) -> None:
        """Turn both clocks."""
        self._world.clock.advance(seconds * 1000)
        await self._env.advance_time(seconds)

    def _history(self) -> list[discord.Message]:
        found: list[discord.Message] = self.user.dm_channel.history()
        return [each for each in found if each.author.id != self.user.id]

    def _look(self) -> None:
        for each in self._history():
            seen = _seen(each, self._env)
            if seen.text.strip() and self._shown.get(each.id) != seen:
                self._shown[each.id] = seen
                self._inbox.messages.append(seen)


def _typed(kind: ParameterKind, text: str) -> str | int | bool:
    if kind is ParameterKind.INTEGER:
        return int(text)
    return text == "yes" if kind is ParameterKind.FLAG else text


def _buttons(message: discord.Message) -> list[discord.Button]:
    return [
        each for row in message.components if isinstance(row, discord.ActionRow)
        for each in row.children if isinstance(each, discord.Button)
    ]  # fmt: skip


def _seen(message: discord.Message, env: Any) -> Seen:
    lines = [message.content]
    for each in message.embeds:
        fields = [f"{field.name}: {field.value}" for field in each.fields]
        lines += [each.title or "", each.description or "", *fields, each.footer.text or ""]
    labels = tuple(str(each.label) for each in _buttons(message))
    files = [env.backend.cdn.get(each.url) for each in message.attachments]
    return Seen(_MARKUP.sub("", "\n".join(line for line in lines if line)), labels, files[0] if files else None)


class Relay(Dispatcher):
    """A dispatcher beside the simulation, which would wait for what the engine begins, and some never ends."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Hand every request to ``dispatcher``, one after the other."""
        self._dispatcher = dispatcher
        self._requests: asyncio.Queue[tuple[Request, asyncio.Future[tuple[Reply, ...]]]] = asyncio.Queue()
        self._task = asyncio.create_task(self._work(), name="relay")

    async def handle(self, request: Request) -> tuple[Reply, ...]:
        """Answer one request."""
        answer: asyncio.Future[tuple[Reply, ...]] = asyncio.get_running_loop().create_future()
        self._requests.put_nowait((request, answer))
        return await answer

    async def complete(self, request: Request, command: str, parameter: str, prefix: str) -> tuple[Choice, ...]:
        """Return suggestions."""
        return await self._dispatcher.complete(request, command, parameter, prefix)

    def visible(self, person: Person | None) -> tuple[Command, ...]:
        """Return the commands of menus."""
        return self._dispatcher.visible(person)

    async def close(self) -> None:
        """End."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _work(self) -> None:
        while True:
            request, answer = await self._requests.get()
            answer.set_result(await self._dispatcher.handle(request))


class RelayedPlatform:
    """Discord, answered through a relay."""

    name = "discord"

    def __init__(self, platform: DiscordPlatform) -> None:
        """Stand in front of ``platform``."""
        self._platform = platform
        self._relay: Relay | None = None

    async def start(self, dispatcher: Dispatcher) -> None:
        """Start both."""
        self._relay = Relay(dispatcher)
        await self._platform.start(self._relay)

    async def stop(self) -> None:
        """Stop both."""
        await self._platform.stop()
        if self._relay is not None:
            await self._relay.close()

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Send as Discord does."""
        return await self._platform.send(recipient, reply, silent)


async def _wait_for_the_end(_client: Client) -> None:
    await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def on_discord(world: World) -> AsyncIterator[DiscordConversation]:
    """Run ``world`` with a Discord bot."""
    app = world.app
    platform = DiscordPlatform(
        SecretStr("no-token"), registry=app.registry, audience=app.audience, pictures=world.pictures,
        clock=world.clock, connect=_wait_for_the_end,
    )  # fmt: skip
    await app.start([RelayedPlatform(platform)])
    await app.ready.wait()
    assert platform.client is not None
    # Not ``simcord.run``: set-up and tear-down of a fixture are tasks of their own, and it wants to be one.
    env = simcord.Env(platform.client, settle_timeout=SETTLE_SECONDS)
    await env.start()
    try:
        yield DiscordConversation(world, env, platform)
        env.raise_errors()
    finally:
        await env.shutdown()
        await app.stop()
