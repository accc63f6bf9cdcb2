"""What is kept, against LRU and W-TinyLFU on synthetic traces, and the traces themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.cache.words import Key
from tests.data.cache.policies import Lru, TinyLfu, score
from tests.data.cache.replaying import distinct_bytes, kinds_of, replayed
from tests.data.cache.traffic import Access, polling, read, synthetic, write

TRACES = synthetic(hours=1)


@pytest.mark.parametrize("share", [0.05, 0.1])
@pytest.mark.parametrize("name", TRACES)
def test_at_least_as_much_cost_is_saved_as_by_either(name: str, share: float) -> None:
    trace = TRACES[name]
    limit = int(share * distinct_bytes(trace))
    best = max(score(policy, trace).saved for policy in (Lru(limit), TinyLfu(limit)))
    # A cold start and the bytes that bookkeeping takes may cost a hundredth.
    assert replayed(trace, limit).saved >= best * 0.99


def test_asking_ahead_finds_most_answers_waiting_where_agents_poll() -> None:
    trace = polling(1, 1)
    alone, ahead = (replayed(trace, 64 << 20, ahead=each) for each in (False, True))
    assert ahead.hit_rate > 0.8 > 2 * alone.hit_rate
    assert ahead.saved > 0.7 * alone.saved


def access(at: int, subject: str, size: int = 1000, ttl: int = 10_000) -> Access:
    return Access(at, "k", subject, "", size, 2, ttl)


@pytest.mark.parametrize("policy", [Lru, TinyLfu])
def test_a_reference_serves_what_is_fresh_and_nothing_else(policy: type[Lru] | type[TinyLfu]) -> None:
    trace = [access(0, "A"), access(10_000, "A"), access(10_001, "A"), access(10_002, "B"), access(10_003, "A")]
    result = score(policy(1_000_000), trace)
    assert (result.accesses, result.hits, result.cost, result.saved) == (5, 2, 10, 4)


def test_lru_lets_go_of_what_was_used_least_recently() -> None:
    lru = Lru(2600)
    assert [lru.access(access(at, subject)) for at, subject in enumerate("ABACBA")] == [
        False, False, True, False, False, False,
    ]  # fmt: skip


def test_tiny_lfu_keeps_what_is_frequent_through_a_scan() -> None:
    policy = TinyLfu(30_000)
    for turn in range(5):
        for subject in "ABCDE":
            policy.access(access(turn, subject, ttl=10**6))
    for number in range(1000):
        policy.access(access(10 + number, f"scanned {number}", ttl=10**6))
    assert all(policy.access(access(2000, subject, ttl=10**6)) for subject in "ABCDE")


def test_traces_come_from_their_seeds_and_go_through_files(tmp_path: Path) -> None:
    trace = TRACES["synthetic: polling and browsing"]
    write(tmp_path / "t.jsonl.gz", trace)
    assert read(tmp_path / "t.jsonl.gz") == trace == synthetic(hours=1)["synthetic: polling and browsing"]
    assert trace == sorted(trace, key=lambda each: each.at)
    assert len(kinds_of(trace)) == 10
    assert trace[0].key == Key(trace[0].kind, trace[0].subject, trace[0].detail)
