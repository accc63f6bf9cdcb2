"""Real money moves only while a person lets it, up to the cap they set, and never again after they end it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.decisions import Rule
from data.events import (
    ArmMode,
    DisarmMode,
    EngineStarted,
    OrderCancelled,
    ResumeBot,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.grids import Trigger, TriggerKind
from data.journal import Journal
from data.market import Ticker
from data.orders import Purpose
from data.values import ZERO, Mode, Side
from engine.booking.arming import arming_problems
from engine.core import Engine
from engine.recording import entry_of
from engine.risk import RiskLimits
from engine.runner import load_engine
from engine.state import freeze, thaw
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SPEC, SYMBOL
from tests.engine.test_core import Desk

D = Decimal
LIMITS = RiskLimits(stale_millis=1 << 50, armed=(Mode.PRODUCTION, Mode.SHADOW))
REAL = msgspec.structs.replace(SPEC, mode=Mode.PRODUCTION)
START = StartBot(at=NOW, by="t", spec=REAL, market=MARKET)


def arm(cap: str, plan: str = "") -> ArmMode:
    return ArmMode(at=NOW, by="t", plan=plan, mode=Mode.PRODUCTION, cap=D(cap))


DISARM = DisarmMode(at=NOW, by="t", mode=Mode.PRODUCTION)


class RealDesk(Desk):
    """A desk whose only bot trades real money, up to a cap."""

    def __init__(self, *, fill_initial: bool = True, cap: str = "1000", stop_loss: str = "") -> None:
        self.engine, self.trades = Engine(LIMITS), 0
        self.engine.step(EngineStarted(at=NOW, version="1", limits=LIMITS))
        self.tick("100")
        assert self.engine.step(arm(cap)).problem == ""
        level = Trigger(TriggerKind.PRICE, D(stop_loss)) if stop_loss else None
        started = self.engine.step(msgspec.structs.replace(START, spec=msgspec.structs.replace(REAL, stop_loss=level)))
        self.initial = next(each.draft for each in started.approved if each.draft.purpose is Purpose.INITIAL)
        self.bot = self.engine.state.bots[1]
        if fill_initial:
            self.fill(self.initial)

    def disarm(self) -> None:
        """End it, and let the exchange confirm that everything is off the book."""
        for request in self.engine.step(DISARM).cancels:
            self.engine.step(OrderCancelled(at=NOW, client_id=request.client_id))


def test_a_bot_of_real_money_neither_starts_nor_resumes_before_its_mode_is_armed() -> None:
    engine = Engine(LIMITS)
    engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(100), D(100), D(100), NOW)))
    assert "production is not armed" in engine.step(START).problem
    desk = RealDesk()
    desk.disarm()
    assert "production is not armed" in desk.engine.step(ResumeBot(at=NOW, by="t", bot=1)).problem
    desk.engine.step(arm("1000"))
    assert desk.engine.step(ResumeBot(at=NOW, by="t", bot=1)).approved


@pytest.mark.parametrize(
    ("limits", "control", "words"),
    [
        (RiskLimits(), arm("10"), "cannot be armed by an engine that runs shadow"),
        (None, arm("10"), "cannot be armed by an engine that runs nothing"),
        (LIMITS, ArmMode(at=NOW, by="t", mode=Mode.TESTNET, cap=D(1)), "testnet cannot be armed"),
        (LIMITS, arm("0"), "0 is no amount"),
        (LIMITS, arm("NaN"), "NaN is no amount"),
        (LIMITS, DISARM, "is not armed"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    limits: RiskLimits | None, control: ArmMode | DisarmMode, words: str
) -> None:
    engine = Engine(LIMITS)
    if limits is not None:
        engine.step(EngineStarted(at=NOW, version="1", limits=limits))
    before = freeze(engine.state)
    assert words in engine.step(control).problem
    assert freeze(engine.state) == before


def test_disarming_takes_orders_off_keeps_the_inventory_and_still_watches_the_stop() -> None:
    desk = RealDesk(stop_loss="80")
    held, resting = desk.bot.books.base, set(desk.bot.live)
    outcome = desk.engine.step(DISARM)
    assert outcome.decisions[0].rule is Rule.DISARM_MODE
    assert {request.client_id for request in outcome.cancels} == resting
    assert (desk.bot.status, desk.bot.books.base) == (BotStatus.PAUSED, held)
    stopped = desk.tick("79")
    assert stopped.decisions[0].rule is Rule.STOP_LOSS
    assert stopped.refused == ()
    assert desk.bot.stop_reason is StopReason.STOP_LOSS


def test_disarming_a_bot_that_is_still_buying_stops_it() -> None:
    desk = RealDesk(fill_initial=False)
    desk.engine.step(DISARM)
    assert (desk.bot.status, desk.bot.sell_on_stop) == (BotStatus.STOPPING, False)


def test_a_person_may_sell_everything_after_disarming() -> None:
    desk = RealDesk()
    desk.disarm()
    (closing,) = desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True)).approved
    assert (closing.draft.purpose, closing.draft.side) == (Purpose.CLOSE, Side.SELL)


def test_a_lower_cap_stops_buying_and_a_higher_one_lets_it_go_on() -> None:
    desk = RealDesk(cap="5000")
    bid = desk.order(4, Side.BUY)
    desk.engine.step(arm("600"))
    outcome = desk.fill(bid)
    assert [each.draft.side for each in outcome.approved] == [Side.SELL], "selling lowers exposure"
    again = desk.fill(desk.order(4, Side.SELL))
    assert [each.code.value for each in again.refused] == ["above_mode_cap"]
    assert desk.bot.slots[4].blocked
    raised = desk.engine.step(arm("5000"))
    assert [each.draft.slot for each in raised.approved] == [4]


def test_a_plan_arms_once_and_a_restart_keeps_what_was_armed() -> None:
    journal, engine = Journal.in_memory(), Engine(LIMITS)
    for event in (EngineStarted(at=NOW, version="1", limits=LIMITS), arm("500", "p1")):
        journal.append(entry_of(engine.step(event), engine.state))
    journal.commit()
    assert "was carried out before" in engine.step(arm("900", "p1")).problem
    again = load_engine(journal, LIMITS)
    assert again.state.armed == {Mode.PRODUCTION: D(500)} == thaw(freeze(engine.state)).armed
    assert again.state.bots == {}
    assert again.state.armed.get(Mode.SHADOW, ZERO) == ZERO


def test_a_plan_hears_of_a_mode_that_is_not_armed_and_of_a_cap_that_would_be_passed() -> None:
    desk = RealDesk(cap="1500")
    state = desk.engine.state
    (over,) = arming_problems(state, REAL)
    assert (over.field, over.accepted) == ("cap", "at most 500, or a higher cap, see /mode")
    assert arming_problems(state, msgspec.structs.replace(REAL, investment=D(500))) == []
    (geared,) = arming_problems(state, msgspec.structs.replace(REAL, investment=D(500), leverage=3))
    assert geared.accepted == "at most 166.66, or a higher cap, see /mode"
    assert arming_problems(state, SPEC) == []
    desk.engine.step(DISARM)
    assert [each.field for each in arming_problems(state, REAL)] == ["mode"]
