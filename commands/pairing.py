"""How people get in: one-time codes, printed on the server for the first owner and handed out by owners later."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

import msgspec

from commands.authorise import identity
from commands.context import People, Person
from commands.registry import Role
from data.values import Millis
from engine.clock import Clock

LIFETIME: Millis = 600_000
"""How long a code works."""
TRIES = 5
"""Wrong codes one identity may send before it is locked out."""
LOCKED: Millis = 3_600_000
"""How long a lock lasts."""
TRIES_TOGETHER = 50
"""Wrong codes of all identities together after which every code is void: many accounts may guess at once."""
_REMEMBERED = 1000
_DIGITS = 8


class Refusal(Enum):
    """Why a code let nobody in."""

    WRONG = "wrong"
    JUST_LOCKED = "just_locked"
    """The last allowed try was wrong: the owner should hear of it."""
    LOCKED = "locked"


class _Code(msgspec.Struct, frozen=True):
    digits: str
    role: Role
    by: str
    expires_at: Millis


class _Tries(msgspec.Struct):
    wrong: int = 0
    locked_until: Millis = 0


def new_digits() -> str:
    """Return eight random digits."""
    return "".join(secrets.choice("0123456789") for _ in range(_DIGITS))


class Pairing:
    """All codes that work now. Kept in memory: after a restart a code is asked for again."""

    def __init__(
        self, clock: Clock, people: People, digits: Callable[[], str] = new_digits, lifetime: Millis = LIFETIME
    ) -> None:
        """Let people into ``people`` by codes made with ``digits`` that work for ``lifetime``."""
        self._clock, self._people, self._digits, self._lifetime = clock, people, digits, lifetime
        self._codes: list[_Code] = []
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._wrong_together = 0

    def first_code(self) -> str | None:
        """Return a new code for the first owner, or None while there is an owner or such a code still works."""
        now = self._clock.now()
        if any(each.role is Role.OWNER for each in self._people.all()):
            return None
        if any(each.role is Role.OWNER for each in self._live(now)):
            return None
        return self.invite(Role.OWNER, "")

    def invite(self, role: Role, by: str) -> str:
        """Return a new code for ``role``; it works once, for ten minutes. Raises ValueError for a stranger's role."""
        if role <= Role.STRANGER:
            raise ValueError(f"role: {role.name} is not viewer, trader or owner")
        now = self._clock.now()
        self._codes = self._live(now)
        if not self._codes:
            self._wrong_together = 0
        code = _Code(self._digits(), role, by, now + self._lifetime)
        self._codes.append(code)
        return code.digits

    def redeem(self, platform: str, user_id: str, name: str, code: str) -> Person | Refusal:
        """Let the sender in when ``code`` works, and remember them; the code is void from then on."""
        now, who = self._clock.now(), identity(platform, user_id)
        tries = self._tries_of(who)
        if tries.locked_until > now:
            return Refusal.LOCKED
        self._codes = self._live(now)
        # Every code is compared in full, so that the time taken says nothing about any of them.
        typed = code.strip().encode()
        fitting = [each for each in self._codes if hmac.compare_digest(each.digits.encode(), typed)]
        if not fitting:
            return self._wrong(tries, now)
        known = self._people.get(who)
        person = known or Person(id=who, name=name, role=Role.STRANGER, added_by=fitting[0].by)
        person = msgspec.structs.replace(person, name=name, role=max(person.role, fitting[0].role))
        self._people.put(person)
        self._codes.remove(fitting[0])
        self._tries.pop(who, None)
        return person

    def _live(self, now: Millis) -> list[_Code]:
        return [each for each in self._codes if each.expires_at > now]

    def _tries_of(self, who: str) -> _Tries:
        tries = self._tries.setdefault(who, _Tries())
        self._tries.move_to_end(who)
        while len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
        return tries

    def _wrong(self, tries: _Tries, now: Millis) -> Refusal:
        tries.wrong += 1
        self._wrong_together += 1
        if self._wrong_together >= TRIES_TOGETHER:
            self._codes, self._wrong_together = [], 0
        if tries.wrong < TRIES:
            return Refusal.WRONG
        tries.wrong, tries.locked_until = 0, now + LOCKED
        return Refusal.JUST_LOCKED
