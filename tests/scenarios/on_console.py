"""A person at the server's own console."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import tzinfo
from pathlib import Path

import msgspec

from chatbot.platforms.console.platform import IDENTITY, ConsolePlatform
from chatbot.platforms.console.screen import Screen
from commands.reply import Button, Reply
from tests.scenarios.conversation import Reader, Seen
from tests.scenarios.world import World


class RecordedScreen(Screen):
    """A screen that remembers what was printed, reply by reply."""

    def __init__(self) -> None:
        """Print into memory."""
        self.output = io.StringIO()
        super().__init__(self.output, colour=False)
        self.replies: list[Seen] = []

    def show(self, reply: Reply, zone: tzinfo, *, first_number: int | None) -> tuple[Button, ...]:
        """Print a reply and remember it."""
        before = len(self.output.getvalue())
        buttons = super().show(reply, zone, first_number=first_number)
        self.replies.append(Seen(self.output.getvalue()[before:], tuple(each.label for each in buttons)))
        return buttons

    def say(self, text: str, style: str = "") -> None:
        """Print a line; the path of a picture belongs to the reply above it."""
        super().say(text, style)
        if text.endswith(".png"):
            self.replies[-1] = msgspec.structs.replace(self.replies[-1], picture=Path(text).read_bytes())


class ConsoleConversation(Reader):
    """Types lines, presses numbers, reads the screen."""

    identity = IDENTITY

    def __init__(self, world: World) -> None:
        """Sit down at a console of ``world``."""
        self._world = world
        self._screen = RecordedScreen()
        self.platform = ConsolePlatform(
            audience=world.app.audience, pictures=world.pictures, clock=world.clock, charts=world.folders.charts,
            screen=self._screen,
        )  # fmt: skip
        super().__init__()
        self._tapped = ""

    async def say(self, line: str) -> None:
        """Type a line."""
        await self.platform.say(line)

    async def tap(self, label: str) -> None:
        """Type the number of a button."""
        self._tapped = next(each.line for each in self.platform.buttons if label in each.label)
        await self.platform.choose(label)

    async def tap_again(self) -> None:
        """Type what the number stood for."""
        await self.platform.say(self._tapped)

    async def push(self, reply: Reply) -> None:
        """Print something."""
        await self.platform.send(self.identity, reply, silent=False)

    async def pass_time(self, seconds: int) -> None:
        """Turn the clock."""
        self._world.clock.advance(seconds * 1000)

    def _look(self) -> None:
        self._inbox.messages += self._screen.replies
        self._screen.replies = []


@asynccontextmanager
async def console(world: World) -> AsyncIterator[ConsoleConversation]:
    """Run ``world`` with a console."""
    conversation = ConsoleConversation(world)
    await world.app.start([conversation.platform])
    await world.app.ready.wait()
    try:
        yield conversation
    finally:
        await world.app.stop()
