"""Answers in memory under a byte limit; the least valuable by the byte give way, and never to something worth less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from data.cache.entries import Entry
from data.cache.packing import LEAST_BYTES
from data.cache.words import Key
from data.values import Millis

SAMPLE = 24
"""How many entries are looked at for one that has to go, besides the weakest seen before; all of them where few."""
_POOL = 8
COLD: Millis = 10_000
"""Unused for so long, a value is compressed before it is given up."""
IDLE: Millis = 60_000
"""Unused for so long, a value is compressed though there is room."""
_STEP, _RANGE = 0x9E3779B1, 32
"""Steps of the golden ratio visit places evenly in an order that has nothing to do with theirs (Weyl's sequence)."""


class Shelf:
    """The entries. ``bytes`` is at no time above the limit."""

    def __init__(self, most_bytes: int, *, compress: bool, leave: Callable[[Entry], None]) -> None:
        """Hold at most ``most_bytes`` and tell ``leave`` of each entry that is pushed out."""
        self.most_bytes, self._compress, self._leave = most_bytes, compress, leave
        self.bytes = 0
        self.find: dict[Key, Entry] = {}
        """Every entry by its key; to be read only."""
        self._line: list[Entry] = []
        self._pool: list[Entry] = []
        self._hand = 0

    def __iter__(self) -> Iterator[Entry]:
        """Yield every entry."""
        return iter(self._line)

    def put(self, entry: Entry, now: Millis) -> bool:
        """Take an entry in, unless it is too large or worth less than what it would push out; its key must be free."""
        tally = entry.ledger.tally
        if not self._make_room(entry.size, entry, now):
            tally.refused += 1
            return False
        entry.place = len(self._line)
        self._line.append(entry)
        self.find[entry.key] = entry
        self._grow(entry, entry.size)
        tally.entries += 1
        tally.kept += 1
        return True

    def remove(self, entry: Entry) -> None:
        """Let go of an entry."""
        del self.find[entry.key]
        last = self._line.pop()
        if last is not entry:
            self._line[entry.place], last.place = last, entry.place
        entry.place = -1
        if entry in self._pool:
            self._pool.remove(entry)
        self._grow(entry, -entry.size)
        tally = entry.ledger.tally
        tally.entries -= 1
        tally.packed -= entry.packed is not None

    def use(self, entry: Entry, now: Millis) -> Any:
        """Return the value of an entry for use: from now on it is held as it is, if that is worth the room."""
        if entry.packed is None:
            return entry.value
        value = entry.seen()
        entry.ledger.tally.unpacks += 1
        more = entry.raw - (entry.packed.__sizeof__() + 8)
        if self._make_room(more, entry, now):
            entry.value, entry.packed = value, None
            entry.size += more
            self._grow(entry, more)
            entry.ledger.tally.packed -= 1
        return value

    def rest(self, now: Millis) -> None:
        """Compress at most one value that has been idle for a while; look at a few."""
        if not self._compress:
            return
        for entry in self._some(_POOL):
            if entry.raw >= LEAST_BYTES and now - entry.habit.last >= IDLE and self._pack(entry):
                return

    def _grow(self, entry: Entry, size: int) -> None:
        self.bytes += size
        entry.ledger.tally.bytes += size

    def _pack(self, entry: Entry) -> bool:
        if entry.packed is not None or entry.stubborn:
            return False
        freed = entry.pack()
        if not freed:
            return False
        self._grow(entry, -freed)
        entry.ledger.tally.packed += 1
        entry.ledger.tally.packs += 1
        return True

    def _make_room(self, need: int, comer: Entry, now: Millis) -> bool:
        """Make room for ``need`` bytes of ``comer`` if what has to go for it is worth less."""
        if self.bytes + need <= self.most_bytes:
            return True
        if need + (comer.size if comer.place >= 0 else 0) > self.most_bytes:
            return False
        limit, lost = comer.worth(now), 0.0
        if not limit and not any(each.expired(now) for each in self._some(_POOL)):
            return False  # news that nobody asks for comes often, and is turned away quickly
        leaving: dict[Entry, None] = {}
        freed = 0
        while self.bytes - freed + need > self.most_bytes:
            weakest = self._weakest(now, leaving, comer)
            useless = [each for each in weakest if not each[0]]
            if not useless and self._pack_cold(weakest, now):
                continue
            for worth, entry in useless or weakest:
                lost += worth
                leaving[entry] = None
                freed += entry.size
                # Something small may take the place of something large that is worth more, but less by the byte:
                # others of its like fill the rest.
                if lost and lost >= limit and lost * comer.size >= limit * freed:
                    return False
                if self.bytes - freed + need <= self.most_bytes:
                    break
        for entry in leaving:
            self.remove(entry)
            entry.ledger.tally.evictions += 1
            self._leave(entry)
        return True

    def _pack_cold(self, entries: list[tuple[float, Entry]], now: Millis) -> bool:
        return self._compress and any(now - entry.habit.last >= COLD and self._pack(entry) for _, entry in entries)

    def _weakest(self, now: Millis, but: Iterable[Entry], comer: Entry) -> list[tuple[float, Entry]]:
        """Return some entries with what they are worth, the one with the least worth by the byte first."""
        looked = dict.fromkeys(self._pool)
        looked.update(dict.fromkeys(self._some(SAMPLE)))
        for each in (comer, *but):
            looked.pop(each, None)
        valued = []
        for entry in looked:
            if entry.place >= 0:
                worth = entry.worth(now)
                valued.append((worth / entry.size, worth, entry))
        valued.sort(key=itemgetter(0))
        self._pool = [entry for _, _, entry in valued[:_POOL]]
        return [(worth, entry) for _, worth, entry in valued] or [(0.0, each) for each in self._others(but, comer)]

    def _others(self, but: Iterable[Entry], comer: Entry) -> Iterator[Entry]:
        gone = {comer, *but}
        return (each for each in self._line if each not in gone)

    def _some(self, count: int) -> list[Entry]:
        line = self._line
        size = len(line)
        if size <= count + _POOL:
            return line
        hand, found = self._hand, []
        for _ in range(count):
            hand = (hand + _STEP) & 0xFFFFFFFF
            found.append(line[hand * size >> _RANGE])
        self._hand = hand
        return found
