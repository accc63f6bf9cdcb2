"""A person at the server's own console."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chatbot.platforms.console.platform import IDENTITY, ConsolePlatform
from chatbot.platforms.console.screen import PROMPT, Screen
from commands.reply import Reply
from tests.scenarios.conversation import Inbox, Seen, until
from tests.scenarios.world import World

_NUMBERED = re.compile(r"\[\d+\] (.+?)(?=   \[|$)")


class ConsoleConversation:
    """Types lines, presses numbers, reads the screen."""

    identity = IDENTITY

    def __init__(self, world: World) -> None:
        """Sit down at a console of ``world``."""
        self._world = world
        self._output = io.StringIO()
        self.platform = ConsolePlatform(
            audience=world.app.audience, pictures=world.pictures, clock=world.clock, charts=world.folders.charts,
            screen=Screen(self._output, colour=False),
        )  # fmt: skip
        self._read = 0
        self._inbox = Inbox()
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

    async def expect(self, text: str) -> Seen:
        """Read the screen until ``text`` is there."""

        def look() -> Seen | None:
            self._look()
            return self._inbox.take(text)

        return await until(look, lambda: f"no {text!r}; the screen shows {self._output.getvalue()}")

    async def expect_all(self, last: str) -> str:
        """Read the screen until ``last`` is there."""

        def look() -> str | None:
            self._look()
            return self._inbox.take_all(last)

        return await until(look, lambda: f"nothing ends with {last!r}")

    async def unread(self) -> tuple[Seen, ...]:
        """Read the screen."""
        self._look()
        return tuple(self._inbox.messages)

    async def push(self, reply: Reply) -> None:
        """Print something."""
        await self.platform.send(self.identity, reply, silent=False)

    async def pass_time(self, seconds: int) -> None:
        """Turn the clock."""
        self._world.clock.advance(seconds * 1000)

    def _look(self) -> None:
        new = self._output.getvalue()[self._read :]
        self._read += len(new)
        own = [line for line in new.splitlines() if not line.startswith(PROMPT)]
        if not own:
            return
        files = [Path(line) for line in own if line.endswith(".png")]
        labels = tuple(label for line in own for label in _NUMBERED.findall(line))
        picture = files[-1].read_bytes() if files else None
        self._inbox.messages.append(Seen("\n".join(own), labels, picture))


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
