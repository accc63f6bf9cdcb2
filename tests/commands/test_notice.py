"""What is pushed for each event and each rule, and how it reads on a lock screen."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.notice import Lane, Notice, notices
from data.advice import Advice, OrdersAdvised, TradingState
from data.decisions import Decision, Input, Rule
from data.events import (
    AdvicePosted,
    ArmMode,
    DisarmMode,
    EngineStarted,
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PauseBot,
    Reconciled,
    RejectReason,
    ResumeBot,
    SetOutOfRange,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.grids import OutOfRange, Trigger, TriggerKind
from data.orders import Fill, OrderKey, client_id
from data.values import Mode, Side
from engine.outcome import Outcome
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.worlds import NOW, bot_view, market, sample_decision, spec, ticker

BOT = bot_view(1)
PRICE = Decimal("61000.00")


def fill(side: Side, slot: int) -> Fill:
    return Fill(
        trade_id="t", client_id=client_id(OrderKey(1, 1, slot, side, 1)), symbol="BTC/USDT", side=side, price=PRICE,
        quantity=Decimal("0.00200"), fee=Decimal("0.122"), fee_asset="USDT", fee_quote=Decimal("0.122"), maker=True,
        at=NOW,
    )  # fmt: skip


def decision(rule: Rule, bot: int = 1) -> Decision:
    return Decision(id="7.1", at=NOW, bot=bot, rule=rule, event="X", inputs=(Input("expected", "1"),))


def reconciled(**changes: object) -> Reconciled:
    base = Reconciled(at=NOW, symbol="BTC/USDT", recovered_fills=0, resolved_orders=0, foreign_orders=(), gap={})
    return msgspec.structs.replace(base, **changes)


def of(event: Event, *decisions: Decision, desk: FakeDesk | None = None) -> tuple[Notice, ...]:
    return notices(Outcome(sequence=1, event=event, decisions=decisions, bot=1), desk or FakeDesk(BOT))


def rejected(reason: RejectReason) -> OrderRejected:
    return OrderRejected(at=NOW, client_id="bt-1-1-3s1", reason=reason, message="no")


START = StartBot(at=NOW, by="a:1", spec=spec(), market=market("BTC"))
TICK = TickerMoved(at=NOW, ticker=ticker("BTC/USDT"))
ADVICE = Advice(
    agent="grid", what=OrdersAdvised(bot=1), confidence=Decimal(1), reason="", evidence={}, expires_at=NOW + 1
)

QUIET: list[Event] = [
    TICK,
    OrderAccepted(at=NOW, client_id="a", exchange_id="x"),
    OrderUnknown(at=NOW, client_id="a"),
    OrderAbsent(at=NOW, client_id="a"),
    OrderCancelled(at=NOW, client_id="a"),
    rejected(RejectReason.WOULD_TAKE),
    AdvicePosted(at=NOW, advice=ADVICE),
    EngineStarted(at=NOW, version="1"),
    reconciled(),
    reconciled(recovered_fills=3),
    START,
    StopBot(at=NOW, by="a:1", bot=1, sell=True),
    PauseBot(at=NOW, by="a:1", bot=1),
    ResumeBot(at=NOW, by="a:1", bot=1),
    SetTakeProfit(at=NOW, by="a:1", bot=1, trigger=None),
    SetStopLoss(at=NOW, by="a:1", bot=1, trigger=None),
    SetOutOfRange(at=NOW, by="a:1", bot=1, policy=OutOfRange.HOLD),
    SetTradingState(at=NOW, by="a:1", state=TradingState.HALTED),
]


@pytest.mark.parametrize("event", QUIET, ids=lambda each: type(each).__name__)
def test_events_that_concern_nobody_are_quiet(event: Event) -> None:
    assert of(event) == ()


@pytest.mark.parametrize(
    ("side", "slot", "title"),
    [
        (Side.BUY, 3, "Bought 0.002 BTC at 61000.00"),
        (Side.SELL, 3, "Sold 0.002 BTC at 61000.00"),
        (Side.BUY, -1, "Initial buy of 0.002 BTC at 61000.00"),
        (Side.SELL, -1, "Closing sale of 0.002 BTC at 61000.00"),
    ],
)
def test_a_fill_reads_on_a_lock_screen(side: Side, slot: int, title: str) -> None:
    (notice,) = of(OrderFilled(at=NOW, fill=fill(side, slot)))
    assert notice.card.title == title
    assert (notice.key, notice.lane, notice.silent, notice.mode) == ("fill:1", Lane.TRADE, True, Mode.SHADOW)
    values = {field.label: field.value for field in notice.card.fields}
    assert values == {
        "Bot": "1 BTC/USDT", "Value": "122.00 USDT", "Fee": "0.12 USDT",
        "Result": "+3.25 USDT (+0.32 %)", "Grid profit": "+6.30 USDT",
    }  # fmt: skip


def test_a_fill_of_a_bot_that_is_gone_is_still_told() -> None:
    (notice,) = of(OrderFilled(at=NOW, fill=fill(Side.SELL, 3)), desk=FakeDesk())
    assert notice.card.title == "Sold 0.002 BTC at 61000"
    assert notice.mode is None


@pytest.mark.parametrize("reason", [each for each in RejectReason if each is not RejectReason.WOULD_TAKE])
def test_a_rejection_that_needs_somebody_rings(reason: RejectReason) -> None:
    (notice,) = of(rejected(reason))
    assert notice.lane is Lane.CRITICAL
    assert notice.card.title.startswith("Order rejected: ")


@pytest.mark.parametrize(("orders", "title"), [(("a",), "1 order that is"), (("a", "b"), "2 orders that are")])
def test_orders_of_others_are_reported_quietly(orders: tuple[str, ...], title: str) -> None:
    (notice,) = of(reconciled(foreign_orders=orders))
    assert title in notice.card.title
    assert notice.silent


def test_books_that_disagree_ring_once_and_say_by_how_much() -> None:
    gap = {"asset": "BTC", "expected": "1", "found": "0"}
    (notice,) = of(reconciled(gap=gap, foreign_orders=("a",)), decision(Rule.BOOKS_DISAGREE, bot=0))
    assert notice.card.title == "Books disagree on BTC/USDT: its bots are paused"
    assert notice.lane is Lane.CRITICAL
    assert [field.value for field in notice.card.fields] == ["BTC", "1", "0", "1 order that is not mine"]
    assert notice.card.buttons[0].line == "/why 7.1"


def test_a_gap_alone_is_told_even_without_a_record() -> None:
    (notice,) = of(reconciled(gap={"asset": "BTC"}))
    assert len(notice.card.fields) == 1
    assert notice.card.buttons == ()


def test_the_fills_of_the_first_inventory_are_told_as_fills() -> None:
    (notice,) = of(OrderFilled(at=NOW, fill=fill(Side.BUY, -1)), decision(Rule.OPEN_GRID))
    assert notice.key == "fill:1"


def test_a_bot_with_nothing_to_wind_down_has_stopped_at_once() -> None:
    stopped = msgspec.structs.replace(BOT, status=BotStatus.STOPPED, stop_reason=StopReason.PERSON)
    (notice,) = of(TICK, decision(Rule.STOP_BOT), desk=FakeDesk(stopped))
    assert notice.card.title == "Bot 1 BTC/USDT stopped: a person asked"


def test_who_did_it_has_the_receipt_and_who_stopped_a_bot_hears_how_it_ended() -> None:
    (paused,) = of(PauseBot(at=NOW, by="telegram:1", plan="p", bot=1), decision(Rule.PAUSE_BOT))
    assert paused.by == "telegram:1"
    stopped = msgspec.structs.replace(BOT, status=BotStatus.STOPPED, stop_reason=StopReason.PERSON)
    stop = StopBot(at=NOW, by="telegram:1", plan="p", bot=1, sell=False)
    (ended,) = of(stop, decision(Rule.STOP_BOT), desk=FakeDesk(stopped))
    assert ended.by == ""


def test_the_last_sale_is_told_before_the_end_it_brings() -> None:
    sale = OrderFilled(at=NOW, fill=fill(Side.SELL, -1))
    first, second = of(sale, decision(Rule.BOT_STOPPED))
    assert first.card.title.startswith("Closing sale")
    assert (first.lane, second.lane) == (Lane.CRITICAL, Lane.CRITICAL)


def test_everybody_but_who_did_it_hears_that_real_money_may_move_or_no_longer_does() -> None:
    arm = ArmMode(at=NOW, by="telegram:1", plan="p", mode=Mode.PRODUCTION, cap=Decimal(500))
    (armed,) = of(arm, decision(Rule.ARM_MODE, bot=0))
    assert armed.card.title == "Production is armed: its bots may use up to 500.00"
    assert (armed.lane, armed.mode, armed.by) == (Lane.CRITICAL, Mode.PRODUCTION, "telegram:1")
    (disarmed,) = of(DisarmMode(at=NOW, by="engine", mode=Mode.PRODUCTION), decision(Rule.DISARM_MODE, bot=0))
    assert disarmed.card.title == "Production is disarmed: its bots are paused"


LOUD = {
    Rule.OPEN_GRID: ("Bot 1 BTC/USDT started", Lane.TRADE),
    Rule.PAUSE_BOT: ("Bot 1 BTC/USDT paused", Lane.TRADE),
    Rule.RESUME_BOT: ("Bot 1 BTC/USDT trades again", Lane.TRADE),
    Rule.STOP_BOT: ("Bot 1 BTC/USDT is stopping", Lane.TRADE),
    Rule.BOT_STOPPED: ("Bot 1 BTC/USDT stopped: stop loss", Lane.CRITICAL),
    Rule.TAKE_PROFIT: ("Take profit hit on bot 1 BTC/USDT", Lane.CRITICAL),
    Rule.STOP_LOSS: ("Stop loss hit on bot 1 BTC/USDT", Lane.CRITICAL),
    Rule.ABOVE_RANGE: ("Price is above the range of bot 1 BTC/USDT", Lane.TRADE),
    Rule.BELOW_RANGE: ("Price is below the range of bot 1 BTC/USDT", Lane.TRADE),
    Rule.BACK_IN_RANGE: ("Price is back in the range of bot 1 BTC/USDT", Lane.TRADE),
    Rule.CHANGE_EXIT: ("Exits of bot 1 BTC/USDT changed", Lane.DIGEST),
    Rule.CHANGE_TRADING_STATE: ("Trading is active", Lane.CRITICAL),
    Rule.LIQUIDATION_NEAR: ("Bot 1 BTC/USDT comes near its liquidation", Lane.CRITICAL),
    Rule.LIQUIDATION_FAR: ("Bot 1 BTC/USDT is far from liquidation again", Lane.TRADE),
    Rule.TRAIL_UP: ("The grid of bot 1 BTC/USDT follows the price up", Lane.DIGEST),
    Rule.TRAIL_DOWN: ("The grid of bot 1 BTC/USDT follows the price down", Lane.DIGEST),
    Rule.TRAIL_ENDED: ("The grid of bot 1 BTC/USDT can follow the price no further", Lane.TRADE),
    Rule.TRIGGERED: ("Price is where bot 1 BTC/USDT waited for it: its grid starts", Lane.TRADE),
    Rule.RECENTRE: ("Bot 1 BTC/USDT lays its grid anew around the price", Lane.TRADE),
    Rule.RECENTRE_HELD: ("Bot 1 BTC/USDT keeps its grid where it is", Lane.DIGEST),
    Rule.CHANGE_GRID: ("How the grid of bot 1 BTC/USDT moves was changed", Lane.DIGEST),
    Rule.MARKET_PROPOSED: ("? suits a grid", Lane.DIGEST),
    Rule.MARKET_CHANGED: ("The exchange changed the rules of a market", Lane.TRADE),
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_told_or_quiet_on_purpose(rule: Rule) -> None:
    trigger = Trigger(TriggerKind.PERCENT, Decimal(5))
    stopped = msgspec.structs.replace(BOT, stop_reason=StopReason.STOP_LOSS, spec=spec(take_profit=trigger))
    found = of(START, decision(rule), desk=FakeDesk(stopped))
    expected = LOUD.get(rule)
    assert [(each.card.title, each.lane) for each in found] == ([expected] if expected else [])
    assert all(button.line == "/why 7.1" for each in found for button in each.card.buttons)
    assert all(each.mode is Mode.SHADOW and each.card.mode is Mode.SHADOW for each in found)


@pytest.mark.parametrize("rule", LOUD)
def test_a_bot_that_is_not_known_breaks_nothing(rule: Rule) -> None:
    (notice,) = of(START, decision(rule, bot=9), desk=FakeDesk())
    assert len(notice.card.title) <= 60


@pytest.mark.parametrize("rule", LOUD)
def test_a_bot_without_a_price_breaks_nothing(rule: Rule) -> None:
    fresh = msgspec.structs.replace(BOT, status=BotStatus.STARTING, ticker=None, profit=None)
    assert len(of(START, decision(rule), desk=FakeDesk(fresh))) == 1


def test_the_reason_of_a_trading_state_is_said() -> None:
    desk = FakeDesk(BOT)
    desk.view = msgspec.structs.replace(
        desk.view, trading_state=TradingState.HALTED, trading_state_reason="drawdown 11 %"
    )
    (notice,) = of(TICK, decision(Rule.CHANGE_TRADING_STATE, bot=0), desk=desk)
    assert notice.card.title == "Trading is halted"
    assert notice.card.fields[0].value == "drawdown 11 %"


def test_refused_orders_are_told_once_for_each_reason() -> None:
    refused = sample_decision(BOT, 1).refused
    outcome = Outcome(sequence=1, event=TICK, refused=(*refused, *refused), bot=1)
    (notice,) = notices(outcome, FakeDesk(BOT))
    assert notice.card.title == "Order refused: the order is worth more than one order may be"
    assert ("limit", "1000") in [(field.label, field.value) for field in notice.card.fields]
    (notice,) = notices(outcome, FakeDesk())
    assert notice.mode is Mode.SHADOW
