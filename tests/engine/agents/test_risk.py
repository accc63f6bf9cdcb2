"""The risk agent restricts on losses and old data, frees only what it restricted for data, and never the other way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from config.schema import Settings
from data.advice import Advice, TradingState, TradingStateAdvised
from data.events import SetTradingState
from data.grids import MarginMode
from data.values import Mode
from engine.agents.base import Agent
from engine.agents.risk import (
    DAY,
    Limits,
    RiskAgent,
    build,
)
from engine.booking.apply import apply
from engine.desk import PositionView
from engine.exchanges.base import Position
from engine.views import BotStatus
from tests.engine.agents.desk import ShownDesk, bot, slot, ticker

D = Decimal
ACTIVE, REDUCING, HALTED = TradingState
LIMITS = Limits(max_drawdown_perc=D(10), max_daily_loss_perc=D(5), stale_ms=30_000, halt_ms=300_000)
NOON = DAY // 2


class Scene:
    """An agent, a desk that takes its advice, and a clock moved by hand."""

    def __init__(self, *, at_work: bool = True) -> None:
        """Begin at noon of day 0 with 1000 USDT, and with one bot when ``at_work``."""
        self.agent: Agent = RiskAgent(LIMITS, "USDT", 30)
        self.desk = ShownDesk()
        self.desk.started_at = NOON
        self.now = NOON
        self.at_work = at_work

    async def look(self, *, equity: str | None = None, price_age: int = 0, later: int = 30_000) -> list[Advice]:
        """Move on, show the given picture, let the agent look, and let the engine take what it says."""
        self.now += later
        if equity is not None:
            self.desk.held["USDT"] = D(equity)
        self.desk.shown = (bot(1, slot(0, "90", "95"), price=ticker(self.now - price_age)),) if self.at_work else ()
        advice = list(await self.agent.advise(self.desk, self.now))
        self.desk.take(advice, self.now)
        return advice

    @property
    def state(self) -> TradingState:
        """Return the state in force."""
        return self.desk.engine().trading_state

    def person(self, state: TradingState) -> None:
        """Let a person set the state."""
        apply(self.desk.state, SetTradingState(at=self.now, by="telegram:1", state=state))


async def test_the_first_look_writes_the_marks_down_and_the_next_is_silent() -> None:
    scene = Scene()

    (advice,) = await scene.look()

    assert advice.what == TradingStateAdvised(state=ACTIVE, peak_equity=D(1000), day_start_equity=D(1000), day=0)
    assert advice.expires_at > scene.now
    assert await scene.look() == []


async def test_a_peak_is_written_down_when_it_is_a_thousandth_higher() -> None:
    scene = Scene()
    await scene.look()

    assert await scene.look(equity="1001") == []
    assert len(await scene.look(equity="1001.01")) == 1
    assert scene.desk.engine().peak_equity == D("1001.01")


async def test_a_new_day_starts_with_its_own_mark() -> None:
    scene = Scene()
    await scene.look()

    await scene.look(equity="960", later=DAY)

    assert scene.state is ACTIVE
    assert (scene.desk.engine().day_start_equity, scene.desk.engine().day) == (D(960), 1)


async def test_marks_survive_a_restart() -> None:
    scene = Scene()
    await scene.look()
    scene.agent = RiskAgent(LIMITS, "USDT", 30)

    await scene.look(equity="900")

    assert scene.state is HALTED
    assert scene.desk.engine().trading_state_reason == "drawdown limit"


async def test_a_drawdown_is_never_freed_by_recovery() -> None:
    scene = Scene()
    await scene.look()
    await scene.look(equity="900")

    for _ in range(3):
        await scene.look(equity="2000")

    assert scene.state is HALTED


async def test_a_person_who_frees_accepts_the_loss_so_far_and_no_more() -> None:
    scene = Scene()
    await scene.look()
    await scene.look(equity="890")
    await scene.look()

    scene.person(ACTIVE)
    await scene.look()

    assert (scene.state, scene.desk.engine().peak_equity) == (ACTIVE, D(890))
    await scene.look(equity="800")
    assert scene.state is HALTED


async def test_stale_prices_reduce_then_halt_then_free_after_two_good_looks() -> None:
    scene = Scene()
    await scene.look()

    seen = []
    for age in (0, 30_000, 299_999, 300_000, 30_000, 0, 0):
        await scene.look(price_age=age)
        seen.append(scene.state)

    assert seen == [ACTIVE, REDUCING, REDUCING, HALTED, HALTED, HALTED, ACTIVE]


async def test_a_price_from_the_future_is_as_wrong_as_an_old_one() -> None:
    scene = Scene()
    await scene.look()

    await scene.look(price_age=-31_000)

    assert scene.state is REDUCING


async def test_freeing_for_data_keeps_what_the_losses_had_asked_for_even_after_a_restart() -> None:
    scene = Scene()
    await scene.look()
    await scene.look(equity="960")
    assert scene.state is REDUCING
    await scene.look(price_age=300_000)
    assert scene.state is HALTED
    scene.agent = RiskAgent(LIMITS, "USDT", 30)

    for _ in range(3):
        await scene.look(equity="1000")

    assert scene.state is REDUCING


async def test_stale_data_frees_itself_after_a_restart_too() -> None:
    scene = Scene()
    await scene.look()
    await scene.look(price_age=300_000)
    scene.agent = RiskAgent(LIMITS, "USDT", 30)

    await scene.look()
    assert scene.state is HALTED
    await scene.look()

    assert scene.state is ACTIVE


async def test_a_drawdown_is_not_freed_by_a_restart() -> None:
    scene = Scene()
    await scene.look()
    await scene.look(equity="900")
    scene.agent = RiskAgent(LIMITS, "USDT", 30)

    for _ in range(3):
        await scene.look(equity="1000")

    assert scene.state is HALTED


@pytest.mark.parametrize("state", [REDUCING, HALTED])
async def test_what_a_person_set_is_never_freed_nor_taken_for_a_loss(state: TradingState) -> None:
    scene = Scene()
    await scene.look()
    await scene.look(price_age=30_000)
    scene.person(state)

    for _ in range(3):
        await scene.look()

    assert scene.state is state
    assert scene.desk.engine().risk_state is ACTIVE


async def test_a_drawdown_met_during_a_stale_spell_outlives_it() -> None:
    scene = Scene()
    await scene.look()
    await scene.look(price_age=300_000)
    await scene.look(price_age=300_000, equity="800")

    for _ in range(3):
        await scene.look(equity="1000")

    assert scene.state is HALTED


async def test_an_exchange_that_stays_lost_halts_while_a_bot_is_at_work() -> None:
    scene = Scene()
    await scene.look()
    scene.desk.connected = False
    await scene.look()

    await scene.look(later=LIMITS.halt_ms)

    assert scene.state is HALTED
    assert scene.desk.engine().trading_state_reason == "exchange is disconnected"


async def test_one_question_without_an_answer_takes_no_order_off() -> None:
    scene = Scene()
    await scene.look()
    scene.desk.connected = False

    await scene.look()
    assert scene.state is ACTIVE
    scene.desk.connected = True
    await scene.look()
    scene.desk.connected = False
    await scene.look()

    assert scene.state is ACTIVE


async def test_an_unknown_equity_restricts_and_is_no_loss() -> None:
    scene = Scene()
    await scene.look()
    scene.desk.reachable = False

    (advice,) = await scene.look()

    assert scene.state is REDUCING
    assert advice.evidence["equity"] == "unknown"
    scene.desk.reachable = True
    await scene.look()
    await scene.look()
    assert scene.state is ACTIVE


async def test_nothing_restricts_for_data_while_no_bot_is_at_work() -> None:
    scene = Scene(at_work=False)
    scene.desk.connected = False
    scene.desk.reachable = False

    await scene.look()

    assert scene.state is ACTIVE


async def test_a_stopped_bot_that_keeps_its_base_is_no_loss() -> None:
    scene = Scene()
    scene.desk.held = {"USDT": D(500), "BTC": D(5), "DOGE": D(10**6)}
    await scene.look()
    assert scene.desk.engine().peak_equity == D(1000)

    scene.desk.shown = (bot(1, price=ticker(0), status=BotStatus.STOPPED),)
    scene.desk.prices["BTC/USDT"] = ticker(scene.now, "99")
    advice = await scene.agent.advise(scene.desk, scene.now + 60_000)

    assert advice == ()


def test_the_agent_takes_its_limits_from_the_settings() -> None:
    assert build(Settings()).interval_seconds == 30


async def test_only_the_account_people_see_counts_with_what_its_open_positions_won_and_lost() -> None:
    desk = ShownDesk("1000")
    real = Position(
        symbol="BTC/USDT:USDT",
        quantity=D(-2),
        entry_price=D(100),
        mark_price=D(110),
        liquidation_price=None,
        leverage=3,
        margin=MarginMode.CROSS,
    )
    desk.open_positions = tuple(PositionView(mode=mode, position=real, in_bots=D(0)) for mode in Mode)
    (advice,) = await RiskAgent(LIMITS, "USDT", 60).advise(desk, NOON)
    assert advice.evidence["equity"] == "980"
