"""The cache: fresh answers from memory, one question in flight, news, forgetting, counts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from data.cache.cache import Cache
from data.cache.words import Answer, Interrupted, Key, Kind, UnknownKind
from tests.data.cache.desk import ELASTIC, PLAIN, SECOND, START, Desk, Refused, elastic, plain
from tests.data.cache.traffic import Access, recorder

KEY = plain()


async def started(desk: Desk, *tasks: asyncio.Task[Any]) -> None:
    """Let tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_fresh_answer_is_not_asked_for_again() -> None:
    desk = Desk()
    first = await desk.get(KEY)
    desk.clock.advance(PLAIN.ttl)
    second = await desk.get(KEY)
    assert (first.at, second.at, second.value) == (START, START, first.value)
    assert second.fresh(desk.clock.now())
    assert second.age(desk.clock.now()) == PLAIN.ttl
    assert desk.asked[KEY] == 1


async def test_an_answer_that_is_too_old_is_asked_for_again() -> None:
    desk = Desk()
    first = await desk.get(KEY)
    desk.clock.advance(PLAIN.ttl + 1)
    second = await desk.get(KEY)
    assert not first.fresh(desk.clock.now())
    assert second.at == desk.clock.now()
    assert desk.asked[KEY] == 2
    assert desk.cache.metrics().total.stale == 1


async def test_something_fresher_than_the_ttl_can_be_demanded() -> None:
    desk = Desk()
    await desk.get(KEY)
    desk.clock.advance(3 * SECOND)
    assert (await desk.get(KEY, oldest=3 * SECOND)).at == START
    assert (await desk.get(KEY, oldest=3 * SECOND - 1)).at == desk.clock.now()
    with pytest.raises(ValueError, match="below 0"):
        await desk.get(KEY, oldest=-1)


async def test_nothing_in_memory_is_new_enough_for_who_asks_anew() -> None:
    desk = Desk()
    for asked in range(1, 4):  # all within one millisecond
        await desk.get(KEY, oldest=0)
        assert desk.asked[KEY] == asked


async def test_however_many_ask_one_question_is_in_flight() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    tasks = [asyncio.create_task(desk.get(KEY)) for _ in range(50)]
    await started(desk)
    assert desk.cache.metrics().in_flight == 1
    desk.gate.set()
    answers = await asyncio.gather(*tasks)
    total = desk.cache.metrics().total
    assert {answer.value[0] for answer in answers} == {1}
    assert (total.misses, total.coalesced, total.calls_saved, total.cost_spent, total.cost_saved) == (1, 49, 49, 1, 49)


async def test_who_is_cancelled_leaves_the_others_undisturbed() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    first, second = asyncio.create_task(desk.get(KEY)), asyncio.create_task(desk.get(KEY))
    await started(desk)
    first.cancel()
    await started(desk)
    desk.gate.set()
    assert (await second).value[0] == 1
    assert first.cancelled()
    assert (await desk.get(KEY)).value[0] == 1


async def test_the_last_who_is_cancelled_takes_the_question_along() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    tasks = [asyncio.create_task(desk.get(KEY)) for _ in range(2)]
    await started(desk)
    for task in tasks:
        task.cancel()
    await started(desk)
    metrics = desk.cache.metrics()
    assert (metrics.in_flight, metrics.total.failures) == (0, 1)
    desk.gate.set()
    assert (await desk.get(KEY)).value[0] == 2


async def test_an_exception_goes_to_all_who_wait_and_is_not_kept() -> None:
    desk = Desk()
    desk.failing, desk.gate = True, asyncio.Event()
    tasks = [asyncio.create_task(desk.get(KEY)) for _ in range(3)]
    await started(desk)
    desk.gate.set()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [Refused] * 3
    desk.failing = False
    assert (await desk.get(KEY)).value[0] == 2


