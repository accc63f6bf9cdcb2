"""Recorded traces: there, not trivial, and the cache on them; and what records them notes every access."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from data.cache.foresight import WAIT
from tests.data.cache.living import MINUTE, START, Life, Visitor, buttons, invented
from tests.data.cache.policies import Lru, score
from tests.data.cache.replaying import distinct_bytes, replayed
from tests.data.cache.scenes import SCENES
from tests.data.cache.traffic import HOUR, RECORDED, Access, read

MARGIN = 0.01
"""Part of the whole cost by which LRU may save more: bookkeeping takes a part of the bytes, and LRU has none."""
SHARES = (0.03, 0.08)
WAITS = 1.5 * WAIT
"""What each wait that asking ahead spares may cost: what is allowed by expectation, and half as much again."""


@cache
def trace(name: str) -> list[Access]:
    """Return a recorded trace."""
    return read(RECORDED / f"{name}.jsonl.gz")


def test_there_is_a_trace_of_every_scene_and_all_are_small() -> None:
    files = list(RECORDED.glob("*.jsonl.gz"))
    assert {each.name for each in files} == {f"{name}.jsonl.gz" for name in SCENES}
    assert sum(each.stat().st_size for each in files) < 3 << 19


@pytest.mark.parametrize("name", SCENES)
def test_a_trace_is_not_trivial(name: str) -> None:
    accesses = trace(name)
    visits = Counter(each.key for each in accesses)
    assert len(accesses) >= 3_000
    assert len(visits) >= 80
    assert len({each.kind for each in accesses}) >= 4
    assert accesses[-1].at - accesses[0].at >= HOUR
    assert distinct_bytes(accesses) >= 1 << 20
    assert [each.at for each in accesses] == sorted(each.at for each in accesses)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", SCENES)
def test_the_cache_keeps_its_bound_and_saves_about_as_much_as_lru_at_least(name: str, share: float) -> None:
    limit = int(share * distinct_bytes(trace(name)))
    result = replayed(trace(name), limit, watch=True)
    assert limit / 2 < result.peak <= limit
    assert result.saved_share >= score(Lru(limit), trace(name)).saved_share - MARGIN


@pytest.mark.parametrize("name", SCENES)
def test_asking_ahead_costs_no_more_than_the_waits_it_spares_are_worth(name: str) -> None:
    limit = int(SHARES[-1] * distinct_bytes(trace(name)))
    alone, ahead = replayed(trace(name), limit), replayed(trace(name), limit, ahead=True, watch=True)
    assert ahead.peak <= limit
    assert ahead.hits > alone.hits
    assert alone.saved - ahead.saved <= WAITS * (ahead.hits - alone.hits)


async def test_a_recording_has_every_answered_access_of_the_program(tmp_path: Path) -> None:
    life = Life(tmp_path, invented(3, 1), 1)
    await life.begin()
    try:
        visitor = Visitor(life, "ana")
        await visitor.start_grid("BTC/USDT", 0.1, 8, 500)
        await life.until(START + 2 * MINUTE)
        await visitor.type("market", "symbol", "eth")
        for line in ("/market ETH/USDT", "/chart 1", "/book BTC/USDT", "/chart BTC/USDT 5m"):
            await visitor.say(line)
        total = life.data.metrics().total
    finally:
        await life.stop()
    assert total.asked == len(life.accesses) > 5
    assert {each.kind for each in life.accesses} >= {"ticker", "days", "candles", "book"}
    assert all(each.bytes > 0 and each.ttl > 0 for each in life.accesses)


async def test_what_is_asked_comes_from_the_seed(tmp_path: Path) -> None:
    told = []
    for number in range(2):
        life = Life(tmp_path / str(number), invented(4, 7), 7)
        await life.begin()
        replies = await Visitor(life, "ana").say("/market BTC/USDT")
        told.append((life.accesses, [button.line for each in replies for button in buttons(each)]))
        await life.stop()
    assert told[0] == told[1]
