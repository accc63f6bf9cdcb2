"""What is wanted often is streamed, and no longer when it is not."""

from __future__ import annotations

from engine.exchanges.base import Channel
from engine.markets.demand import REMEMBERED, WITHIN, Demand


def channel(name: str) -> Channel:
    return Channel("candles", name, "1m")


def test_one_look_is_no_habit_and_two_are() -> None:
    demand = Demand(10)
    demand.use(channel("BTC/USDT"), 0)
    assert demand.wanted(1) == frozenset()
    demand.use(channel("BTC/USDT"), 1)
    assert demand.wanted(1) == {channel("BTC/USDT")}
    assert demand.wanted(WITHIN + 1) == frozenset()


def test_the_most_used_get_the_streams_there_are() -> None:
    demand = Demand(2)
    for name, uses in (("A", 2), ("B", 5), ("C", 3)):
        for _ in range(uses):
            demand.use(channel(name), 0)
    assert demand.wanted(0) == {channel("B"), channel("C")}


def test_a_scan_over_all_markets_leaves_no_trace() -> None:
    demand = Demand(10)
    for _ in range(3):
        demand.use(channel("HOT"), 0)
    for number in range(REMEMBERED - 1):
        demand.use(channel(f"COLD{number}"), 1)
    assert demand.wanted(1) == {channel("HOT")}


def test_a_market_that_is_gone_is_forgotten() -> None:
    demand = Demand(10)
    for name in ("A", "A", "B", "B"):
        demand.use(channel(name), 0)
    demand.forget("A")
    assert demand.wanted(0) == {channel("B")}
