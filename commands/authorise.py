"""Who may do what: identity to role, deny by default, and every doubt is a no."""

from __future__ import annotations

import logging

import msgspec

from commands.context import People, Person
from commands.registry import Command, Registry, Role, Tier
from commands.reply import Button, Chart, Proposal, Reply
from config.language import _
from data.values import Millis

FLOOR = {Tier.READ: Role.VIEWER, Tier.REVERSIBLE: Role.VIEWER, Tier.MONEY: Role.TRADER, Tier.RISK: Role.TRADER}
"""The least role of each tier, whatever a command declares."""

_log = logging.getLogger(__name__)


def identity(platform: str, user_id: str) -> str:
    """Return ``platform:user id``, the only thing a role hangs on: display names can be changed by their owner."""
    return f"{platform}:{user_id}"


def recognise(people: People, platform: str, user_id: str) -> Person | None:
    """Return the person behind an identity; None for a stranger and when the answer is in any doubt."""
    asked = identity(platform, user_id)
    if not platform or not user_id:
        return None
    try:
        person = people.get(asked)
    except Exception:
        _log.exception("people cannot be read; everybody is a stranger")
        return None
    if person is None or person.id != asked or person.role <= Role.STRANGER:
        return None
    return person


def needed(command: Command) -> Role:
    """Return the least role that may run a command."""
    return max(command.role, FLOOR[command.tier])


def allowed(person: Person | None, command: Command) -> bool:
    """Return whether ``person`` may run ``command``."""
    return person is not None and person.role >= needed(command)


def needed_words(command: Command) -> str:
    """Say who may run a command."""
    role = needed(command)
    name = role.name.lower()
    return name if role is max(Role) else _("{role} or more").format(role=name)


def offered(reply: Reply, person: Person, registry: Registry) -> Reply:
    """Return ``reply`` without buttons for commands that ``person`` may not run."""

    def usable(button: Button) -> bool:
        found = registry.get(button.line.removeprefix("/").partition(" ")[0])
        return found is None or allowed(person, found)

    if isinstance(reply, Chart):
        caption = msgspec.structs.replace(reply.caption, buttons=tuple(filter(usable, reply.caption.buttons)))
        return msgspec.structs.replace(reply, caption=caption)
    if isinstance(reply, Proposal):
        return reply
    return msgspec.structs.replace(reply, buttons=tuple(filter(usable, reply.buttons)))


class Patience:
    """Answers each stranger a few times, and all of them together a few times more, in a window of time."""

    def __init__(self, *, each: int = 5, together: int = 30, window: Millis = 600_000) -> None:
        """Allow ``each`` answers to one identity and ``together`` to all per ``window`` milliseconds."""
        self._each, self._together, self._window = each, together, window
        self._answers: list[tuple[Millis, str]] = []

    def spend(self, who: str, now: Millis) -> bool:
        """Return whether ``who`` may be answered now, and count it if so."""
        self._answers = [(at, each) for at, each in self._answers if now - at < self._window]
        mine = sum(each == who for _, each in self._answers)
        if mine >= self._each or len(self._answers) >= self._together:
            return False
        self._answers.append((now, who))
        return True
