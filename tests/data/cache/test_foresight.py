"""What is due ahead of need: regular visitors in spite of jitter, busy keys, usual sequences; and nothing in vain."""

from __future__ import annotations

from random import Random

import pytest

from data.cache.cache import Cache
from data.cache.foresight import LEAD
from data.cache.habits import REGULAR, Manners
from data.cache.periods import period_of
from data.cache.sequences import Sequences
from data.cache.words import Key, Kind
from tests.data.cache.desk import PLAIN, SECOND, START, Desk, elastic, plain

MINUTE = 60 * SECOND
KEY = plain()


def test_the_period_of_jittered_visits_is_found() -> None:
    random = Random(1)
    visits = [int(n * MINUTE + random.gauss(0, 2 * SECOND)) for n in range(12)]
    period = period_of(visits, MINUTE)
    assert period is not None
    assert abs(period.every - MINUTE) < 4 * SECOND
    assert abs(period.next_at - 12 * MINUTE) < 6 * SECOND
    assert period.confidence > 0.8


def test_a_missed_visit_and_a_burst_do_not_hide_the_period() -> None:
    visits = [n * MINUTE for n in range(12) if n != 5]
    period = period_of(visits, MINUTE)
    assert period is not None
    assert (period.every, period.next_at) == (MINUTE, 12 * MINUTE)
    assert 0.7 < period.confidence < 0.9


def test_two_visitors_with_one_period_are_told_apart() -> None:
    visits = sorted(n * MINUTE + phase for n in range(6) for phase in (0, 20 * SECOND))
    period = period_of(visits, MINUTE)
    assert period is not None
    assert (period.every, period.next_at) == (MINUTE, 6 * MINUTE)


def test_visits_at_random_seldom_seem_to_have_a_period() -> None:
    random, believed = Random(1), 0
    for _ in range(1000):
        at, visits = 0.0, []
        for _ in range(12):
            at += random.expovariate(1 / MINUTE)
            visits.append(int(at))
        period = period_of(visits, MINUTE)
        assert period is not None
        believed += period.confidence >= REGULAR
    assert believed < 60


def test_a_period_too_vague_to_be_there_in_time_is_not_believed() -> None:
    random = Random(2)
    visits = [int(n * 10 * MINUTE + random.uniform(-40, 40) * SECOND) for n in range(12)]
    vague, exact = period_of(visits, 120 * SECOND), period_of(visits, 5 * SECOND)
    assert vague is not None
    assert exact is not None
    assert exact.confidence < REGULAR < vague.confidence


def test_a_few_visits_have_no_period() -> None:
    assert period_of([], MINUTE) is None
    assert period_of([0, MINUTE, 2 * MINUTE], MINUTE) is None


@pytest.mark.parametrize("jitter", [0, SECOND, 2 * SECOND])
async def test_a_regular_visitor_finds_the_answer_waiting(jitter: int) -> None:
    desk, random = Desk(), Random(jitter)
    for turn in range(1, 40):
        await desk.until(START + turn * MINUTE + random.randint(-jitter, jitter))
        if turn == 10:
            learned = desk.cache.metrics().total
        await desk.get(KEY)
    total = desk.cache.metrics().total
    assert total.misses - learned.misses <= 2 + 2 * jitter // SECOND
    assert (total.prefetch_hits - learned.prefetch_hits) >= 0.9 * (total.prefetches - learned.prefetches) > 20


async def test_what_is_due_is_due_shortly_before_the_visit_and_no_more_after_it() -> None:
    desk = Desk()
    for _ in range(6):
        desk.clock.advance(MINUTE)
        await desk.get(KEY)
    expected = START + 7 * MINUTE
    assert [desk.cache.due(expected - LEAD - 1), desk.cache.due(expected - LEAD)] == [[], [KEY]]
    assert desk.cache.due(expected - LEAD) == [KEY]
    desk.clock.advance(MINUTE - LEAD)
    await desk.refresh(KEY)
    assert desk.cache.due(expected - LEAD) == []
    assert desk.cache.due(expected + MINUTE) == []


async def test_a_visitor_who_left_is_not_waited_for() -> None:
    desk = Desk()
    for turn in range(1, 10):
        await desk.until(START + turn * MINUTE)
        await desk.get(KEY)
    await desk.until(desk.clock.now() + MINUTE)
    asked = desk.asked.total()
    await desk.until(desk.clock.now() + 60 * MINUTE)
    assert desk.asked.total() == asked


async def test_visitors_at_random_are_seldom_waited_for() -> None:
    desk, random = Desk(), Random(5)
    for _ in range(300):
        await desk.until(desk.clock.now() + int(random.expovariate(1 / MINUTE)))
        await desk.get(KEY)
    assert desk.cache.metrics().total.prefetches < 30


async def test_a_busy_key_is_kept_fresh() -> None:
    desk = Desk()
    for second in range(1, 300):
        await desk.until(START + second * 1500)
        await desk.get(elastic())
    total = desk.cache.metrics().total
    assert total.misses <= 6
    assert total.precision > 0.9


