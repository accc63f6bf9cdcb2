"""What is wanted often is streamed, and no longer when it is not."""

from __future__ import annotations

from data.values import Millis
from engine.exchanges.base import Channel
from engine.markets.demand import REMEMBERED, WITHIN, Demand, Worth

MINUTE: Millis = 60_000


def channel(name: str) -> Channel:
    return Channel("candles", name, "1m")


def demand_for(most: int, often: int = 2) -> Demand:
    return Demand({"candles": Worth(often=often, most=most)})


def test_one_look_is_no_habit_and_two_are() -> None:
    demand = demand_for(10)
    demand.use(channel("BTC/USDT"), 0)
    assert demand.wanted(1) == frozenset()
    demand.use(channel("BTC/USDT"), 1)
    assert demand.wanted(1) == {channel("BTC/USDT")}
    assert demand.wanted(WITHIN + 2) == frozenset()


def test_the_most_used_get_the_streams_there_are() -> None:
    demand = demand_for(2)
    for name, uses in (("A", 2), ("B", 5), ("C", 3)):
        for _ in range(uses):
            demand.use(channel(name), 0)
    assert demand.wanted(0) == {channel("B"), channel("C")}


def test_a_scan_over_all_markets_leaves_no_trace() -> None:
    demand = demand_for(10)
    for _ in range(3):
        demand.use(channel("HOT"), 0)
    for number in range(REMEMBERED - 1):
        demand.use(channel(f"COLD{number}"), 1)
    assert demand.wanted(1) == {channel("HOT")}


def test_a_market_that_is_gone_is_forgotten() -> None:
    demand = demand_for(10)
    for name in ("A", "A", "B", "B"):
        demand.use(channel(name), 0)
    demand.forget("A")
    assert demand.wanted(0) == {channel("B")}


def test_what_is_streamed_stays_so_down_to_half_of_the_uses() -> None:
    demand = demand_for(10, often=4)
    for at in range(4):
        demand.use(channel("A"), at * MINUTE)
    assert demand.wanted(3 * MINUTE) == {channel("A")}
    assert demand.wanted(WITHIN + MINUTE + 1) == {channel("A")}  # two uses count still
    assert demand.wanted(WITHIN + 2 * MINUTE + 1) == frozenset()
    assert demand.wanted(WITHIN + 2 * MINUTE + 1) == frozenset()


def test_a_little_more_use_takes_no_stream_away_and_twice_as_much_does() -> None:
    demand = demand_for(1)
    for _ in range(3):
        demand.use(channel("A"), 0)
    assert demand.wanted(0) == {channel("A")}
    for _ in range(6):
        demand.use(channel("B"), 0)
    assert demand.wanted(0) == {channel("A")}
    demand.use(channel("B"), 0)
    assert demand.wanted(0) == {channel("B")}


def test_each_kind_of_channel_has_its_own_threshold_and_bound() -> None:
    demand = Demand({"candles": Worth(often=1, most=10), "book": Worth(often=3, most=1)})
    books = [Channel("book", name) for name in ("A", "B")]
    for each in (channel("A"), *books, *books):
        demand.use(each, 0)
    assert demand.wanted(0) == {channel("A")}
    for each in (*books, *books, books[1]):
        demand.use(each, 0)
    demand.use(Channel("trades", "A"), 0)
    assert demand.wanted(0) == {channel("A"), books[1]}
