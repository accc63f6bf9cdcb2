"""The cache: an answer fresh from memory, or one question in flight however many wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from data.cache.entries import EXPECTED, Entry, Ledger
from data.cache.flights import Flight, Flights
from data.cache.foresight import Foresight, State
from data.cache.ghosts import Ghosts
from data.cache.habits import Habit
from data.cache.metrics import CacheMetrics, summed
from data.cache.sequences import Sequences
from data.cache.shelf import Shelf
from data.cache.sizing import size_of
from data.cache.words import Answer, Key, Kind, Record, T, UnknownKind
from data.values import Millis

_BOOKKEEPING = 32
"""One part in so many of the bytes is for the habits of keys that are not in memory, and another for predictions."""
_MOST_BOOKKEEPING = 4 << 20


class Cache:
    """Answers of an exchange, for one event loop.

    Nothing older than its kind's ``most_ttl`` is served from memory; within the kind's bounds, an answer stays fresh
    for the shorter, the more often it is asked for. Memory for answers and for what is remembered about keys is never
    above ``most_bytes``: what does not fit is served and not kept. Values are shared between all who ask and must not
    be changed; one that was compressed for a while comes back as an equal value.
    """

    def __init__(
        self,
        kinds: Iterable[Kind],
        *,
        now: Callable[[], Millis],
        most_bytes: int,
        compress: bool = True,
        prefetch: bool = True,
        record: Record | None = None,
    ) -> None:
        """Serve ``kinds``; ``record`` is told of every access that was answered, and how many bytes the value takes.

        Raises ``ValueError`` for two kinds of one name and for a limit that is not above 0.
        """
        self._ledgers: dict[str, Ledger] = {}
        for kind in kinds:
            if kind.name in self._ledgers:
                raise ValueError(f"kinds: {kind.name!r} is there twice")
            self._ledgers[kind.name] = Ledger(kind)
        if most_bytes <= 0:
            raise ValueError(f"most_bytes: {most_bytes} is not above 0")
        self._now, self._most_bytes, self._prefetch, self._record = now, most_bytes, prefetch, record
        books = min(_MOST_BOOKKEEPING, most_bytes // _BOOKKEEPING)
        predictions = books if prefetch else 0
        self._shelf = Shelf(most_bytes - books - predictions, compress=compress, leave=self._left)
        self._ghosts = Ghosts(books)
        self._sequences = Sequences(predictions // 2)
        self._foresight = Foresight(predictions // 2, self._sequences, self._state)
        self._flights = Flights(self._landed, self._failed, now)

    async def get(self, key: Key, ask: Callable[[], Awaitable[T]], *, oldest: Millis | None = None) -> Answer[T]:
        """Return an answer that is fresh, from memory or by asking.

        ``oldest`` is the most an answer's age may be, for who needs something fresher than the TTL grants; 0 asks
        now. However many ask about a key at a time, one question is in flight, and what it raises is raised to all of
        them and not kept. Who is cancelled leaves the others undisturbed; the last one takes the question along.
        Raises ``UnknownKind``, what ``ask`` raises, and ``Interrupted`` where ``ask`` was cancelled from within.
        """
        now = self._now()
        entry = self._shelf.find.get(key)
        if entry is None:
            return cast("Answer[T]", await self._ask(key, ask, now, oldest))
        ttl = entry.habit.ttl(entry.ledger.kind)
        self._note(key, entry.habit, entry.ledger, now)
        age = now - entry.at
        # What is of this very millisecond may still be another answer: who says 0 has seen it, and wants it anew.
        if 0 <= age <= ttl and (oldest is None or 0 < oldest >= age):
            return self._hit(entry, now, ttl)
        entry.ledger.tally.stale += 1
        return cast("Answer[T]", await self._ask(key, ask, now, oldest, noted=True))

    def peek(self, key: Key) -> Answer[Any] | None:
        """Return what is in memory however old, or None; this counts as no access."""
        entry = self._shelf.find.get(key)
        return None if entry is None else entry.answer(entry.seen())

    def put(self, key: Key, value: Any, at: Millis) -> None:
        """Take news that nobody asked for, true at ``at``; ignored when something newer is known.

        An ``at`` in the future counts as now: what is in memory must grow old. Raises ``UnknownKind``.
        """
        now = self._now()
        self._keep(key, value, min(at, now), now)

    def forget(self, key: Key | None = None, *, kind: str | None = None, subject: str | None = None) -> int:
        """Drop the answers that match all that is given, and return how many there were.

        Questions about them that are in flight are answered to those who wait now, and not kept; who asks later asks
        anew. Habits are kept. Raises ``ValueError`` when nothing is given.
        """
        if key is None and kind is None and subject is None:
            raise ValueError("forget: neither a key nor a kind nor a subject")
        keys = [*self._shelf.find, *self._flights] if key is None else [key]
        dropped = 0
        for each in keys:
            if (kind is None or each.kind == kind) and (subject is None or each.subject == subject):
                self._flights.drop(each)
                entry = self._shelf.find.get(each)
                if entry is not None:
                    dropped += 1
                    self._shelf.remove(entry)
                    self._left(entry)
        return dropped

    def due(self, now: Millis) -> list[Key]:
        """Return what should be asked for ahead of need, most valuable first; call it about once a second.

        A key stays due until it is refreshed or no longer expected. Empty where prefetching is off. Compresses what
        has been idle on the way.
        """
        self._shelf.rest(now)
        return self._foresight.due(now) if self._prefetch else []

    async def refresh(self, key: Key, ask: Callable[[], Awaitable[T]]) -> Answer[T]:
        """Ask ahead of need, however fresh the answer in memory is; join a question in flight. Raises as ``get``."""
        self._ledger(key)
        flight = self._flights.find(key) or self._flights.start(key, ask, ahead=True)
        return cast("Answer[T]", await self._flights.wait(flight))

    def metrics(self) -> CacheMetrics:
        """Return all counts as they are now."""
        kinds = {name: ledger.tally.snapshot() for name, ledger in self._ledgers.items()}
        books = self._ghosts.bytes + self._sequences.bytes + self._foresight.bytes
        return CacheMetrics(
            total=summed(kinds),
            kinds=kinds,
            bytes=self._shelf.bytes + books,
            bookkeeping_bytes=books,
            most_bytes=self._most_bytes,
            in_flight=len(self._flights),
            ghosts=len(self._ghosts),
        )

    def _ledger(self, key: Key) -> Ledger:
        ledger = self._ledgers.get(key.kind)
        if ledger is None:
            raise UnknownKind(f"{key.kind!r} of {key}; known: {', '.join(self._ledgers)}")
        return ledger

    def _hit(self, entry: Entry, now: Millis, ttl: Millis) -> Answer[Any]:
        value = entry.value if entry.packed is None else self._shelf.use(entry, now)
        tally = entry.ledger.tally
        tally.hits += 1
        tally.cost_saved += entry.ledger.kind.cost
        if entry.ahead:
            entry.ahead = 0.0
            tally.prefetch_hits += 1
        if self._record is not None:
            self._record(entry.key, entry.raw)
        return Answer(value, entry.at, entry.at + ttl)

    async def _ask(
        self, key: Key, ask: Callable[[], Awaitable[Any]], now: Millis, oldest: Millis | None, *, noted: bool = False
    ) -> Answer[Any]:
        ledger = self._ledger(key)
        if oldest is not None and oldest < 0:
            raise ValueError(f"oldest: {oldest} is below 0")
        if not noted:
            habit = self._ghosts.take(key) or Habit()
            self._note(key, habit, ledger, now)
            self._ghosts.keep(key, habit)
        since = None if oldest is None else now - oldest
        while True:
            flight = self._flights.find(key)
            if flight is None:
                ledger.tally.misses += 1
                flight = self._flights.start(key, ask)
            elif since is None or flight.begun >= since:
                ledger.tally.coalesced += 1
                ledger.tally.cost_saved += ledger.kind.cost
                flight.joined = True
            else:
                # What is in flight left too early; one question at a time, so let it end.
                await self._flights.outlast(flight)
                later, entry = self._now(), self._shelf.find.get(key)
                if entry is not None and since <= entry.at <= later <= entry.at + entry.ttl():
                    return self._hit(entry, later, entry.ttl())
                continue
            answer = await self._flights.wait(flight)
            if self._record is not None:
                entry = self._shelf.find.get(key)
                self._record(key, size_of(answer.value) if entry is None else entry.raw)
            return answer

    def _note(self, key: Key, habit: Habit, ledger: Ledger, now: Millis) -> None:
        before = habit.last if habit.count else None
        visit = habit.note(now)
        if before is None:
            ledger.manners.first()
        elif visit and habit.count == 2:
            ledger.manners.second(now - before)
        if visit and self._prefetch:
            self._sequences.note(key, now, before, known=before is not None)
            self._foresight.touch(key)

    def _landed(self, flight: Flight, value: Any) -> Answer[Any]:
        key = flight.key
        ledger = self._ledger(key)
        tally, now = ledger.tally, self._now()
        tally.cost_spent += ledger.kind.cost
        tally.prefetches += flight.ahead
        tally.prefetch_hits += flight.ahead and flight.joined
        if flight.valid:
            entry = self._keep(key, value, min(flight.begun, now), now, ahead=flight.ahead and not flight.joined)
            if entry is not None:
                return entry.answer(entry.seen())
        return Answer(value, flight.begun, flight.begun + ledger.kind.ttl)

    def _failed(self, flight: Flight) -> None:
        self._ledger(flight.key).tally.failures += 1

    def _keep(self, key: Key, value: Any, at: Millis, now: Millis, *, ahead: bool = False) -> Entry | None:
        """Take an answer into memory unless a newer one is there; return the entry that is there then."""
        ledger = self._ledger(key)
        known = self._shelf.find.get(key)
        if known is not None:
            # One from the future was dated by a clock that was set back since.
            if at < known.at <= now:
                return known
            self._shelf.remove(known)
            habit = known.habit
        else:
            habit = self._ghosts.take(key) or Habit()
        entry = Entry(key, ledger, habit, value, at)
        if ahead:
            entry.ahead = self._foresight.probability(key) or EXPECTED
        if self._shelf.put(entry, now):
            return entry
        self._ghosts.keep(key, habit)
        return None

    def _left(self, entry: Entry) -> None:
        self._ghosts.keep(entry.key, entry.habit)

    def _state(self, key: Key) -> State:
        ledger = self._ledger(key)
        entry = self._shelf.find.get(key)
        habit = self._ghosts.find(key) if entry is None else entry.habit
        at = None if entry is None else entry.at
        return State(ledger.kind, ledger.manners, habit, at, self._flights.find(key) is not None)
