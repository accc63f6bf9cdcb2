"""Whatever order messages come in, and however often, bars close once and trades are told once."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from data.market import Candle
from data.observations import PublicTrade
from data.values import Side
from engine.exchanges.stream_order import BarOrder, TradeOrder

D = Decimal
MINUTE = 60_000


def bar(minute: int, trades: int = 1) -> Candle:
    """Return a bar as it stands after some trades, each one further from where it opened."""
    return Candle(minute * MINUTE, D(100), D(100) + trades, D(100) - trades, D(100) + trades, D(trades))


def trade(number: int, at: int = 0) -> PublicTrade:
    """Return a trade."""
    return PublicTrade(symbol="A/B", trade_id=str(number), price=D(1), quantity=D(1), side=Side.BUY, at=at)


@given(
    trades=st.lists(st.integers(1, 4), min_size=2, max_size=6),
    seed=st.integers(0, 1 << 32),
    spread=st.integers(0, 6),
    lost=st.floats(0, 0.6),
    flagged=st.booleans(),
)
def test_bars_come_whole_however_their_messages_come(
    trades: list[int], seed: int, spread: int, lost: float, flagged: bool
) -> None:
    """``spread`` is how far a message may come late, in messages; the exchange answers questions truthfully."""
    chance = random.Random(seed)
    said = [
        (bar(minute, number), number == count and minute < len(trades) - 1 and flagged)
        for minute, count in enumerate(trades)
        for number in [*range(1, count + 1), count]
    ]
    heard = [each for each in said for _ in range(chance.choice((1, 1, 2))) if chance.random() >= lost]
    heard = [each for _, each in sorted(enumerate(heard), key=lambda pair: pair[0] + chance.randint(0, spread))]
    order, told = BarOrder(MINUTE), list[tuple[Candle, bool]]()
    for candle, closed in heard:
        since = order.missing(candle.opened_at)
        if since is not None:
            for minute in range(since // MINUTE, candle.opened_at // MINUTE):
                final = bar(minute, trades[minute])
                if order.take(final, closed=True):
                    told.append((final, True))
        assert order.missing(candle.opened_at) is None
        if order.take(candle, closed=closed):
            told.append((candle, closed))
    closed_bars = [candle for candle, closed in told if closed]
    assert closed_bars == [bar(each.opened_at // MINUTE, trades[each.opened_at // MINUTE]) for each in closed_bars]
    for (before, over), (after, _) in itertools.pairwise(told):
        assert after.opened_at == before.opened_at + MINUTE * over
        assert over or after.volume >= before.volume
    if heard:
        newest = max(candle.opened_at for candle, _ in heard)
        assert told[-1][0].opened_at == newest
        assert told[-1][0].volume == max(candle.volume for candle, _ in heard if candle.opened_at == newest)


def test_what_was_asked_for_shows_whether_something_was_not_told() -> None:
    order = BarOrder(MINUTE)
    assert not order.behind([bar(4), bar(5)])  # nothing is known yet to be behind of
    order.take(bar(5, 2), closed=False)
    assert not order.behind([bar(4, 9), bar(5, 2)])
    assert order.behind([bar(4, 9), bar(5, 3)])
    assert order.behind([bar(5, 2), bar(6, 1)])
    assert not order.behind([bar(5, 2), bar(6, 0)])  # nobody traded: there was nothing to tell
    order.take(bar(5, 3), closed=True)
    assert not order.behind([bar(5, 3), bar(6, 0)])
    assert order.behind([bar(5, 3), bar(6, 1)])


@given(
    numbers=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    cut=st.integers(0, 12),
    numbered=st.booleans(),
)
def test_trades_are_told_once(numbers: list[int], cut: int, numbered: bool) -> None:
    order, told = TradeOrder(numbered=numbered), list[str]()
    for part in (numbers[:cut], numbers[cut:]):
        new, missed = order.take(trade(number) for number in dict.fromkeys(part))
        before, ids = told[-1:], [each.trade_id for each in new]
        told += ids
        if numbered and before and ids:
            assert missed is (list(map(int, ids)) != list(range(int(before[0]) + 1, int(before[0]) + 1 + len(ids))))
    assert len(set(told)) == len(told)
    if numbered:
        assert list(map(int, told)) == sorted(map(int, told))
    else:
        assert set(told) == set(map(str, numbers))


def test_after_a_break_only_numbers_prove_that_nothing_was_missed() -> None:
    for numbered in (True, False):
        order = TradeOrder(numbered=numbered)
        order.doubt()
        assert order.take([trade(7)]) == ([trade(7)], False)  # the first ones ever miss nothing
        order.doubt()
        assert order.take([trade(7)]) == ([], False)
        assert order.take([trade(8)]) == ([trade(8)], not numbered)
        assert order.take([trade(9)]) == ([trade(9)], False)
        assert not order.behind(trade(9))
        assert order.behind(trade(10))


def test_as_many_trades_as_come_are_remembered_only_for_a_while() -> None:
    order = TradeOrder(numbered=False)
    order.take(trade(number) for number in range(1, 3001))
    assert order.take([trade(3000), trade(2500)]) == ([], False)
    assert len(order._known) == 1000
