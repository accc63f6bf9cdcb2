"""A person on Telegram, with the strict loopback server in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatbot.platforms.telegram.platform import TelegramPlatform
from commands.reply import Reply
from tests.scenarios.conversation import Reader, Seen
from tests.scenarios.world import World
from tests.servers.telegram import Message, TelegramServer

USER = 4711


class TelegramConversation(Reader):
    """Writes, taps and reads on a phone."""

    identity = f"telegram:{USER}"

    def __init__(self, world: World, server: TelegramServer) -> None:
        """Take a phone in hand."""
        self._world, self.server = world, server
        self._person = server.person(USER, "Ana")
        self.platform = TelegramPlatform(
            server.token, world.app.audience, world.clock, world.pictures, base_url=server.base_url,
            base_file_url=server.base_file_url, poll_seconds=5.0,
        )  # fmt: skip
        super().__init__()
        self._tapped = (0, "")

    async def say(self, line: str) -> None:
        """Write a message."""
        await self._person.say(line)

    async def tap(self, label: str) -> None:
        """Tap a button."""
        message, button = next(
            (message, button)
            for message in reversed(self._person.messages) for button in message.buttons if label in button.label
        )  # fmt: skip
        assert button.data is not None
        self._tapped = (message.message_id, button.data)
        await self.tap_again()

    async def tap_again(self) -> None:
        """Send the same tap."""
        await self._person.tap_data(*self._tapped)

    async def push(self, reply: Reply) -> None:
        """Have something sent."""
        await self.platform.send(self.identity, reply, silent=False)

    async def pass_time(self, seconds: int) -> None:
        """Turn the clock, which is the server's too."""
        self._world.clock.advance(seconds * 1000)

    def _look(self) -> None:
        self._inbox.messages += [_seen(each) for each in self._person.drain()]


def _seen(message: Message) -> Seen:
    return Seen(message.text, message.labels, message.photo)


@asynccontextmanager
async def telegram(world: World) -> AsyncIterator[TelegramConversation]:
    """Run ``world`` with a Telegram bot."""
    async with TelegramServer(now=lambda: world.clock.now() / 1000) as server:
        conversation = TelegramConversation(world, server)
        await world.app.start([conversation.platform])
        await world.app.ready.wait()
        await conversation.platform.ready()
        try:
            yield conversation
        finally:
            await world.app.stop()
