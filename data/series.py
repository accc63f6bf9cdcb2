"""The bars of one market and timeframe as they become known: kept in columns, extended bar by bar, with gaps known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data.bars import COLUMNS, Bars, Floats
from data.market import Candle
from data.values import Millis


class Span(NamedTuple):
    """Open times from ``first`` to ``last``, both included."""

    first: Millis
    last: Millis


_FIRST_ROOM = 256
_AHEAD: Millis = 600_000
"""How far our clock may be behind the exchange's before its bars are taken for nonsense."""


class Series:
    """Bars in order, each known once. What a stream tells is a hint; what was asked for is the truth.

    A bar is *settled* once the exchange called it closed, or showed a later one in the same answer; no clock decides
    it. One that was followed by another without being closed may lack its last trades: it is *doubtful* and, like a
    bar nobody told of, listed by ``wanted`` until it was asked for. Bars the exchange does not have (it was halted)
    stay out and are not asked for again.
    """

    def __init__(self, step: Millis, most: int) -> None:
        """Keep the newest ``most`` bars of ``step`` milliseconds each. Raises ValueError below 1."""
        if step < 1 or most < 1:
            raise ValueError(f"step, most: {step}, {most}; accepted: at least 1")
        self.step, self._most = step, most
        self._at = np.empty(min(_FIRST_ROOM, 2 * most), dtype=np.int64)
        self._columns: Floats = np.empty((len(COLUMNS), len(self._at)), dtype=np.float64)
        self._start = self._stop = 0
        self._doubtful: set[Millis] = set()
        self._absent: set[Millis] = set()
        self._settled_to: Millis = -1
        """Open time of the newest settled bar."""
        self.heard_at: Millis = -1
        """When anything was last told or asked; -1 before that."""

    def __len__(self) -> int:
        """Return the number of bars."""
        return self._stop - self._start

    @property
    def first(self) -> Millis | None:
        """Return the open time of the oldest bar kept."""
        return int(self._at[self._start]) if len(self) else None

    @property
    def last(self) -> Millis | None:
        """Return the open time of the newest bar, finished or not."""
        return int(self._at[self._stop - 1]) if len(self) else None

    @property
    def bytes(self) -> int:
        """Return how much memory the columns take."""
        return self._at.nbytes + self._columns.nbytes

    def bars(self, count: int | None = None) -> Bars:
        """Return the newest ``count`` bars, or all; later changes to the series do not show in them."""
        start = self._start if count is None else max(self._start, self._stop - count)
        columns = {name: column[start : self._stop].copy() for name, column in zip(COLUMNS, self._columns, strict=True)}
        return Bars(at=self._at[start : self._stop].copy(), **columns)

    def settled(self, at: Millis) -> bool:
        """Return whether the bar opened at ``at`` is known and will not change any more."""
        return at <= self._settled_to and at not in self._doubtful and self._there(self._place(at), at)

    # -- taking in

    def tell(self, candle: Candle, *, closed: bool, now: Millis) -> bool:
        """Take what a stream told of a bar, and return whether it could be used.

        A settled bar is not changed by it, nor is anything put before the oldest bar kept.
        """
        at, last = candle.opened_at, self.last
        if not _sound(candle) or at % self.step or at > now + _AHEAD:
            return False
        if last is not None and at <= last and (self.settled(at) or at < (self.first or 0)):
            return False
        self.heard_at = max(self.heard_at, now)
        if last is not None and last < at and last > self._settled_to:
            self._doubtful.add(last)
        self._write(candle)
        if closed:
            self._settle(at)
        elif at < (self.last or 0):
            self._doubtful.add(at)
        return True

    def ask(self, asked: Iterable[Candle], *, since: Millis, now: Millis) -> None:
        """Take the answer to a question for the bars from ``since`` on, as many as it holds without a gap of its own.

        Bars that lack between ``since`` and the last of the answer do not exist. Of the last one itself it is not
        known whether it is finished.
        """
        self.heard_at = max(self.heard_at, now)
        found = {each.opened_at: each for each in asked if _sound(each) and each.opened_at % self.step == 0}
        found = {at: candle for at, candle in found.items() if at >= since}
        if not found:
            return
        newest = max(found)
        for at in sorted(found):
            if at == newest and self.settled(at):
                break  # it may have been asked for just before its last trade
            self._write(found[at])
            if at < newest:
                self._settle(at)
            elif at < (self.last or 0):
                self._doubtful.add(at)  # a later bar was told of before this answer came
        begin = max(-(-since // self.step) * self.step, newest - 2 * self._most * self.step)
        lacking = (at for at in range(begin, newest, self.step) if at not in found)
        self._absent.update(at for at in lacking if not self._there(self._place(at), at))
        self._forget()

    def wanted(self, since: Millis, now: Millis) -> Span | None:
        """Return the span of bars opened from ``since`` on that are missing or doubtful; None when all are well.

        The bar that is unfinished at ``now`` counts only when it is missing, the one before until it is settled.
        """
        first, end = -(-since // self.step) * self.step, now // self.step * self.step
        if first > end:
            return None
        known = set(self._at[self._place(first) : self._stop].tolist()) - self._doubtful
        last = self.last
        if last is not None and self._settled_to < last < end:
            known.discard(last)
        lacking = [at for at in range(first, end + 1, self.step) if at not in known and at not in self._absent]
        return Span(lacking[0], lacking[-1]) if lacking else None

    # -- within

    def _settle(self, at: Millis) -> None:
        self._doubtful.discard(at)
        if at > self._settled_to:
            between = self._at[self._place(self._settled_to + 1) : self._place(at)]
            self._doubtful.update(between.tolist())
            self._settled_to = at

    def _write(self, candle: Candle) -> None:
        """Replace a bar, or put one behind or between the others."""
        self._absent.discard(candle.opened_at)
        place = self._place(candle.opened_at)
        if not self._there(place, candle.opened_at):
            if self._stop == len(self._at):
                self._shift()
                place = self._place(candle.opened_at)
            self._at[place + 1 : self._stop + 1] = self._at[place : self._stop].copy()
            self._columns[:, place + 1 : self._stop + 1] = self._columns[:, place : self._stop].copy()
            self._stop += 1
        self._at[place] = candle.opened_at
        self._columns[:, place] = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        if len(self) > self._most:
            self._start += 1
            self._forget()

    def _shift(self) -> None:
        """Make room behind the last bar: by what was forgotten in front, or by twice the room there was."""
        count, room = len(self), len(self._at)
        if 2 * count > room:
            room = min(2 * room, 2 * self._most)
        at, columns = np.empty(room, dtype=np.int64), np.empty((len(COLUMNS), room), dtype=np.float64)
        at[:count] = self._at[self._start : self._stop]
        columns[:, :count] = self._columns[:, self._start : self._stop]
        self._at, self._columns = at, columns
        self._start, self._stop = 0, count

    def _place(self, at: Millis) -> int:
        """Return where a bar is, or would be put."""
        if self._stop == self._start or at > self._at[self._stop - 1]:
            return self._stop
        return self._start + int(np.searchsorted(self._at[self._start : self._stop], at))

    def _there(self, place: int, at: Millis) -> bool:
        return place < self._stop and int(self._at[place]) == at

    def _forget(self) -> None:
        first = self.first
        if first is not None and (self._absent or self._doubtful):
            # Absences are kept one length back: whoever asks for more bars than there are must not ask for ever.
            oldest = first - self._most * self.step
            self._absent = {at for at in self._absent if at >= oldest}
            self._doubtful = {at for at in self._doubtful if at >= first}


def _sound(candle: Candle) -> bool:
    prices = (candle.open, candle.high, candle.low, candle.close)
    whole = all(price.is_finite() and price > 0 for price in prices) and candle.volume.is_finite()
    return whole and candle.volume >= 0 and candle.low <= min(prices) and candle.high >= max(prices)
