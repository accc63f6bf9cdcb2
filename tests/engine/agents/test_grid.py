"""The grid agent speaks up about lasting differences only."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data.advice import Advice, OrdersAdvised, TradingState
from data.values import Side
from engine.agents.base import Agent
from engine.agents.grid import Difference, GridAgent, differences
from engine.views import BotStatus, SlotView
from tests.engine.agents.desk import ShownDesk, bot, slot, ticker

D = Decimal
ACTIVE = TradingState.ACTIVE
EMPTY = slot(0, "90", "95")
FULL = slot(1, "105", "110", held="1")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (slot(0, "90", "95", buying="1"), ()),
        (slot(0, "105", "110", held="1", selling="1"), ()),
        (EMPTY, (Difference(0, Side.BUY, D(1)),)),
        (FULL, (Difference(1, Side.SELL, D(1)),)),
        (slot(0, "90", "105", held="0.4", buying="0.6", selling="0.4"), ()),
        (slot(0, "90", "105", held="0.4", selling="0.4"), (Difference(0, Side.BUY, D("0.6")),)),
        # Below the market's minimum notional of 5.
        (slot(0, "90", "105", held="0.97", selling="0.97"), ()),
        # Post-only would be matched now: the buy waits above the ask, the sell below the bid.
        (slot(0, "102", "105"), ()),
        (slot(0, "95", "98", held="1"), ()),
        (slot(0, "90", "105", held="0.5", buying="1", selling="0.5"), (Difference(0, Side.BUY, D("-0.5")),)),
        (slot(0, "90", "105", held="1", selling="1.5"), (Difference(0, Side.SELL, D("-0.5")),)),
    ],
)
def test_differences_are_gaps_and_excesses(seen: SlotView, expected: tuple[Difference, ...]) -> None:
    assert differences(bot(1, seen, price=ticker(0)), ACTIVE) == expected


@pytest.mark.parametrize(
    ("state", "sides"),
    [
        (TradingState.ACTIVE, [Side.BUY, Side.SELL]),
        (TradingState.REDUCING, [Side.SELL]),
        (TradingState.HALTED, []),
    ],
)
def test_what_risk_would_refuse_is_not_missing(state: TradingState, sides: list[Side]) -> None:
    found = differences(bot(1, EMPTY, FULL, price=ticker(0)), state)

    assert [each.side for each in found] == sides


def test_nothing_is_missing_while_no_price_is_known() -> None:
    assert differences(bot(1, EMPTY, price=None), ACTIVE) == ()


async def _look(agent: Agent, desk: ShownDesk) -> list[Advice]:
    return list(await agent.advise(desk, 1_000))


async def test_a_difference_is_reported_when_it_outlives_a_round_and_then_gets_a_new_one() -> None:
    agent, desk = GridAgent(60), ShownDesk()
    desk.shown = (bot(7, EMPTY, price=ticker(0)),)

    spoken = [await _look(agent, desk) for _ in range(4)]

    assert [len(each) for each in spoken] == [0, 1, 0, 1]
    advice = spoken[1][0]
    assert advice.what == OrdersAdvised(bot=7)
    assert advice.evidence == {"differences": "1", "slot 0 buy": "missing 1 BTC"}
    assert advice.expires_at == 61_000


async def test_a_difference_that_nothing_cures_is_reported_ever_more_rarely_until_it_heals() -> None:
    agent, desk = GridAgent(60), ShownDesk()
    missing = bot(7, EMPTY, price=ticker(0))
    whole = bot(7, slot(0, "90", "95", buying="1"), price=ticker(0))
    desk.shown = (missing,)

    day = [len(await _look(agent, desk)) for _ in range(24 * 60)]

    assert sum(day[:60]) >= 4
    assert 0 < sum(day[-120:]) <= 2
    for desk.shown in ((whole,), (missing,)):
        assert await _look(agent, desk) == []
    assert len(await _look(agent, desk)) == 1, "a new one is told at once"


async def test_a_difference_that_moves_on_is_not_reported() -> None:
    agent, desk = GridAgent(60), ShownDesk()
    desk.shown = (bot(7, EMPTY, price=ticker(0)),)
    assert await _look(agent, desk) == []

    desk.shown = (bot(7, FULL, price=ticker(0)),)

    assert await _look(agent, desk) == []


async def test_only_running_bots_are_looked_at() -> None:
    agent, desk = GridAgent(60), ShownDesk()
    desk.shown = tuple(
        bot(number, EMPTY, price=ticker(0), status=status)
        for number, status in enumerate(BotStatus)
        if status is not BotStatus.RUNNING
    )

    assert [await _look(agent, desk) for _ in range(2)] == [[], []]


async def test_long_evidence_is_cut_and_counted() -> None:
    agent, desk = GridAgent(60), ShownDesk()
    desk.shown = (bot(7, *(slot(index, "90", "95") for index in range(9)), price=ticker(0)),)
    await _look(agent, desk)

    (advice,) = await _look(agent, desk)

    assert advice.evidence["differences"] == "9"
    assert len(advice.evidence) == 6
