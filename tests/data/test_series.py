"""Bars as they become known: late, doubled, lost and unfinished ones never pass for what the exchange has."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.market import Candle
from data.series import Series, Span

MINUTE = 60_000
START = 1_700_000_040_000 // MINUTE * MINUTE


def bar(number: int, close: str = "100", volume: str = "1") -> Candle:
    price = Decimal(close)
    return Candle(START + number * MINUTE, price, price + 1, price - 1, price, Decimal(volume))


def at(number: float) -> int:
    return round(START + number * MINUTE)


def asked(series: Series, *numbers: int, since: int | None = None, now: float = 99) -> Series:
    first = min(numbers, default=0) if since is None else since
    series.ask([bar(number) for number in numbers], since=at(first), now=at(now))
    return series


def test_an_answer_settles_all_bars_but_its_last() -> None:
    series = asked(Series(MINUTE, 10), 0, 1, 2)
    assert [series.settled(at(number)) for number in range(4)] == [True, True, False, False]
    assert series.bars().close.tolist() == [100, 100, 100]
    assert series.wanted(at(0), at(2.5)) is None


def test_a_bar_is_extended_as_it_is_told_and_settled_by_its_end() -> None:
    series = asked(Series(MINUTE, 10), 0, 1)
    assert series.tell(bar(1, "105"), closed=False, now=at(1.5))
    assert series.tell(bar(1, "107"), closed=True, now=at(2))
    assert not series.tell(bar(1, "90"), closed=False, now=at(2.1))
    assert series.tell(bar(2, "108"), closed=False, now=at(2.1))
    assert series.bars(2).close.tolist() == [107, 108]
    assert series.wanted(at(0), at(2.5)) is None


def test_a_bar_that_was_never_closed_is_doubtful_until_asked_for() -> None:
    series = asked(Series(MINUTE, 10), 0, 1)
    series.tell(bar(2, "101"), closed=False, now=at(2.1))
    assert series.wanted(at(0), at(2.5)) == Span(at(1), at(1))
    asked(series, 1, 2, now=2.6)
    assert series.settled(at(1))
    assert series.wanted(at(0), at(2.6)) is None


def test_bars_nobody_told_of_are_wanted() -> None:
    series = asked(Series(MINUTE, 10), 0, 1)
    series.tell(bar(1), closed=True, now=at(2))
    series.tell(bar(5), closed=True, now=at(6))
    assert series.wanted(at(0), at(5.9)) == Span(at(2), at(4))
    assert series.bars().at.tolist() == [at(0), at(1), at(5)]
    asked(series, 2, 3, 4, 5)
    assert series.bars().at.tolist() == [at(number) for number in range(6)]
    assert series.wanted(at(0), at(5.9)) is None


def test_a_late_bar_fills_its_gap_and_stays_doubtful_unless_closed() -> None:
    series = asked(Series(MINUTE, 10), 0, 1)
    series.tell(bar(1), closed=True, now=at(2))
    series.tell(bar(4), closed=True, now=at(5))
    assert series.tell(bar(2), closed=True, now=at(5))
    assert series.tell(bar(3), closed=False, now=at(5))
    assert series.wanted(at(0), at(4.9)) == Span(at(3), at(3))


def test_what_the_exchange_does_not_have_is_asked_for_once() -> None:
    series = asked(Series(MINUTE, 10), 0, 1, 4, 5)
    assert series.wanted(at(0), at(5.5)) is None
    assert series.bars().at.tolist() == [at(0), at(1), at(4), at(5)]


def test_nothing_is_called_absent_behind_the_last_bar_of_an_answer() -> None:
    """Our clock may run ahead: the bars that should be there by it will still come."""
    series = asked(Series(MINUTE, 10), 0, 1, now=4)
    assert series.wanted(at(0), at(4)) == Span(at(1), at(4))
    asked(series, 1, 2, 3, 4)
    assert series.bars().at.tolist() == [at(number) for number in range(5)]


def test_an_answer_from_before_its_last_trade_does_not_undo_a_settled_bar() -> None:
    series = asked(Series(MINUTE, 10), 0, 1)
    series.tell(bar(1, "120"), closed=True, now=at(2))
    asked(series, 0, 1, now=2)
    assert series.bars().close.tolist() == [100, 120]
    asked(series, 0, 1, 2, now=2.1)
    assert series.bars().close.tolist() == [100, 100, 100]


def test_only_the_newest_bars_are_kept() -> None:
    series = Series(MINUTE, 4)
    for number in range(50):
        series.tell(bar(number), closed=True, now=at(number + 1))
    assert series.bars().at.tolist() == [at(number) for number in range(46, 50)]
    assert len(series) == 4
    assert not series.tell(bar(10), closed=True, now=at(50))


@pytest.mark.parametrize(
    "wrong",
    [
        Candle(at(0), Decimal(1), Decimal("0.5"), Decimal("0.5"), Decimal(1), Decimal(1)),
        Candle(at(0), Decimal(1), Decimal(1), Decimal(0), Decimal(1), Decimal(1)),
        Candle(at(0), Decimal(1), Decimal(1), Decimal(1), Decimal("NaN"), Decimal(1)),
        Candle(at(0), Decimal(1), Decimal(1), Decimal(1), Decimal(1), Decimal(-1)),
        Candle(at(0) + 1, Decimal(1), Decimal(1), Decimal(1), Decimal(1), Decimal(1)),
        Candle(at(60 * 24), Decimal(1), Decimal(1), Decimal(1), Decimal(1), Decimal(1)),
    ],
)
def test_nonsense_is_not_taken_in(wrong: Candle) -> None:
    series = Series(MINUTE, 4)
    assert not series.tell(wrong, closed=True, now=at(1))
    series.ask([wrong], since=0, now=at(1))
    if wrong.opened_at != at(60 * 24):
        assert len(series) == 0


class Message(NamedTuple):
    number: int
    final: bool


@settings(max_examples=300, deadline=None)
@given(data=st.data(), count=st.integers(2, 14), most=st.integers(3, 20))
def test_after_any_weather_what_is_not_wanted_is_what_the_exchange_has(
    data: st.DataObject, count: int, most: int
) -> None:
    """Messages are lost, late and doubled; the exchange itself lacks some bars; an answer is true of its time."""
    holes = data.draw(st.sets(st.integers(0, count - 2), max_size=3), "halts")
    final = {number: bar(number, str(100 + number), "9") for number in range(count) if number not in holes}
    partial = {number: bar(number, str(90 + number), "1") for number in final}
    series = Series(MINUTE, most)
    told = [Message(number, done) for number in final for done in (False, True)]
    for message in data.draw(st.lists(st.sampled_from(told), max_size=25), "told"):
        candle = (final if message.final else partial)[message.number]
        series.tell(candle, closed=message.final, now=at(count))
        if data.draw(st.integers(0, 3), "ask") == 0:
            _answer(series, final, partial, data.draw(st.integers(0, count - 1), "until"), count)
    rounds = 0
    now = at(count - 0.5)
    oldest = max(at(0), now - (most - 1) * MINUTE)
    while (span := series.wanted(oldest, now)) is not None and rounds < 4:
        series.ask([final[each] for each in sorted(final) if at(each) >= span.first], since=span.first, now=now)
        rounds += 1
    wanted = series.wanted(oldest, now)
    bars = series.bars()
    assert bars.at.tolist() == sorted(set(bars.at.tolist()))
    for number in final:
        there = np.flatnonzero(bars.at == at(number))
        if at(number) >= oldest and number < count - 1:
            assert there.size, number
            assert bars.close[there[0]] == 100 + number
            assert series.settled(at(number))
    assert wanted is None or wanted.first >= at(max(final))


def _answer(series: Series, final: dict[int, Candle], partial: dict[int, Candle], until: int, count: int) -> None:
    """Answer as the exchange stood when bar ``until`` was unfinished."""
    known = [final[number] for number in sorted(final) if number < until]
    known += [partial[until]] if until in partial else []
    series.ask(known, since=at(0), now=at(count))