async def test_a_failure_leaves_the_old_answer_to_be_seen() -> None:
    desk = Desk()
    await desk.get(KEY)
    desk.clock.advance(PLAIN.ttl + 1)
    desk.failing = True
    with pytest.raises(Refused):
        await desk.get(KEY)
    seen = desk.cache.peek(KEY)
    assert seen is not None
    assert (seen.at, seen.fresh(desk.clock.now())) == (START, False)


async def test_a_question_cancelled_from_within_is_an_error_and_no_cancellation() -> None:
    desk = Desk()

    async def ask() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Interrupted):
        await desk.cache.get(KEY, ask)


async def test_who_needs_something_newer_than_the_question_in_flight_asks_after_it() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    early = asyncio.create_task(desk.get(KEY))
    await started(desk)
    desk.clock.advance(SECOND)
    late = [asyncio.create_task(desk.get(KEY, oldest=0)) for _ in range(3)]
    await started(desk)
    assert desk.asked[KEY] == 1
    desk.gate.set()
    assert (await early).at == START
    assert {answer.at for answer in await asyncio.gather(*late)} == {START + SECOND}
    assert desk.asked[KEY] == 2


async def test_an_answer_dates_from_when_the_question_left() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    task = asyncio.create_task(desk.get(KEY))
    await started(desk)
    desk.clock.advance(PLAIN.ttl + 1)
    desk.gate.set()
    assert (await task).at == START
    assert (await desk.get(KEY)).at == desk.clock.now()


async def test_news_replaces_what_is_older_and_nothing_else() -> None:
    desk = Desk()
    await desk.get(KEY)
    desk.clock.advance(SECOND)
    desk.cache.put(KEY, "news", desk.clock.now())
    desk.cache.put(KEY, "late news", START)
    assert (await desk.get(KEY)).value == "news"


async def test_news_that_came_during_a_question_wins_over_its_answer() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    task = asyncio.create_task(desk.get(KEY))
    await started(desk)
    desk.clock.advance(SECOND)
    desk.cache.put(KEY, "news", desk.clock.now())
    desk.gate.set()
    assert (await task).value == "news"


async def test_news_from_the_future_grows_old_all_the_same() -> None:
    desk = Desk()
    desk.cache.put(KEY, "news", START + 10**9)
    desk.clock.advance(PLAIN.ttl + 1)
    assert (await desk.get(KEY)).value != "news"


async def test_nothing_is_served_from_the_future_after_the_clock_was_set_back() -> None:
    desk = Desk()
    await desk.get(KEY)
    desk.clock.advance(-3600 * SECOND)
    assert (await desk.get(KEY)).at == START - 3600 * SECOND
    assert desk.asked[KEY] == 2


async def test_a_peek_is_no_access() -> None:
    desk = Desk()
    assert desk.cache.peek(KEY) is None
    await desk.get(KEY)
    before = desk.cache.metrics()
    seen = desk.cache.peek(KEY)
    assert seen is not None
    assert seen.value[0] == 1
    assert desk.cache.metrics() == before


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"key": plain("A")}, {plain("B"), elastic("A")}),
        ({"kind": "plain"}, {elastic("A")}),
        ({"subject": "A"}, {plain("B")}),
        ({"kind": "plain", "subject": "A"}, {plain("B"), elastic("A")}),
        ({"kind": "unseen"}, {plain("A"), plain("B"), elastic("A")}),
    ],
)
async def test_answers_are_forgotten_by_key_kind_and_subject(what: dict[str, Any], left: set[Key]) -> None:
    desk, keys = Desk(), [plain("A"), plain("B"), elastic("A")]
    for key in keys:
        await desk.get(key)
    assert desk.cache.forget(**what) == len(keys) - len(left)
    assert {key for key in keys if desk.cache.peek(key) is not None} == left
    assert desk.cache.metrics().total.entries == len(left)


async def test_a_question_about_what_is_forgotten_is_not_kept_and_not_joined() -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    before = asyncio.create_task(desk.get(KEY))
    await started(desk)
    desk.cache.forget(KEY)
    after = asyncio.create_task(desk.get(KEY))
    await started(desk)
    desk.gate.set()
    assert ((await before).value[0], (await after).value[0]) == (1, 2)
    assert (await desk.get(KEY)).value[0] == 2


