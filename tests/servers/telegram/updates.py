"""The queue behind getUpdates: long polling, offsets, one poller at a time."""

import asyncio
from collections.abc import Collection

from tests.servers.telegram.refusals import conflict
from tests.servers.telegram.words import JsonObject

FIRST_UPDATE = 700_001
MAX_TIMEOUT = 50
MAX_UPDATES = 100
# Sent only to a bot that asks for them by name.
_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}


class Updates:
    """Updates wait here until a getUpdates with a higher offset confirms them; then they are gone."""

    def __init__(self) -> None:
        self._next_id = FIRST_UPDATE
        self._pending: list[JsonObject] = []
        self._again: list[JsonObject] = []
        self._sent: dict[int, JsonObject] = {}
        self._allowed: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._poll = 0

    @property
    def pending(self) -> tuple[int, ...]:
        """The ids of all updates not confirmed yet."""
        return tuple(update["update_id"] for update in self._pending)

    def add(self, kind: str, body: JsonObject) -> int | None:
        """Queue an update and return its id, or None if the bot did not ask for this kind."""
        if kind not in self._allowed if self._allowed else kind in _ON_REQUEST:
            return None
        update_id, self._next_id = self._next_id, self._next_id + 1
        update: JsonObject = {"update_id": update_id, kind: body}
        self._pending.append(update)
        self._sent[update_id] = update
        self._wake()
        return update_id

    def replay(self, update_id: int) -> None:
        """Deliver an update once more, whatever the poller's offset says."""
        self._again.append(self._sent[update_id])
        self._wake()

    def allow(self, kinds: Collection[str]) -> None:
        """Queue from now on only these kinds; none given means the usual ones."""
        self._allowed = frozenset(kinds)

    def drop(self) -> None:
        """Forget everything pending."""
        self._pending.clear()

    async def poll(self, offset: int, limit: int, seconds: float) -> list[JsonObject]:
        """Wait for updates from the offset on; a newer poll ends this one with a conflict."""
        self._poll += 1
        mine = self._poll
        self._wake()
        self._confirm(offset)
        try:
            async with asyncio.timeout(min(max(seconds, 0), MAX_TIMEOUT)):
                while not self._pending and not self._again:
                    changed = self._changed
                    await changed.wait()
                    if mine != self._poll:
                        raise conflict()
        except TimeoutError:
            return []
        return self._take(limit if 1 <= limit <= MAX_UPDATES else MAX_UPDATES)

    def _take(self, limit: int) -> list[JsonObject]:
        again, self._again = self._again, []
        batch = {update["update_id"]: update for update in [*again, *self._pending]}
        return [batch[update_id] for update_id in sorted(batch)][:limit]

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self._pending = self._pending[offset:]
        elif offset:
            self._pending = [update for update in self._pending if update["update_id"] >= offset]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