async def test_what_usually_follows_is_asked_for_with_what_it_follows() -> None:
    desk, random = Desk(), Random(7)
    first, second, other = plain("A"), plain("B"), plain("C")
    for turn in range(40):
        await desk.until(desk.clock.now() + random.randint(60, 900) * SECOND)
        if turn == 20:
            learned = desk.cache.metrics().total
        await desk.get(first)
        await desk.until(desk.clock.now() + 3 * SECOND)
        await desk.get(second)
        if turn % 4 == 0:
            await desk.get(other)
    total = desk.cache.metrics().total
    assert total.prefetch_hits - learned.prefetch_hits >= 18
    assert total.prefetches - learned.prefetches <= 24


@pytest.mark.parametrize(("cost", "asked"), [(2, True), (80, False)])
async def test_what_is_dear_is_not_asked_ahead_where_that_takes_many_more_questions(cost: int, asked: bool) -> None:
    # At need one answer serves three visits; asked two seconds earlier, it is too old for the third.
    kind = Kind(name="plain", ttl=MINUTE, least_ttl=MINUTE, most_ttl=MINUTE, cost=cost)
    desk = Desk()
    desk.cache = Cache([kind], now=desk.clock.now, most_bytes=1 << 20)
    for visit in range(60):
        await desk.until(START + visit * MINUTE // 2)
        await desk.get(KEY)
    assert (desk.cache.metrics().total.prefetches > 0) is asked


async def test_what_is_dear_is_asked_ahead_where_hardly_any_question_is_in_vain() -> None:
    kind = Kind(name="plain", ttl=20 * SECOND, least_ttl=20 * SECOND, most_ttl=20 * SECOND, cost=80)
    desk = Desk()
    desk.cache = Cache([kind], now=desk.clock.now, most_bytes=1 << 20)
    for visit in range(60):
        await desk.until(START + visit * MINUTE)
        await desk.get(KEY)
    total = desk.cache.metrics().total
    assert total.prefetches == total.prefetch_hits > 40


async def test_the_most_valuable_is_due_first() -> None:
    desk = Desk()
    for _ in range(8):
        desk.clock.advance(5 * MINUTE)
        await desk.get(plain())
        await desk.get(elastic())
    due = desk.cache.due(desk.clock.now() + 5 * MINUTE - SECOND)
    assert due == [elastic(), plain()]


async def test_nothing_is_due_where_prefetching_is_off_or_a_question_is_in_flight() -> None:
    off, unseen = Desk(prefetch=False), Desk()
    for _ in range(8):
        for desk, key in ((off, KEY), (unseen, Key("unseen", "A"))):
            desk.clock.advance(MINUTE)
            await desk.get(key)
    assert off.cache.due(off.clock.now() + MINUTE) == unseen.cache.due(unseen.clock.now() + MINUTE) == []
    assert off.cache.metrics().bookkeeping_bytes == 0


async def test_an_answer_asked_for_ahead_counts_once_it_is_used() -> None:
    desk = Desk()
    await desk.refresh(KEY)
    before = desk.cache.metrics().total
    await desk.get(KEY)
    await desk.get(KEY)
    after = desk.cache.metrics().total
    assert (before.prefetches, before.prefetch_hits, before.precision) == (1, 0, 0)
    assert (after.prefetches, after.prefetch_hits, after.precision, after.hits) == (1, 1, 1, 2)


async def test_an_answer_used_after_it_expired_was_asked_for_in_vain() -> None:
    desk = Desk()
    await desk.refresh(KEY)
    desk.clock.advance(PLAIN.ttl + 1)
    await desk.get(KEY)
    assert desk.cache.metrics().total.precision == 0


def test_predictions_are_worth_what_they_proved_to_be() -> None:
    manners = Manners(PLAIN)
    assert manners.judged(0.8) == 0.8
    for _ in range(100):
        manners.proved(0.83, true=False)
    assert manners.judged(0.8) < 0.1
    assert manners.judged(0.95) == 0.95
    for _ in range(100):
        manners.proved(0.83, true=True)
    assert manners.judged(0.8) == 0.8


def test_the_table_of_sequences_is_bounded_and_survives_a_scan() -> None:
    sequences, first, second = Sequences(100_000), plain("A"), plain("B")
    at = START
    for _ in range(10):
        sequences.note(first, at, at - MINUTE, known=True)
        sequences.note(second, at + SECOND, at - MINUTE, known=True)
        at += MINUTE
    for number in range(5000):
        sequences.note(plain(str(number)), at + number * MINUTE, None, known=False)
    assert [(each.key, each.after) for each in sequences.after(first)] == [(second, SECOND)]
    assert sequences.after(first)[0].probability > 0.9
    for number in range(5000):
        sequences.note(plain(str(number)), at + number * SECOND, START, known=True)
    assert sequences.bytes <= 100_000
    assert len(sequences) > 20
