"""A grid with a trigger price does nothing until the price is touched, and plans anew then."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.advice import TradingState
from data.decisions import Rule
from data.events import SetTradingState, StartBot, StopBot, StopReason, TickerMoved
from data.grids import GridSpec
from data.market import Ticker
from data.values import ZERO
from engine.core import Engine
from engine.outcome import Outcome
from engine.risk import RiskLimits
from engine.rules.exits import quiet_band
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SPEC, SYMBOL
from tests.engine.moving import path, rules, run
from tests.engine.test_replay import market_of

D = Decimal
WAITING = msgspec.structs.replace(SPEC, trigger_price=D(104))


def tick(engine: Engine, price: str) -> Outcome:
    return engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(price), D(price), D(price), NOW)))


def started(spec: GridSpec = WAITING, price: str = "100") -> tuple[Engine, Outcome]:
    engine = Engine(RiskLimits(stale_millis=1 << 50))
    tick(engine, price)
    return engine, engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET))


def test_nothing_rests_before_the_price_is_touched() -> None:
    engine, outcome = started()
    bot = engine.state.bots[1]
    assert (bot.status, outcome.approved, bot.slots) == (BotStatus.WAITING, (), [])
    assert bot.books.cash == SPEC.investment, "its money counts as in use"
    assert quiet_band(bot, RiskLimits()) == (ZERO, D(104))
    assert tick(engine, "103.9").sequence == 0


@pytest.mark.parametrize(("before", "touched"), [("100", "104"), ("100", "104.6"), ("107", "104"), ("107", "103.2")])
def test_the_grid_is_planned_at_the_price_that_touched_it(before: str, touched: str) -> None:
    engine, _ = started(price=before)
    outcome = tick(engine, touched)
    bot = engine.state.bots[1]
    assert outcome.decisions[0].rule is Rule.TRIGGERED
    assert bot.status is BotStatus.STARTING
    assert bot.start_price == D(touched)
    assert [slot.awaiting > ZERO for slot in bot.slots] == [slot.upper > D(touched) for slot in bot.slots]


def test_a_price_that_is_there_already_starts_at_once() -> None:
    engine, _ = started(price="104")
    assert engine.state.bots[1].status is BotStatus.STARTING


def test_a_trigger_outside_the_range_is_refused() -> None:
    _, outcome = started(msgspec.structs.replace(SPEC, trigger_price=D(111)))
    assert outcome.problem.startswith("trigger_price: 111: the grid would start outside its own range")


def test_trading_that_is_halted_by_then_fails_the_start_and_says_so() -> None:
    engine, _ = started()
    engine.step(SetTradingState(at=NOW, by="t", state=TradingState.HALTED))
    outcome = tick(engine, "104")
    bot = engine.state.bots[1]
    assert (bot.status, bot.stop_reason) == (BotStatus.STOPPED, StopReason.FAILED_START)
    assert outcome.decisions[0].alternatives[0].why_not == "trading is halted"


def test_a_waiting_bot_can_be_stopped() -> None:
    engine, _ = started()
    engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    assert engine.state.bots[1].status is BotStatus.STOPPED
    assert tick(engine, "104").sequence == 0


def test_a_replay_waits_too() -> None:
    spec = GridSpec(symbol="AAA/USDT", lower=D(90), upper=D(110), levels=11, investment=D(5_000), trigger_price=D(95))
    replay = run(path("100", "100", "101", "94", "99"), spec, market_of("0.01", "0.001"))
    assert rules(replay)[Rule.TRIGGERED] == 1
    assert replay.bot.books.start_price == D(95)
    assert replay.bot.books.fills > 1
