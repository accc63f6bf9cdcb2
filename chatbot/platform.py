"""What every chat is to the rest: start it with a dispatcher, send to a recipient, stop it.

SendError
├── SendRetry      the chat asks for patience; ``after_seconds`` says for how long
├── SendFailed     nobody knows whether it arrived; worth another try
└── SendRefused    this message will never arrive there; ``reason`` says why
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from commands.authorise import recognise
from commands.context import People, Person
from commands.dispatch import Dispatcher
from commands.registry import Registry, Role
from commands.reply import GridPicture, PnlSeries, Reply
from config.schema import Settings
from config.secrets import Secrets
from config.service import Chat
from engine.clock import Clock


class SendError(Exception):
    """A message did not go out."""


class SendRetry(SendError):
    """The platform asks to wait ``after_seconds`` before the next message to this chat."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__(f"the chat asks to wait {after_seconds:g} s")
        self.after_seconds = after_seconds


class SendFailed(SendError):
    """The platform was not reached or broke; the message may be sent again."""


class SendRefused(SendError):
    """The message can never be delivered, for example because the person blocked the bot."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Platform(Protocol):
    """One chat. It carries lines to the dispatcher and replies back; it knows no trading."""

    @property
    def name(self) -> str:
        """Return the first half of every identity and recipient, such as ``telegram``."""

    async def start(self, dispatcher: Dispatcher) -> None:
        """Begin to listen in the background and return at once, also when the service cannot be reached yet."""

    async def stop(self) -> None:
        """Stop listening, let what is being answered finish, and close every connection."""

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Send ``reply`` to ``platform:chat id`` and return a receipt. Raises ``SendError``."""


class Pictures(Protocol):
    """Draws charts; the renderer of `chatbot.charts` is one."""

    async def png(self, picture: PnlSeries | GridPicture) -> bytes:
        """Return the PNG of ``picture``. Raises ``ChartFailed``."""


class Outfit(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform may be built with; ``build(outfit)`` of its module returns it, or None when it is not wanted."""

    settings: Settings
    secrets: Secrets
    clock: Clock
    audience: Audience
    pictures: Pictures
    registry: Registry
    charts: Path
    """Folder for pictures that only the server can show."""
    interactive: bool
    """Whether somebody can type at the terminal."""


class Audience:
    """The people of every platform, and how each wants to be spoken to."""

    def __init__(self, people: People, chat: Chat) -> None:
        """Read from ``people``; who did not choose language and zone gets those of ``chat``."""
        self._people, self._chat = people, chat

    def person(self, platform: str, user_id: str) -> Person | None:
        """Return the person behind an identity, or None for a stranger."""
        return recognise(self._people, platform, user_id)

    def of(self, platform: str, role: Role = Role.VIEWER) -> Sequence[Person]:
        """Return everybody of a platform with ``role`` or more, oldest first."""
        return [each for each in self._people.all() if each.platform == platform and each.role >= role]

    def locale(self, person: Person | None) -> str:
        """Return the language to speak."""
        return (person.locale if person else "") or self._chat.locale

    def zone(self, person: Person | None) -> tzinfo:
        """Return the time zone to write times in; the configured one when theirs is not known."""
        try:
            return ZoneInfo(person.time_zone) if person and person.time_zone else self._chat.zone
        except (KeyError, ValueError, OSError):
            return self._chat.zone


def chat_of(recipient: str, platform: str) -> str:
    """Return the chat id of ``platform:chat id``. Raises SendRefused when it is of another platform."""
    name, _colon, chat = recipient.partition(":")
    if name != platform or not chat:
        raise SendRefused(f"recipient: {recipient!r} is not of {platform}; accepted: {platform}:chat id")
    return chat
