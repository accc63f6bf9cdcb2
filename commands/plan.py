"""What you see is what runs: plans that are shown first, stored unchanged, and used at most once."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from commands.reply import Card, Reply
from data.events import Control
from data.values import HUNDRED, Millis
from engine.outcome import Outcome


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler intends, without having done any of it."""

    card: Card
    """What will happen, and the worst case."""
    controls: Callable[[str, str, Millis], tuple[Control, ...]]
    """Makes the controls from (plan id, by, at)."""
    receipt: Callable[[Sequence[Outcome]], Reply]
    """Says what came of them."""
    quote: dict[str, Decimal] = {}
    """Prices the plan rests on, by name; any of them moving too far asks again."""
    state: str = ""
    """Fingerprint of the state the plan rests on; any other asks again."""
    confirm_label: str = ""
    """Empty means *Confirm*."""
    danger: bool = False
    in_order: bool = False
    """Each control is asked for only when the one before was carried out."""
    act: Callable[[str], Awaitable[None]] | None = None
    """Done after the controls, with the plan's id, for what lies outside the engine, such as a person's role."""


Answer = Reply | tuple[Reply, ...] | Planned
"""What a handler may return."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it was shown: the command, its bound arguments, and what they rested on."""

    id: str
    person: str
    command: str
    arguments: dict[str, Any]
    quote: dict[str, Decimal]
    state: str
    at: Millis
    expires_at: Millis


class Gone(Enum):
    """Why there is no plan to confirm."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    DISCARDED = "discarded"
    FOREIGN = "foreign"


class _Entry(msgspec.Struct):
    plan: Stored
    code: str = ""
    wrong: int = 0


def new_plan_id() -> str:
    """Return eight letters and digits that nobody can guess."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


def new_code() -> str:
    """Return a one-time code of six digits."""
    return f"{secrets.randbelow(1_000_000):06}"


def moved(stored: Stored, planned: Planned, tolerance_percent: Decimal) -> bool:
    """Return whether a price of the plan moved beyond the tolerance since it was shown."""
    if stored.quote.keys() != planned.quote.keys():
        return True
    return any(
        abs(now - then) * HUNDRED > abs(then) * tolerance_percent
        for then, now in ((stored.quote[name], planned.quote[name]) for name in stored.quote)
    )


class Plans:
    """All plans that wait for a tap. In memory on purpose: after a restart every old button is stale."""

    def __init__(self, limit: int = 256, new_id: Callable[[], str] = new_plan_id) -> None:
        """Hold at most ``limit`` plans; the oldest gives way."""
        self._limit, self._new_id = limit, new_id
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._gone: OrderedDict[str, tuple[str, Gone]] = OrderedDict()

    def put(
        self, planned: Planned, *, person: str, command: str, arguments: dict[str, Any], now: Millis, lifetime: Millis
    ) -> Stored:
        """Keep a plan for ``lifetime`` milliseconds and give it an id."""
        stored = Stored(
            id=self._new_id(), person=person, command=command, arguments=dict(arguments),
            quote=dict(planned.quote), state=planned.state, at=now, expires_at=now + lifetime,
        )  # fmt: skip
        self._entries[stored.id] = _Entry(stored)
        while len(self._entries) > self._limit:
            self._end(next(iter(self._entries)), Gone.EXPIRED)
        return stored

    def look(self, plan: str, person: str, now: Millis) -> Stored | Gone:
        """Return a plan that ``person`` may confirm now, without using it up."""
        entry = self._entries.get(plan)
        if entry is None:
            owner, why = self._gone.get(plan, ("", Gone.UNKNOWN))
            return why if owner == person else Gone.UNKNOWN
        if entry.plan.person != person:
            return Gone.FOREIGN
        if entry.plan.expires_at <= now:
            self._end(plan, Gone.EXPIRED)
            return Gone.EXPIRED
        return entry.plan

    def take(self, plan: str, person: str, now: Millis, end: Gone = Gone.USED) -> Stored | Gone:
        """Return a plan and use it up, in one step: of two taps one gets it. ``end`` is what a later tap hears."""
        found = self.look(plan, person, now)
        if isinstance(found, Stored):
            self._end(plan, end)
        return found

    def challenge(self, plan: str, expires_at: Millis, code: str) -> None:
        """Bind a one-time code to a plan and let it wait until ``expires_at`` for it."""
        entry = self._entries[plan]
        entry.code, entry.plan = code, msgspec.structs.replace(entry.plan, expires_at=expires_at)

    def challenged(self, plan: str) -> bool:
        """Return whether a code was made for a plan."""
        return bool(self._entries[plan].code)

    def fits(self, plan: str, code: str, tries: int = 3) -> bool:
        """Return whether ``code`` is the plan's; the last wrong one of ``tries`` ends the plan."""
        entry = self._entries[plan]
        if entry.code and hmac.compare_digest(entry.code.encode(), code.strip().encode()):
            return True
        entry.wrong += 1
        if entry.wrong >= tries:
            self._end(plan, Gone.DISCARDED)
        return False

    def _end(self, plan: str, why: Gone) -> None:
        self._gone[plan] = (self._entries.pop(plan).plan.person, why)
        while len(self._gone) > 4 * self._limit:
            self._gone.popitem(last=False)
