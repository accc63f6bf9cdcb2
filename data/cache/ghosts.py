"""Habits of keys without an answer in memory, so that a key that comes back is known; bounded."""

from __future__ import annotations

from collections import OrderedDict
from sys import getsizeof

from data.cache.habits import Habit
from data.cache.words import Key
from data.values import Millis

HABIT_BYTES = 560
"""A habit in a full table, its key apart."""
ONCE_BYTES = 200
"""An instant in a full table, its key apart."""
LONGEST_KEY = 1024
"""Keys that take more are not remembered."""
USUAL_KEY = 320
"""Keys that take more take part in no prediction, so that what predictions take can be counted by the row."""


def key_bytes(key: Key) -> int:
    """Return how much memory a key takes."""
    return 80 + getsizeof(key.kind) + getsizeof(key.subject) + getsizeof(key.detail)


class Ghosts:
    """Two queues: keys accessed once, and keys accessed more often. So a scan pushes out only what was seen once."""

    def __init__(self, most_bytes: int) -> None:
        """Take at most ``most_bytes``."""
        self._most = most_bytes
        self._once: OrderedDict[Key, Millis] = OrderedDict()
        self._often: OrderedDict[Key, Habit] = OrderedDict()
        self._once_bytes = self._often_bytes = 0

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._once) + len(self._often)

    @property
    def bytes(self) -> int:
        """Return how much memory they take."""
        return self._once_bytes + self._often_bytes

    def keep(self, key: Key, habit: Habit) -> None:
        """Remember the habit of a key whose answer is not in memory."""
        size = key_bytes(key)
        if size > LONGEST_KEY or not habit.count:
            return
        self.take(key)
        if habit.count == 1:
            self._once[key] = habit.last
            self._once_bytes += size + ONCE_BYTES
        else:
            self._often[key] = habit
            self._often_bytes += size + HABIT_BYTES
        self._shrink()

    def take(self, key: Key) -> Habit | None:
        """Return a key's habit and forget it here; None for a key that is not remembered."""
        habit = self._often.pop(key, None)
        if habit is not None:
            self._often_bytes -= key_bytes(key) + HABIT_BYTES
            return habit
        last = self._once.pop(key, None)
        if last is None:
            return None
        self._once_bytes -= key_bytes(key) + ONCE_BYTES
        habit = Habit()
        habit.note(last)
        return habit

    def find(self, key: Key) -> Habit | None:
        """Return the habit of a key accessed more than once, without forgetting it here."""
        return self._often.get(key)

    def _shrink(self) -> None:
        # Each queue may fill what the other leaves free, but only down to a third of the whole.
        while self.bytes > self._most:
            if self._once and (self._once_bytes > self._most // 3 or not self._often):
                key, _ = self._once.popitem(last=False)
                self._once_bytes -= key_bytes(key) + ONCE_BYTES
            else:
                key, _ = self._often.popitem(last=False)
                self._often_bytes -= key_bytes(key) + HABIT_BYTES
