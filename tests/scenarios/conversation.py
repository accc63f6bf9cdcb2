"""What a person can do in any chat, and the patience of a test."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from commands.reply import Reply

PATIENCE = 10.0
"""Real seconds after which something that should have happened counts as missing."""
T = TypeVar("T")


class Seen(msgspec.Struct, frozen=True):
    """One message as it stands on the person's screen, markup gone."""

    text: str
    labels: tuple[str, ...] = ()
    picture: bytes | None = None


class Conversation(Protocol):
    """One person in one chat."""

    @property
    def identity(self) -> str:
        """Return who the person is to the engine."""

    async def say(self, line: str) -> None:
        """Send a command line in the way of this chat."""

    async def tap(self, label: str) -> None:
        """Tap the newest button whose label has ``label`` in it."""

    async def tap_again(self) -> None:
        """Send the last tap once more, as a nervous finger does before the screen has changed."""

    async def expect(self, text: str) -> Seen:
        """Wait for a message or an edit with ``text`` in it that was not expected before."""

    async def expect_all(self, last: str) -> str:
        """Wait for a message with ``last`` in it and return everything unread up to it, in order."""

    async def unread(self) -> tuple[Seen, ...]:
        """Return what has arrived by now and was not expected."""

    async def push(self, reply: Reply) -> None:
        """Have the platform send something that nobody asked for."""

    async def pass_time(self, seconds: int) -> None:
        """Let this much time pass on every clock there is."""


class Inbox:
    """Messages in the order of their arrival, each taken at most once."""

    def __init__(self) -> None:
        """Begin empty."""
        self.messages: list[Seen] = []

    def take(self, text: str) -> Seen | None:
        """Take the first message with ``text`` in it."""
        found = next((each for each in self.messages if text in each.text), None)
        if found is not None:
            self.messages.remove(found)
        return found

    def take_all(self, last: str) -> str | None:
        """Take everything up to a message with ``last``."""
        at = next((at for at, each in enumerate(self.messages) if last in each.text), None)
        if at is None:
            return None
        taken, self.messages = self.messages[: at + 1], self.messages[at + 1 :]
        return "\n".join(each.text for each in taken)


async def until(look: Callable[[], T | None], missing: Callable[[], str]) -> T:
    """Return what ``look`` finds, as soon as it finds anything."""
    try:
        async with asyncio.timeout(PATIENCE):
            # What is waited for happens on the far side of a socket or of a simulation, which tell no event of ours.
            while (found := look()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            return found
    except TimeoutError:
        raise AssertionError(missing()) from None


class Reader(ABC):
    """The reading half of a conversation, the same wherever the messages come from."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._inbox = Inbox()

    async def expect(self, text: str) -> Seen:
        """Look until ``text`` is there."""

        def look() -> Seen | None:
            self._look()
            return self._inbox.take(text)

        return await until(look, lambda: f"no {text!r}; there is {[each.text for each in self._inbox.messages]}")

    async def expect_all(self, last: str) -> str:
        """Look until ``last`` is there and return everything up to it."""

        def look() -> str | None:
            self._look()
            return self._inbox.take_all(last)

        return await until(look, lambda: f"nothing ends with {last!r}")

    async def unread(self) -> tuple[Seen, ...]:
        """Return what is there and was not expected."""
        self._look()
        return tuple(self._inbox.messages)

    @abstractmethod
    def _look(self) -> None:
        """Put what has arrived since the last look into the inbox."""
