"""Reference policies the cache is held against: LRU and W-TinyLFU, by the byte and with expiry at the instant."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from typing import Protocol
from zlib import crc32

import msgspec

from data.cache.ghosts import key_bytes
from data.cache.words import Key
from data.values import Millis
from tests.data.cache.traffic import Access


class Score(msgspec.Struct):
    """How a policy did on a trace."""

    accesses: int = 0
    hits: int = 0
    cost: int = 0
    """Of all accesses, had there been no cache."""
    saved: int = 0
    """Of those served from memory, less what was asked ahead of need in vain."""
    peak: int = 0
    """Most bytes held after any access, where that was watched."""

    @property
    def hit_rate(self) -> float:
        """Return hits by accesses."""
        return self.hits / self.accesses

    @property
    def saved_share(self) -> float:
        """Return the share of cost that was saved."""
        return self.saved / self.cost


class Policy(Protocol):
    """Decides what is kept."""

    def access(self, access: Access) -> bool:
        """Return whether the answer was in memory and fresh; keep it or not otherwise."""


class Item:
    """An answer in a reference policy."""

    __slots__ = ("expires", "key", "place", "size")

    def __init__(self, access: Access) -> None:
        """Take the place of an answer and its key; these policies are charged for nothing else."""
        self.key, self.size, self.expires = access.key, access.bytes + key_bytes(access.key), access.at + access.ttl
        self.place = ""


class Expiry:
    """Tells what has expired, so that no policy has to push it out."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[Millis, int, Item]] = []
        self._count = 0

    def add(self, item: Item) -> None:
        """Watch an item."""
        self._count += 1
        heapq.heappush(self._heap, (item.expires, self._count, item))

    def over(self, now: Millis) -> list[Item]:
        """Return the items that have expired since."""
        found = []
        while self._heap and self._heap[0][0] < now:
            found.append(heapq.heappop(self._heap)[2])
        return found


class Lru:
    """Least recently used goes first."""

    def __init__(self, most_bytes: int) -> None:
        """Hold ``most_bytes``."""
        self._most, self._bytes = most_bytes, 0
        self._items: OrderedDict[Key, Item] = OrderedDict()
        self._expiry = Expiry()

    def access(self, access: Access) -> bool:
        """Return whether the answer was in memory."""
        for item in self._expiry.over(access.at):
            if self._items.get(item.key) is item:
                self._drop(item)
        if access.key in self._items:
            self._items.move_to_end(access.key)
            return True
        item = Item(access)
        if item.size <= self._most:
            while self._bytes + item.size > self._most:
                self._drop(next(iter(self._items.values())))
            self._items[item.key] = item
            self._bytes += item.size
            self._expiry.add(item)
        return False

    def _drop(self, item: Item) -> None:
        del self._items[item.key]
        self._bytes -= item.size


class Sketch:
    """A count-min sketch of four rows whose counters end at 15 and are halved after ten accesses a counter."""

    def __init__(self, width: int) -> None:
        """Have ``width`` counters a row."""
        self._rows = [[0] * width for _ in range(4)]
        self._width, self._added = width, 0

    def add(self, key: Key) -> None:
        """Count an access."""
        for seed, row in enumerate(self._rows):
            place = _place(seed, key, self._width)
            row[place] = min(15, row[place] + 1)
        self._added += 1
        if self._added >= 10 * self._width:
            self._rows = [[each // 2 for each in row] for row in self._rows]
            self._added //= 2

    def count(self, key: Key) -> int:
        """Return about how often a key was accessed lately, never too few."""
        return min(row[_place(seed, key, self._width)] for seed, row in enumerate(self._rows))


def _place(seed: int, key: Key, width: int) -> int:
    # Python's own hashes differ from process to process.
    return crc32("\0".join(key).encode(), seed * 0x9E3779B1) % width


class TinyLfu:
    """W-TinyLFU (Einziger, Friedman, Manes, 2017) with the admission by size of its authors (2021).

    1 % of the bytes are a window by recency; the rest is a segmented LRU, four fifths of it protected. Who leaves the
    window is admitted if it was accessed oftener than all together that would have to go for it.
    """

    def __init__(self, most_bytes: int, width: int = 4096) -> None:
        """Hold ``most_bytes``."""
        self._limits = {"window": most_bytes // 100, "main": most_bytes - most_bytes // 100}
        self._limits["protected"] = self._limits["main"] * 4 // 5
        self._queues: dict[str, OrderedDict[Key, Item]] = {
            each: OrderedDict() for each in ("window", "probation", "protected")
        }
        self._bytes = dict.fromkeys(self._queues, 0)
        self._items: dict[Key, Item] = {}
        self._sketch, self._expiry = Sketch(width), Expiry()

    def access(self, access: Access) -> bool:
        """Return whether the answer was in memory."""
        for item in self._expiry.over(access.at):
            if self._items.get(item.key) is item:
                self._leave(item)
        self._sketch.add(access.key)
        known = self._items.get(access.key)
        if known is not None:
            self._touch(known)
            return True
        item = Item(access)
        self._enter(item, "window")
        self._expiry.add(item)
        while self._bytes["window"] > self._limits["window"]:
            oldest = next(iter(self._queues["window"].values()))
            self._leave(oldest)
            self._admit(oldest)
        return False

    def _touch(self, item: Item) -> None:
        if item.place != "probation":
            self._queues[item.place].move_to_end(item.key)
            return
        self._leave(item)
        self._enter(item, "protected")
        while self._bytes["protected"] > self._limits["protected"]:
            demoted = next(iter(self._queues["protected"].values()))
            self._leave(demoted)
            self._enter(demoted, "probation")

    def _admit(self, item: Item) -> None:
        main = self._bytes["probation"] + self._bytes["protected"]
        free, victims, count = self._limits["main"] - main, [], 0
        if item.size > self._limits["main"]:
            return
        for victim in [*self._queues["probation"].values(), *self._queues["protected"].values()]:
            if free >= item.size:
                break
            victims.append(victim)
            free += victim.size
            count += self._sketch.count(victim.key)
        if victims and self._sketch.count(item.key) <= count:
            return
        for victim in victims:
            self._leave(victim)
        self._enter(item, "probation")

    def _enter(self, item: Item, place: str) -> None:
        item.place = place
        self._queues[place][item.key] = item
        self._bytes[place] += item.size
        self._items[item.key] = item

    def _leave(self, item: Item) -> None:
        del self._queues[item.place][item.key]
        self._bytes[item.place] -= item.size
        del self._items[item.key]


def score(policy: Policy, accesses: list[Access]) -> Score:
    """Return how a policy does on a trace."""
    result = Score()
    for access in accesses:
        hit = policy.access(access)
        result.accesses += 1
        result.hits += hit
        result.cost += access.cost
        result.saved += access.cost * hit
    return result
