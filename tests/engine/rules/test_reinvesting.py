"""Slots grow by the profit of the grid and by nothing else, each with its next purchase."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decisions import Rule
from data.events import SetReinvest
from data.grids import GridSpec
from data.market import FeeAsset
from data.values import ZERO
from engine.rules.trailing import idle
from tests.engine.fake_exchange import NOW
from tests.engine.moving import rules, run, walk
from tests.engine.test_core import Desk
from tests.engine.test_replay import market_of

D = Decimal
GRID = GridSpec(symbol="AAA/USDT", lower=D(85), upper=D(115), levels=31, investment=D(5_000), reinvest=True)
PLAIN = msgspec.structs.replace(GRID, reinvest=False)


def test_profit_makes_slots_larger() -> None:
    along = walk(5, 1_500)
    grown, same = run(along, GRID, market_of("0.01", "0.0001")), run(along, PLAIN, market_of("0.01", "0.0001"))
    first = same.bot.slots[0].capacity
    assert rules(grown)[Rule.REINVEST] > 3
    assert grown.bot.size > first
    assert max(slot.capacity for slot in grown.bot.slots) <= grown.bot.size + first / 10
    assert grown.bot.books.reinvested > ZERO
    assert grown.bot.books.grid_profit > same.bot.books.grid_profit
    assert same.bot.books.reinvested == ZERO


@given(
    seed=st.integers(0, 10_000),
    asset=st.sampled_from(FeeAsset),
    step=st.sampled_from(("0.001", "0.01", "0.1")),
    limit=st.sampled_from((None, D(300))),
)
@settings(max_examples=60, deadline=None)
def test_no_slot_grows_on_money_the_bot_does_not_have(
    seed: int, asset: FeeAsset, step: str, limit: Decimal | None
) -> None:
    spec = msgspec.structs.replace(GRID, trail_up=limit)
    replay = run(walk(seed, 300, drift=0.1 if limit else 0), spec, market_of("0.01", step, asset=asset))
    bot = replay.bot
    assert idle(bot, bot.slots) > D("-0.05"), "but for fees on fees"
    assert bot.bid <= bot.books.cash


@pytest.mark.parametrize("on", [True, False])
def test_a_person_turns_it_on_and_off(on: bool) -> None:
    desk = Desk()
    done = desk.engine.step(SetReinvest(at=NOW, by="t", bot=1, on=on))
    assert done.decisions[0].rule is Rule.CHANGE_GRID
    assert desk.bot.spec.reinvest is on
