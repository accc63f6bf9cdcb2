"""How the account may be divided: each limit stops an investment just above it, and lets the one at it pass."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data.events import StartBot, TickerMoved
from data.grids import GridSpec
from data.market import Ticker
from engine.accounts.allocation import Account, Allocation, allocation_problems, survey
from engine.core import Engine
from engine.risk import RiskLimits
from engine.state import EngineState
from tests.engine.test_risk import MARKET, NOW

D = Decimal


def spec(investment: int) -> GridSpec:
    """Return a grid of this size."""
    return GridSpec(symbol="AAA/USDT", lower=D(90), upper=D(110), levels=5, investment=D(investment))


def running() -> EngineState:
    """Return the state of one bot that was given 1000 and has bought nothing yet."""
    engine = Engine(RiskLimits())
    engine.step(TickerMoved(at=NOW, ticker=Ticker("AAA/USDT", D(100), D(100), D(100), NOW)))
    engine.step(StartBot(at=NOW, by="t", spec=spec(1000), market=MARKET))
    return engine.state


def test_a_bots_cash_counts_as_what_it_may_buy() -> None:
    account = survey(running(), {"USDT": D(9_000), "AAA": D(10), "ZZZ": D(5)}, MARKET, D(100))
    assert account == Account(worth=D(10_000), in_asset=D(2_000), uncommitted=D(8_000))


def test_without_limits_anything_goes() -> None:
    empty = survey(EngineState(), {}, MARKET, D(100))
    assert allocation_problems(spec(1), MARKET, empty, Allocation()) == []


@pytest.mark.parametrize(
    ("limits", "room", "name"),
    [
        (Allocation(max_asset_percent=D(70)), 5_000, "max_asset_allocation_perc"),
        (Allocation(min_stable_percent=D(30)), 5_000, "min_stable_balance_perc"),
    ],
)
def test_each_limit_says_how_much_is_left(limits: Allocation, room: int, name: str) -> None:
    account = Account(worth=D(10_000), in_asset=D(2_000), uncommitted=D(8_000))
    assert allocation_problems(spec(room), MARKET, account, limits) == []
    (problem,) = allocation_problems(spec(room + 1), MARKET, account, limits)
    assert (problem.field, problem.value, problem.accepted) == ("investment", str(room + 1), f"at most {room}")
    assert name in problem.problem
