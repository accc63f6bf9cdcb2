"""The invented path: reproducible from any point, continuous over midnight, nervous in clusters, and at home."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, pstdev

from engine.exchanges.invented_path import _HOURS_KEPT, DAY, STEP, InventedPath

TODAY = 20_700


def path(seed: int = 1, symbol: str = "BTC/USDT") -> InventedPath:
    return InventedPath(seed, symbol, price=100.0, daily_deviation=0.03, daily_volume=1_000.0)


def minutes(made: InventedPath, day: int) -> list[float]:
    prices = [made.price(day * DAY + minute * 60_000) for minute in range(1440)]
    return [math.log(after / before) for before, after in pairwise(prices)]


def test_any_instant_is_the_same_however_it_is_reached() -> None:
    walked, jumped = path(), path()
    for day in range(TODAY - 6, TODAY + 1):
        walked.price(day * DAY)
    at = TODAY * DAY + 12_345_000
    assert walked.price(at) == jumped.price(at)
    assert walked.bar(at - 60_000, at) == jumped.bar(at - 60_000, at)


def test_seeds_and_markets_differ() -> None:
    at = TODAY * DAY
    assert len({path(1).price(at), path(2).price(at), path(1, "ETH/USDT").price(at)}) == 3


def test_midnight_is_no_jump() -> None:
    made = path()
    for day in range(TODAY, TODAY + 10):
        before, after = made.price(day * DAY - STEP), made.price(day * DAY)
        assert abs(math.log(after / before)) < 0.01


def test_bars_hold_every_price_inside_them() -> None:
    made = path()
    start = TODAY * DAY + 7_200_000
    hour = made.hours(TODAY)[2]
    prices = [made.price(start + step * STEP) for step in range(721)]
    assert (hour.open, hour.close) == (prices[0], prices[-1])
    assert (hour.high, hour.low) == (max(prices), min(prices))
    parts = [made.bar(start + minute * 60_000, start + (minute + 1) * 60_000) for minute in range(60)]
    assert max(part.high for part in parts) == hour.high
    assert math.isclose(sum(part.volume for part in parts), hour.volume)


def test_a_day_moves_about_as_much_as_it_should_and_the_price_stays_at_home() -> None:
    made = path()
    closes = [made.hours(day)[-1].close for day in range(TODAY - 60, TODAY)]
    moves = [math.log(after / before) for before, after in pairwise(closes)]
    assert 0.02 < pstdev(moves) < 0.045
    assert 50 < min(closes) < max(closes) < 200


def test_volatility_comes_in_clusters_and_tails_are_fat() -> None:
    made = path()
    day = [move for number in range(TODAY, TODAY + 3) for move in minutes(made, number)]
    sizes = [abs(move) for move in day]
    centre = fmean(sizes)
    together = fmean((a - centre) * (b - centre) for a, b in pairwise(sizes)) / pstdev(sizes) ** 2
    assert together > 0.05
    kurtosis = fmean(move**4 for move in day) / fmean(move**2 for move in day) ** 2
    assert kurtosis > 3.5


def test_days_that_were_looked_at_once_are_not_kept_for_ever() -> None:
    made = path()
    for day in range(TODAY - 2 * _HOURS_KEPT, TODAY):
        made.hours(day)
    assert len(made._hours) == _HOURS_KEPT
    assert made.hours(TODAY - 2 * _HOURS_KEPT) == path().hours(TODAY - 2 * _HOURS_KEPT)
