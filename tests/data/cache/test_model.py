"""Any sequence of uses against a simple model: ages, the byte limit, one question at a time, failures, counts."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from data.cache.words import Answer, Key
from tests.data.cache.desk import KINDS, Desk, Refused

LIMIT = 60_000
KEYS = [Key(kind.name, subject) for kind in KINDS for subject in "ABCDEFGH"]
BOUNDS = {kind.name: kind for kind in KINDS}
keys = st.sampled_from(KEYS)


class CacheMachine(RuleBasedStateMachine):
    """A cache, and for each key when something was last heard of it."""

    def __init__(self) -> None:
        """Open a desk with room for a few answers."""
        super().__init__()
        self.runner = asyncio.Runner()
        self.desk = Desk(most_bytes=LIMIT)
        self.known: dict[Key, tuple[int, Any]] = {}
        """What was heard of each key last, and when it was true; kept or not."""
        self.asked = 0

    def teardown(self) -> None:
        """Close the loop."""
        self.runner.close()

    def now(self) -> int:
        return self.desk.clock.now()

    def check(self, key: Key, answer: Answer[Any], asked: bool) -> None:
        at, value = self.known[key]
        if asked:
            assert answer.at == self.now()
            return
        assert (answer.at, answer.value) == (at, value)
        assert 0 <= self.now() - answer.at <= BOUNDS[key.kind].most_ttl

    @rule(key=keys, size=st.sampled_from([0, 100, 3000, 20_000, 90_000]), oldest=st.none() | st.integers(0, 9000))
    def get(self, key: Key, size: int, oldest: int | None) -> None:
        """Ask; within the least TTL nothing is asked of the exchange unless it did not fit, or is wanted anew."""
        self.desk.sizes[key] = size
        before, seen = self.desk.asked[key], self.desk.cache.peek(key)
        answer = self.runner.run(self.desk.get(key, oldest))
        self.asked += 1
        asked = self.desk.asked[key] - before
        if asked:
            self.known[key] = (self.now(), answer.value)
        self.check(key, answer, bool(asked))
        least = BOUNDS[key.kind].least_ttl if oldest is None else min(oldest, BOUNDS[key.kind].least_ttl)
        if oldest == 0:
            assert asked
        elif seen is not None and self.now() - seen.at <= least:
            assert not asked
        if oldest is not None:
            assert self.now() - answer.at <= oldest

    @rule(key=keys, many=st.integers(2, 6), cancelled=st.integers(0, 5), failing=st.booleans())
    def crowd(self, key: Key, many: int, cancelled: int, failing: bool) -> None:
        """Ask several times at once, some of whom lose patience: the others get one answer, or one refusal."""
        before = self.desk.asked[key]
        self.desk.failing = failing
        results = self.runner.run(self._crowd(key, many, min(cancelled, many - 1)))
        self.desk.failing = False
        self.asked += many
        assert self.desk.asked[key] - before <= 1
        answers = [each for each in results if isinstance(each, Answer)]
        if self.desk.asked[key] > before and answers:
            self.known[key] = (self.now(), answers[0].value)
        for answer in answers:
            self.check(key, answer, self.desk.asked[key] > before)
        refused = [each for each in results if isinstance(each, Refused)]
        assert len(answers) + len(refused) >= many - cancelled
        assert not (refused and answers)

    async def _crowd(self, key: Key, many: int, cancelled: int) -> list[Any]:
        self.desk.gate = asyncio.Event()
        tasks = [asyncio.create_task(self.desk.get(key)) for _ in range(many)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert self.desk.cache.metrics().in_flight <= 1
        for task in tasks[:cancelled]:
            task.cancel()
        await asyncio.sleep(0)
        self.desk.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self.desk.gate = None
        return results

    @rule(key=keys, size=st.sampled_from([10, 5000, 70_000]), age=st.integers(-5000, 20_000))
    def put(self, key: Key, size: int, age: int) -> None:
        """Hear news, some of it old, some from the future."""
        at = min(self.now() - age, self.now())
        value = ("news", at, bytes(size))
        seen = self.desk.cache.peek(key)
        self.desk.cache.put(key, value, self.now() - age)
        if seen is None or seen.at <= at:
            self.known[key] = (at, value)

    @rule(key=keys, by=st.sampled_from(["key", "kind", "subject"]))
    def forget(self, key: Key, by: str) -> None:
        """Forget, after which nothing of it is in memory."""
        what: dict[str, Any] = {"key": key} if by == "key" else {by: getattr(key, by)}
        self.desk.cache.forget(**what)
        for each in KEYS:
            if (by == "key" and each == key) or (by != "key" and getattr(each, by) == getattr(key, by)):
                assert self.desk.cache.peek(each) is None

    @rule()
    def serve(self) -> None:
        """Ask ahead of need, for kinds that allow it."""
        due = self.desk.cache.due(self.now())
        assert all(BOUNDS[key.kind].prefetch for key in due)
        for key in due:
            answer = self.runner.run(self.desk.refresh(key))
            self.known[key] = (answer.at, answer.value)

    @rule(millis=st.sampled_from([1, 900, 1500, 5000, 10_001, 60_000]))
    def wait(self, millis: int) -> None:
        """Let time pass."""
        self.desk.clock.advance(millis)

    @invariant()
    def bounded_and_counted(self) -> None:
        """Hold the byte limit, and let the counts add up."""
        metrics = self.desk.cache.metrics()
        assert metrics.bytes <= LIMIT == metrics.most_bytes
        assert metrics.total.bytes + metrics.bookkeeping_bytes == metrics.bytes
        assert metrics.in_flight == 0
        assert metrics.total.asked == self.asked
        assert metrics.total.entries == sum(self.desk.cache.peek(key) is not None for key in KEYS)
        assert metrics.total.prefetch_hits <= metrics.total.prefetches


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(
    max_examples=60, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
)
