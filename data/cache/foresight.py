"""What should be asked for ahead of need: what a regular visitor, a busy key or a usual sequence will want."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from data.cache.ghosts import USUAL_KEY, key_bytes
from data.cache.habits import Habit, Manners
from data.cache.periods import Period
from data.cache.sequences import WINDOW, Sequences
from data.cache.words import Key, Kind
from data.values import Millis

LIKELY = 0.6
"""Probability of use from which it is worth asking."""
WAIT = 10
"""What it may cost, as a weight of questions, to spare somebody one wait."""
BUSY = 4
"""Accesses from which a key can be busy."""
_BUSINESS = 2
"""A busy key is asked for at least so many times in a TTL."""
LEAD: Millis = 2000
"""How long before the need the question should leave, or three times the jitter; at most half the TTL."""
ROW_BYTES = 360 + USUAL_KEY


class Expectation(NamedTuple):
    """When a key will be wanted."""

    at: Millis
    slack: Millis
    """For how long after ``at`` it may still be wanted."""
    jitter: Millis
    probability: float
    since: Millis
    """From when a visit is the expected one."""
    busy: bool = False
    """Wanted all the time, so that ``at`` says nothing but until when to look at it again."""
    more: float = 0.0
    """Questions more than without asking ahead for each wait that is spared, though every answer is used."""


class State(NamedTuple):
    """What the cache knows of a key."""

    kind: Kind
    manners: Manners
    habit: Habit | None
    at: Millis | None
    """Of the answer in memory."""
    asking: bool
    """Whether a question is in flight."""


class Foresight:
    """Expectations from the visits since the last look. Bounded: what is needed last gives way."""

    def __init__(self, most_bytes: int, sequences: Sequences, state: Callable[[Key], State]) -> None:
        """Take at most ``most_bytes``."""
        self._most = most_bytes // (2 * ROW_BYTES)
        self._sequences, self._state = sequences, state
        self._touched: dict[Key, None] = {}
        self._expected: dict[Key, Expectation] = {}

    @property
    def bytes(self) -> int:
        """Return how much memory expectations take."""
        return (len(self._expected) + len(self._touched)) * ROW_BYTES

    def touch(self, key: Key) -> None:
        """Note a visit; what it means is worked out at the next look."""
        if len(self._touched) < self._most and key_bytes(key) <= USUAL_KEY:
            self._touched[key] = None

    def probability(self, key: Key) -> float:
        """Return how likely ``key`` is expected to be used; 0 when it is not."""
        expected = self._expected.get(key)
        return 0.0 if expected is None else expected.probability

    def due(self, now: Millis) -> list[Key]:
        """Return the keys to be asked for now, largest cost × probability of use first, then the most urgent."""
        for key in self._touched:
            self._learn(key, now)
        self._touched.clear()
        found: list[tuple[float, Millis, Key]] = []
        over = []
        for key, expected in self._expected.items():
            if now > expected.at + expected.slack:
                over.append(key)
                continue
            state = self._state(key)
            probability = _busy(state, now) if expected.busy else _coming(state, expected, now)
            if _pays(state.kind, probability, expected.more):
                found.append((-state.kind.cost * probability, expected.at, key))
        for key in over:
            self._prove(key, None)
        return [key for _, _, key in sorted(found)]

    def _learn(self, key: Key, now: Millis) -> None:
        state = self._state(key)
        habit = state.habit
        self._prove(key, None if habit is None else habit.last)
        if habit is None:
            return
        if state.kind.prefetch:
            period = habit.period(state.manners)
            if habit.count >= BUSY and _is_busy(habit, state.kind):
                self._expect(key, Expectation(now, 2 * habit.ttl(state.kind), 0, LIKELY, now, busy=True))
            elif period is not None and period.confidence >= LIKELY:
                slack = min(state.kind.ttl, max(2 * period.jitter, LEAD // 2))
                since = period.next_at - max(3 * period.jitter, LEAD)
                more = _overlap(period, habit.ttl(state.kind))
                self._expect(
                    key, Expectation(period.next_at, slack, period.jitter, period.confidence, since, more=more)
                )
        for following in self._sequences.after(key):
            if following.probability >= LIKELY and self._state(following.key).kind.prefetch:
                at, known = habit.last + following.after, self._expected.get(following.key)
                if known is None or (not known.busy and at < known.at):
                    self._expect(
                        following.key, Expectation(at, WINDOW - following.after, 0, following.probability, habit.last)
                    )

    def _prove(self, key: Key, visited: Millis | None) -> None:
        """Let go of an expectation, and remember whether it came true, asked for or not."""
        expected = self._expected.pop(key, None)
        if expected is not None and not expected.busy:
            true = visited is not None and expected.since <= visited <= expected.at + expected.slack
            self._state(key).manners.proved(expected.probability, true=true)

    def _expect(self, key: Key, expected: Expectation) -> None:
        if key not in self._expected and len(self._expected) >= self._most:
            if not self._most:
                return
            last = max(self._expected, key=lambda each: self._expected[each].at)
            if self._expected[last].at <= expected.at:
                return
            del self._expected[last]
        self._expected[key] = expected


def _pays(kind: Kind, probability: float, more: float) -> bool:
    """Return whether sparing a wait costs no more than it may.

    Of answers asked for ahead a part ``p`` is used, so each use costs ``(1 - p) / p`` questions in vain.
    """
    return probability >= LIKELY and kind.cost * ((1 - probability) / probability + more) <= WAIT


def _overlap(period: Period, ttl: Millis) -> float:
    """Return how many more questions it takes for each wait that is spared, because asking early is soon too old.

    An answer asked for at need serves ``1 + ttl // every`` visits; one asked for ahead has less time left.
    """
    every = max(1, period.every)
    asked, ahead = 1 + ttl // every, 1 + (ttl - _lead(ttl, period.jitter)) // every
    return (asked - ahead) / ahead


def _lead(ttl: Millis, jitter: Millis) -> Millis:
    return min(ttl // 2, max(LEAD, 3 * jitter))


def _is_busy(habit: Habit, kind: Kind) -> bool:
    """Return whether a key is asked for so often that it may be kept fresh all the time.

    Who waits for the need asks once in a TTL and half a gap; who does not, once in a TTL less the lead. That is so
    much more for each wait that is spared.
    """
    ttl = habit.ttl(kind)
    more = (habit.gap / 2 + min(LEAD, ttl // 4)) / ttl if ttl else 1.0
    return habit.gap * _BUSINESS <= ttl and more * kind.cost <= WAIT


def _coming(state: State, expected: Expectation, now: Millis) -> float:
    """Return the probability of a use for which the answer in memory will be too old and one asked for now will not."""
    ttl = state.kind.ttl if state.habit is None else state.habit.ttl(state.kind)
    lead = _lead(ttl, expected.jitter)
    needed = expected.at + expected.jitter
    if state.asking or now < expected.at - lead or now + ttl < needed:
        return 0.0
    if state.at is not None and state.at + ttl >= max(needed, now):
        return 0.0
    return state.manners.judged(expected.probability)


def _busy(state: State, now: Millis) -> float:
    """Return the probability that an answer which is about to expire will be wanted again within a TTL."""
    if state.asking or state.habit is None or state.at is None:
        return 0.0
    ttl = state.habit.ttl(state.kind)
    if state.at + ttl - now > min(LEAD, ttl // 4):
        return 0.0
    return state.habit.prospect(now, now + ttl, state.manners)[0]
