"""Which key usually follows which within seconds: a bounded Markov table of the first order."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from data.cache.ghosts import USUAL_KEY, key_bytes
from data.cache.words import Key
from data.values import Millis

WINDOW: Millis = 10_000
"""What comes later than this has nothing to do with it."""
SUCCESSORS = 4
_RECENT = 4
_FADE = 64
"""Counts are halved here, so that what was usual once is forgotten."""
_CELL_BYTES = 120
ROW_BYTES = 560 + USUAL_KEY + SUCCESSORS * (USUAL_KEY + _CELL_BYTES)


class Next(NamedTuple):
    """What is expected to follow."""

    key: Key
    after: Millis
    probability: float


class _Cell:
    """How often a key followed, and after how long in the mean."""

    __slots__ = ("count", "delay")

    def __init__(self, delay: Millis) -> None:
        self.count, self.delay = 1.0, delay * 1.0


class _Row:
    """What followed one key, in how many of its visits."""

    __slots__ = ("cells", "visits")

    def __init__(self) -> None:
        self.visits = 0.0
        self.cells: dict[Key, _Cell] = {}


class Sequences:
    """The table. Visits of several people interleave, so each is related to the last few before it."""

    def __init__(self, most_bytes: int) -> None:
        """Take at most ``most_bytes``; with less than a row needs, nothing is learned."""
        self._most_rows = most_bytes // ROW_BYTES
        self._rows: OrderedDict[Key, _Row] = OrderedDict()
        self._recent: deque[tuple[Key, Millis]] = deque(maxlen=_RECENT)

    def __len__(self) -> int:
        """Return for how many keys successors are known."""
        return len(self._rows)

    @property
    def bytes(self) -> int:
        """Return how much memory the table takes when its rows are full."""
        return len(self._rows) * ROW_BYTES

    def note(self, key: Key, now: Millis, before: Millis | None, *, known: bool) -> None:
        """Note a visit; ``before`` is the one before it of the same key, ``known`` whether that key has any past.

        Keys that are seen for the first time get no row, so that a scan does not empty the table.
        """
        if not self._most_rows or key_bytes(key) > USUAL_KEY:
            return
        for other, at in self._recent:
            # A key that came twice after one visit followed it once.
            if other != key and 0 <= now - at <= WINDOW and (before is None or before < at):
                self._count(other, key, now - at)
        self._recent.append((key, now))
        if known:
            self._visit(key)

    def _visit(self, key: Key) -> None:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row()
            if len(self._rows) > self._most_rows:
                self._rows.popitem(last=False)
        self._rows.move_to_end(key)
        row.visits += 1
        if row.visits >= _FADE:
            row.visits /= 2
            for cell in row.cells.values():
                cell.count /= 2

    def _count(self, first: Key, second: Key, delay: Millis) -> None:
        row = self._rows.get(first)
        if row is None:
            return
        cell = row.cells.get(second)
        if cell is not None:
            cell.count += 1
            cell.delay += (delay - cell.delay) / 4
            return
        if len(row.cells) >= SUCCESSORS:
            # The weakest loses a count to each newcomer before it gives way, so that noise replaces noise only.
            weakest = min(row.cells, key=lambda each: row.cells[each].count)
            row.cells[weakest].count -= 1
            if row.cells[weakest].count > 0:
                return
            del row.cells[weakest]
        row.cells[second] = _Cell(delay)

    def after(self, key: Key) -> list[Next]:
        """Return what usually follows a visit of ``key``, with its probability by the rule of succession."""
        row = self._rows.get(key)
        if row is None:
            return []
        return [
            Next(follower, int(cell.delay), min(1.0, (cell.count + 1) / (row.visits + 2)))
            for follower, cell in row.cells.items()
            if cell.count >= 2
        ]
