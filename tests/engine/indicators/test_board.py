"""A board keeps many indicators of one market up to date, and shows the unfinished bar."""

from __future__ import annotations

import numpy as np
import pytest

from engine.indicators.base import each_bar, make
from engine.indicators.board import Board
from tests.engine.indicators.markets import KNOWN, START, bar, random_walk, same, tolerance

ALL = {name: make(name) for name in KNOWN}


def test_a_board_over_a_history_has_the_last_values_of_every_window() -> None:
    bars = random_walk(600, 61)
    values = Board.over(ALL, bars).values
    assert list(values) == list(ALL)
    for name, indicator in ALL.items():
        wanted = {output: column[-1] for output, column in indicator.window(bars).items()}
        assert list(values[name]) == list(wanted)
        same(list(values[name].values()), list(wanted.values()), tolerance(indicator, bars))


def test_a_board_goes_on_from_a_history_as_if_it_had_been_there() -> None:
    bars = random_walk(500, 62)
    board = Board.over(ALL, bars.part(0, 300))
    for each in each_bar(bars.part(300)):
        answers = board.update(each)
    assert board.values == Board.over(ALL, bars).values
    assert [tuple(row.values()) for row in board.values.values()] == list(answers)
    assert board.at == bars.at[-1]


def test_the_unfinished_bar_is_shown_and_not_taken_in() -> None:
    bars = random_walk(401, 63)
    *closed, last = each_bar(bars)
    board = Board.over(ALL, bars.part(0, 400))
    before = board.values
    higher = bar(last.close * 2, at=last.at, high=last.close * 2, low=last.low)
    assert board.peek(higher) != board.peek(last)
    shown = board.peek(last)
    assert board.values == before
    assert board.at == closed[-1].at
    board.update(last)
    assert board.values == shown


def test_a_bar_is_taken_in_once_and_in_order() -> None:
    board = Board({"sma": make("sma", {"length": 2})})
    board.update(bar(1.0))
    for late in (START, START - 60_000):
        with pytest.raises(ValueError, match=f"bar.at: {late} .* accepted: above {START}"):
            board.update(bar(9.0, at=late))
        with pytest.raises(ValueError, match=f"bar.at: {late} .* accepted: above {START}"):
            board.peek(bar(9.0, at=late))
    board.update(bar(2.0, at=START + 60_000))
    assert board.values == {"sma": {"sma": 1.5}}


def test_labels_tell_two_of_a_kind_apart() -> None:
    board = Board({"fast": make("ema", {"length": 5}), "slow": make("ema", {"length": 50})})
    for each in each_bar(random_walk(100, 64)):
        board.update(each)
    assert board.values["fast"] != board.values["slow"]
    assert board.readings(100.0)["slow"].endswith("the 50-bar exponential average")


def test_a_board_without_a_bar_knows_nothing_yet() -> None:
    board = Board(ALL)
    assert all(np.isnan(value) for row in board.values.values() for value in row.values())
    assert set(board.readings(1.0)) == set(ALL)
    assert board.readings(1.0)["rsi"] == "not known yet: needs 15 bars"


def test_a_board_without_indicators_is_empty() -> None:
    board = Board({})
    assert board.update(bar(1.0)) == ()
    assert board.values == {}