def test_forgetting_nothing_in_particular_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        Desk().cache.forget()


async def test_unknown_kinds_are_refused() -> None:
    desk, key = Desk(), Key("weather", "A")
    with pytest.raises(UnknownKind, match="weather"):
        await desk.get(key)
    with pytest.raises(UnknownKind):
        await desk.refresh(key)
    with pytest.raises(UnknownKind):
        desk.cache.put(key, 1, START)


@pytest.mark.parametrize(("least", "ttl", "most", "cost"), [(2, 1, 3, 1), (0, 4, 3, 1), (-1, 1, 3, 1), (0, 1, 3, 0)])
def test_bounds_that_contradict_each_other_are_refused(least: int, ttl: int, most: int, cost: int) -> None:
    with pytest.raises(ValueError, match="k:"):
        Kind(name="k", ttl=ttl, least_ttl=least, most_ttl=most, cost=cost)


def test_a_kind_can_be_kept_within_a_time() -> None:
    kind = Kind(name="k", ttl=5, least_ttl=2, most_ttl=9, cost=3)
    assert kind.within(4) == Kind(name="k", ttl=4, least_ttl=2, most_ttl=4, cost=3)
    assert kind.within(1) == Kind(name="k", ttl=1, least_ttl=1, most_ttl=1, cost=3)
    assert kind.within(9) == kind


def test_a_cache_without_room_or_with_a_kind_twice_is_refused() -> None:
    desk = Desk()
    with pytest.raises(ValueError, match="most_bytes"):
        Cache([PLAIN], now=desk.clock.now, most_bytes=0)
    with pytest.raises(ValueError, match="twice"):
        Cache([PLAIN, PLAIN], now=desk.clock.now, most_bytes=1)


@pytest.mark.parametrize(
    ("every", "ttl"), [(SECOND, 10**0.5), (10 * SECOND, 10), (90 * SECOND, 30), (3600 * SECOND, 40)]
)
async def test_what_is_asked_for_often_is_fresh_for_a_shorter_time(every: int, ttl: float) -> None:
    desk = Desk(prefetch=False)
    answer: Answer[Any] | None = None
    for _ in range(20):
        answer = await desk.get(elastic())
        desk.clock.advance(every)
    assert answer is not None
    assert answer.until - answer.at == pytest.approx(ttl * SECOND, abs=1)
    assert ELASTIC.least_ttl <= answer.until - answer.at <= ELASTIC.most_ttl


async def test_counts_are_kept_by_kind_and_in_all() -> None:
    desk = Desk()
    for key in (plain(), plain(), elastic(), plain()):
        await desk.get(key)
    metrics = desk.cache.metrics()
    assert (metrics.kinds["plain"].hits, metrics.kinds["plain"].misses, metrics.kinds["elastic"].misses) == (2, 1, 1)
    assert (metrics.total.asked, metrics.total.hits, metrics.total.entries) == (4, 2, 2)
    assert metrics.total.hit_rate == 0.5
    assert metrics.kinds["plain"].bytes + metrics.kinds["elastic"].bytes + metrics.bookkeeping_bytes == metrics.bytes
    assert metrics.kinds["unseen"].hit_rate == metrics.total.precision == 0


async def test_accesses_are_recorded_as_lines_of_a_trace() -> None:
    taken: list[Access] = []
    desk = Desk()
    desk.cache = Cache(
        [ELASTIC], now=desk.clock.now, most_bytes=1 << 20, record=recorder([ELASTIC], desk.clock.now, taken.append)
    )
    desk.sizes[elastic("B")] = 2 << 20
    for key in (elastic(), elastic(), elastic("B")):
        await desk.get(key)
    assert [(each.key, each.cost, each.ttl, each.at) for each in taken] == [
        (key, 5, ELASTIC.ttl, START) for key in (elastic(), elastic(), elastic("B"))
    ]
    assert taken[0].bytes == taken[1].bytes < 1000 < 2 << 20 < taken[2].bytes
