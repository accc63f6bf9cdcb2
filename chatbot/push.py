"""Notices on their way to people: durable, merged while they wait, and never at the pace of the slowest chat."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from chatbot.platform import Audience, Platform, SendError, SendFailed, SendRefused, SendRetry
from commands.message import Lane, Notice, Preview
from commands.registry import Role
from commands.reply import Card, Reply
from config.language import _
from data.database import StorageError
from data.outbox import Outbox, OutboxRow
from data.values import Millis
from engine.clock import Clock

_HOUR: Millis = 3_600_000
LIFETIMES: dict[Lane, Millis] = {
    Lane.CRITICAL: 7 * 24 * _HOUR, Lane.REPLY: 6 * _HOUR, Lane.TRADE: 6 * _HOUR, Lane.DIGEST: 24 * _HOUR
}  # fmt: skip
"""How long a message of each lane is worth sending."""
BURST = 3
INTERVAL: Millis = 1000
"""One message per chat in this time, after a burst."""
SEND_SECONDS = 60.0
_LONGEST_BACK_OFF_SECONDS = 300.0
_STORAGE_SECONDS = 5.0
_CRASHES = 3
_TITLES = 15
_log = logging.getLogger(__name__)

Illustrate = Callable[[Card, Preview], Awaitable[Reply]]
"""Puts a picture of what a preview asks for above a card, or says on the card why there is none."""


class Parcel(msgspec.Struct, frozen=True):
    """What is kept of one message: a notice, or several that became one while they waited."""

    card: Card
    digest: str = ""
    titles: tuple[str, ...] = ()
    """Of everything in it, oldest first; the oldest ones of many are only counted."""
    count: int = 1
    preview: Preview | None = None

    def merged(self, newer: Parcel) -> Parcel:
        """Return one parcel that stands for both."""
        titles = (*self.titles, *newer.titles)[-_TITLES:]
        return Parcel(newer.card, newer.digest, titles, self.count + newer.count, newer.preview)

    def reply(self) -> Card:
        """Return what is shown."""
        if self.count == 1 or not self.digest:
            return self.card
        earlier = self.count - len(self.titles)
        lines = [_("and {n} before").format(n=earlier)] if earlier else []
        return Card(
            title=self.digest.replace("{n}", str(self.count)), fields=(), mode=self.card.mode,
            note="\n".join([*reversed(self.titles), *lines]), buttons=self.card.buttons,
        )  # fmt: skip


class _Chat:
    """The pace of one recipient."""

    def __init__(self, now: Millis) -> None:
        self.wake = asyncio.Event()
        self.failures = 0
        self._seen = now
        self._until: Millis = 0
        self._allowed_at = now - BURST * INTERVAL

    def set_back(self, now: Millis) -> Millis:
        """Return by how much the clock was set back since the last look, and wait no longer for it; mostly 0."""
        by, self._seen = max(0, self._seen - now), now
        self._until -= by
        self._allowed_at -= by
        return by

    def wait(self, now: Millis) -> Millis:
        """Return how long the next message must wait."""
        return max(self._until, self._allowed_at + INTERVAL, now) - now

    def spend(self, now: Millis) -> None:
        """Count one message."""
        self._allowed_at = max(self._allowed_at + INTERVAL, now - (BURST - 1) * INTERVAL)

    def hold(self, until: Millis) -> None:
        """Send nothing before ``until``."""
        self._until = max(self._until, until)


class Pusher:
    """Pushes notices to everybody who should hear them, each chat at its own pace."""

    def __init__(self, outbox: Outbox, audience: Audience, clock: Clock, illustrate: Illustrate | None = None) -> None:
        """Keep messages in ``outbox`` until the people of ``audience`` have them; ``illustrate`` those that ask."""
        self._outbox, self._audience, self._clock, self._illustrate = outbox, audience, clock, illustrate
        self._platforms: dict[str, Platform] = {}
        self._early: list[tuple[Notice, Role]] = []
        self._chats: dict[str, _Chat] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._in_flight: set[int] = set()
        self._started = False

    async def start(self, platforms: Sequence[Platform]) -> None:
        """Deliver through ``platforms`` from now on, first what an earlier run left."""
        self._platforms = {each.name: each for each in platforms}
        self._started = True
        self._outbox.expire(self._clock.now())
        for recipient in dict.fromkeys(each.recipient for each in self._outbox.pending()):
            self._serve(recipient)
        early, self._early = self._early, []
        for notice, role in early:
            self.push((notice,), role)

    async def stop(self) -> None:
        """Stop delivering; what waits stays in the outbox for the next start."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._started = False

    def push(self, notices: Iterable[Notice], role: Role = Role.VIEWER) -> None:
        """Keep ``notices`` for everybody with ``role`` or more; returns as soon as they are written down."""
        for notice in notices:
            if not self._started:
                self._early.append((notice, role))
                continue
            try:
                self._spread(notice, role)
            except Exception:
                # Trading goes on although nobody can be told.
                _log.exception("a notice is lost: %s", notice.card.title)

    def _spread(self, notice: Notice, role: Role) -> None:
        for platform in self._platforms:
            for person in self._audience.of(platform, role):
                if person.id != notice.by:
                    self._put(person.id, notice)

    def _put(self, recipient: str, notice: Notice) -> None:
        parcel = Parcel(notice.card, notice.digest, (notice.card.title,), preview=notice.preview)
        waiting = self._outbox.pending(recipient, notice.key) if notice.key else []
        mergeable = [each for each in waiting if self._takes(each, notice)]
        old = _opened(mergeable[-1]) if mergeable else None
        # What they become is told where the newest of them belongs: of a pause and what went before, the pause is last.
        if old is None or self._outbox.replace(mergeable[-1].id, _encoded(old.merged(parcel)), notice.at) is None:
            self._outbox.put(
                recipient=recipient, lane=int(notice.lane), key=notice.key, at=notice.at, body=_encoded(parcel),
                silent=notice.silent, expires_at=self._clock.now() + LIFETIMES[notice.lane],
            )  # fmt: skip
        self._serve(recipient)

    def _takes(self, row: OutboxRow, notice: Notice) -> bool:
        # News must not expire with the old news it was put to, nor be told again with what is on its way.
        worth = LIFETIMES[notice.lane] // 2
        lasts = row.expires_at is None or row.expires_at - self._clock.now() > worth
        return lasts and row.lane == notice.lane and row.id not in self._in_flight

    def _serve(self, recipient: str) -> None:
        platform = self._platforms.get(recipient.partition(":")[0])
        if platform is None:
            return
        if recipient not in self._chats:
            self._chats[recipient] = _Chat(self._clock.now())
        if recipient not in self._tasks or self._tasks[recipient].done():
            work = self._deliver_to(recipient, platform, self._chats[recipient])
            self._tasks[recipient] = asyncio.create_task(work, name=f"push {recipient}")
        self._chats[recipient].wake.set()

    async def _deliver_to(self, recipient: str, platform: Platform, chat: _Chat) -> None:
        while True:
            try:
                await self._next(recipient, platform, chat)
            except StorageError as error:
                _log.error("the outbox cannot be used: %s", error)
                await self._clock.sleep(_STORAGE_SECONDS)

    async def _next(self, recipient: str, platform: Platform, chat: _Chat) -> None:
        chat.wake.clear()
        now = self._clock.now()
        if (by := chat.set_back(now)) > 0:
            self._outbox.hasten(recipient, by)
        self._outbox.expire(now)
        waiting = self._outbox.pending(recipient)
        due = [each for each in waiting if each.not_before <= now]
        pace = chat.wait(now)
        if due and not pace:
            chat.spend(now)
            await self._deliver(due[0], platform, chat)
        elif waiting:
            await self._pause(chat, max(pace, min(each.not_before for each in waiting) - now))
        else:
            await chat.wake.wait()

    async def _pause(self, chat: _Chat, millis: Millis) -> None:
        # Something more urgent may come while we wait, so what is sent is chosen anew afterwards.
        either = [
            asyncio.ensure_future(self._clock.sleep(millis / 1000)),
            asyncio.ensure_future(chat.wake.wait()),
        ]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in either:
                each.cancel()
            await asyncio.gather(*either, return_exceptions=True)

    async def _deliver(self, row: OutboxRow, platform: Platform, chat: _Chat) -> None:
        parcel = _opened(row)
        name, _colon, user = row.recipient.partition(":")
        if parcel is None or self._audience.person(name, user) is None:
            # Who was removed meanwhile hears nothing more, not even what was written before.
            self._outbox.drop(row.id, "unreadable" if parcel is None else "unknown person", self._clock.now())
            return
        self._in_flight.add(row.id)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                receipt = await platform.send(row.recipient, await self._shown(parcel), row.silent)
        except TimeoutError:
            self._failed(row, chat, SendFailed(f"no answer within {SEND_SECONDS:g} s"))
        except SendError as error:
            self._failed(row, chat, error)
        except Exception as error:
            self._broke(row, error)
        else:
            chat.failures = 0
            self._outbox.done(row.id, receipt, self._clock.now())
        finally:
            self._in_flight.discard(row.id)

    async def _shown(self, parcel: Parcel) -> Reply:
        card = parcel.reply()
        if parcel.preview is None or self._illustrate is None:
            return card
        try:
            return await self._illustrate(card, parcel.preview)
        except Exception:
            # Words that nobody gets for want of a picture would be worse.
            _log.exception("a message goes without its picture: %s", card.title)
            return card

    def _failed(self, row: OutboxRow, chat: _Chat, error: SendError) -> None:
        now = self._clock.now()
        if isinstance(error, SendRefused):
            _log.warning("a message to %s was refused for good: %s", row.recipient, error.reason)
            self._outbox.drop(row.id, error.reason, now)
            return
        seconds = error.after_seconds if isinstance(error, SendRetry) else _back_off(chat.failures)
        if not chat.failures:
            _log.warning("%s cannot be reached: %s", row.recipient, error)
        chat.failures += 1
        until = now + round(seconds * 1000)
        chat.hold(until)
        self._outbox.retry(row.id, until)

    def _broke(self, row: OutboxRow, error: Exception) -> None:
        # A message that breaks its platform must not keep the others of the chat waiting for ever.
        _log.error("a message to %s could not be sent", row.recipient, exc_info=error)
        now = self._clock.now()
        if row.attempts + 1 >= _CRASHES:
            self._outbox.drop(row.id, f"broke: {type(error).__name__}", now)
        else:
            self._outbox.retry(row.id, now + round(_back_off(row.attempts) * 1000))


def _back_off(failures: int) -> float:
    most = min(_LONGEST_BACK_OFF_SECONDS, 2.0 ** min(failures, 16))
    return most * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def _encoded(parcel: Parcel) -> bytes:
    return msgspec.json.encode(parcel)


def _opened(row: OutboxRow) -> Parcel | None:
    try:
        return msgspec.json.decode(row.body, type=Parcel)
    except msgspec.MsgspecError:
        return None
