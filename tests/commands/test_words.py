"""Everything with a name has words."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from commands import words
from data.advice import TradingState
from data.events import RejectReason, StopReason
from data.grids import Direction, MarginMode, OutOfRange
from data.orders import RefusalCode
from data.values import Mode
from engine.views import BotStatus, Danger, RangePosition

PAIRS: list[tuple[Callable[[Any], str], type[StrEnum]]] = [
    (words.refusal, RefusalCode), (words.rejection, RejectReason), (words.stop_reason, StopReason),
    (words.out_of_range, OutOfRange), (words.trading_state, TradingState), (words.status, BotStatus),
    (words.position, RangePosition), (words.mode, Mode), (words.direction, Direction), (words.margin, MarginMode),
    (words.danger, Danger),
]  # fmt: skip


@pytest.mark.parametrize(("say", "names"), PAIRS, ids=lambda each: getattr(each, "__name__", ""))
def test_every_name_has_words_of_its_own(say: Callable[[Any], str], names: type[StrEnum]) -> None:
    said = [say(each) for each in names]
    assert all(said)
    assert len(set(said)) == len(said)
