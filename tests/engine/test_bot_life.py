"""Starts and ends of bots that once got stuck, sold too much, or traded at a price nobody had confirmed."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from data.advice import TradingState
from data.database import Database
from data.decisions import Rule
from data.equity import EquityStore
from data.events import (
    OrderAbsent,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    SetTradingState,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.grids import Trigger, TriggerKind
from data.market import FeeAsset, Market, Ticker
from data.orders import Fill, Purpose
from data.values import ONE, Mode, Side
from engine.core import Engine
from engine.front_desk import FrontDesk
from engine.grid.sizing import plan_grid
from engine.risk import RiskLimits
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SPEC, SYMBOL
from tests.engine.live import LIMITS, living, market_data
from tests.engine.test_core import Desk

D = Decimal


def market_with(**filters: Decimal) -> Market:
    return msgspec.structs.replace(MARKET, filters=msgspec.structs.replace(MARKET.filters, **filters))


def status(desk: Desk) -> BotStatus:
    return desk.bot.status


# -- the start of a bot


def test_what_arrived_before_the_start_is_complete_has_its_stop_loss() -> None:
    spec = msgspec.structs.replace(SPEC, stop_loss=Trigger(TriggerKind.PRICE, D(85)))
    desk = Desk(spec, fill_initial=False)
    desk.fill(desk.initial, desk.initial.quantity - ONE)
    assert status(desk) is BotStatus.STARTING
    assert desk.tick("84").decisions[0].rule is Rule.STOP_LOSS
    assert status(desk) is BotStatus.STOPPING
    for client_id in tuple(desk.bot.live):
        closing = desk.engine.step(OrderCancelled(at=NOW, client_id=client_id))
    assert [each.draft.purpose for each in closing.approved] == [Purpose.CLOSE]


def test_no_bot_starts_while_trading_is_limited() -> None:
    engine = Engine(LIMITS)
    engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(100), D(100), D(100), NOW)))
    engine.step(SetTradingState(at=NOW, by="t", state=TradingState.HALTED))
    outcome = engine.step(StartBot(at=NOW, by="t", plan="p", spec=SPEC, market=MARKET))
    assert "halted" in outcome.problem
    assert engine.state.bots == {}
    engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    assert engine.step(StartBot(at=NOW, by="t", plan="p", spec=SPEC, market=MARKET)).problem == ""


def test_the_initial_buy_is_not_sent_again_at_a_price_nobody_confirmed() -> None:
    desk = Desk(fill_initial=False)
    desk.engine.step(OrderUnknown(at=NOW, client_id=desk.initial.client_id))
    desk.tick("103")
    outcome = desk.engine.step(OrderAbsent(at=NOW, client_id=desk.initial.client_id))
    assert outcome.approved == ()
    assert desk.bot.stop_reason is StopReason.FAILED_START


def test_the_initial_buy_is_sent_again_while_its_price_holds() -> None:
    desk = Desk(fill_initial=False)
    desk.tick("101")
    outcome = desk.engine.step(OrderAbsent(at=NOW, client_id=desk.initial.client_id))
    assert [each.draft for each in outcome.approved] == [desk.initial]


def test_a_market_order_that_found_nobody_waits_for_the_next_tick() -> None:
    desk = Desk(fill_initial=False)
    assert desk.engine.step(OrderCancelled(at=NOW, client_id=desk.initial.client_id)).approved == ()
    assert [each.draft.purpose for each in desk.tick("100").approved] == [Purpose.INITIAL]


def test_a_first_purchase_over_the_market_s_maximum_is_no_plan() -> None:
    ticker = Ticker(SYMBOL, D(100), D(100), D(100), NOW)
    assert plan_grid(SPEC, market_with(max_quantity=D(6)), ticker).problems == ()
    problems = plan_grid(SPEC, market_with(max_quantity=D(3)), ticker).problems
    assert [problem.field for problem in problems] == ["investment"]


def test_the_smallest_grid_that_pays_fees_in_base_keeps_both_legs_for_ever() -> None:
    fees = msgspec.structs.replace(MARKET.fees, asset=FeeAsset.RECEIVED)
    market = msgspec.structs.replace(market_with(quantity_step=D("0.01")), fees=fees)
    ticker = Ticker(SYMBOL, D(120), D(120), D(120), NOW)
    short = plan_grid(msgspec.structs.replace(SPEC, investment=ONE), market, ticker)
    assert short.smallest_investment is not None
    spec = msgspec.structs.replace(SPEC, investment=short.smallest_investment)
    engine = Engine(LIMITS)
    engine.step(TickerMoved(at=NOW, ticker=ticker))
    assert engine.step(StartBot(at=NOW, by="t", spec=spec, market=market)).problem == ""
    for number in range(60):
        mine = [order.draft for order in engine.state.orders.values() if order.draft.slot == 0]
        assert len(mine) == 1, f"after {number} fills the slot is dead"
        draft, rate = mine[0], D("0.001")
        buy = draft.side is Side.BUY
        fill = Fill(
            trade_id=str(number),
            client_id=draft.client_id,
            symbol=SYMBOL,
            side=draft.side,
            price=draft.price,
            quantity=draft.quantity,
            fee=draft.quantity * rate * (ONE if buy else draft.price),
            fee_asset="AAA" if buy else "USDT",
            fee_quote=draft.quantity * rate * draft.price,
            maker=True,
            at=NOW,
        )
        engine.step(OrderFilled(at=NOW, fill=fill))


async def test_the_same_money_is_not_promised_to_two_bots_at_once() -> None:
    async with living() as live:
        desk = FrontDesk(
            live.runner,
            EquityStore(Database.in_memory()),
            market_data(live.runner),
            version="t",
            mode=Mode.SHADOW,
            max_bots=5,
        )
        spec = msgspec.structs.replace(SPEC, investment=D(3_000))
        assert (await desk.plan(spec)).problems == ()
        controls = [StartBot(at=NOW, by="t", plan=plan, spec=spec, market=MARKET) for plan in ("p", "q")]
        first, second = await asyncio.gather(*(desk.ask(control) for control in controls))
        assert (first.problem, len(live.runner.engine.state.bots)) == ("", 1)
        assert second.problem.startswith("investment: ")


# -- the end of a bot


def test_more_than_one_order_may_sell_is_sold_by_several() -> None:
    engine = Engine(LIMITS)
    engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(100), D(100), D(100), NOW)))
    engine.step(StartBot(at=NOW, by="t", spec=SPEC, market=market_with(max_quantity=D(6))))
    desk = Desk.__new__(Desk)
    desk.engine, desk.bot, desk.trades = engine, engine.state.bots[1], 0
    for order in [*engine.state.orders.values()]:
        if order.draft.side is Side.BUY:
            desk.fill(order.draft)
    assert desk.bot.books.base > 6
    engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    for client_id in tuple(desk.bot.live):
        closing = engine.step(OrderCancelled(at=NOW, client_id=client_id))
    assert [each.draft.quantity for each in closing.approved] == [D(6)]
    rest = desk.fill(closing.approved[0].draft)
    assert sum(each.draft.quantity for each in rest.approved) == desk.bot.books.base
    desk.fill(rest.approved[0].draft)
    assert desk.bot.status is BotStatus.STOPPED


def test_a_closing_sale_that_fails_can_be_given_up() -> None:
    desk = Desk()
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    for client_id in tuple(desk.bot.live):
        closing = desk.engine.step(OrderCancelled(at=NOW, client_id=client_id))
    close = closing.approved[0].draft
    desk.engine.step(
        OrderRejected(at=NOW, client_id=close.client_id, reason=RejectReason.INSUFFICIENT_BALANCE, message="taken out")
    )
    assert status(desk) is BotStatus.STOPPING
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=False))
    assert status(desk) is BotStatus.STOPPED


def test_a_sale_on_its_way_is_not_taken_back() -> None:
    desk = Desk()
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=False))
    assert desk.bot.sell_on_stop


@pytest.mark.parametrize("reason", [RejectReason.WOULD_TAKE, RejectReason.OTHER])
def test_the_end_of_a_bot_is_told_whatever_the_last_word_on_its_orders_was(reason: RejectReason) -> None:
    desk = Desk()
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=False))
    *others, last = tuple(desk.bot.live)
    for client_id in others:
        desk.engine.step(OrderCancelled(at=NOW, client_id=client_id))
    outcome = desk.engine.step(OrderRejected(at=NOW, client_id=last, reason=reason, message=""))
    assert [decision.rule for decision in outcome.decisions] == [Rule.BOT_STOPPED]


# -- prices


def test_nobody_stops_or_retries_on_a_price_that_is_too_old_to_trade_on() -> None:
    engine = Engine(RiskLimits(stale_millis=60_000))
    engine.step(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(100), D(100), D(100), NOW)))
    spec = msgspec.structs.replace(SPEC, stop_loss=Trigger(TriggerKind.PRICE, D(95)))
    engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET))
    before = engine.state.sequence
    for minute in range(2, 60):
        old = Ticker(SYMBOL, D(94), D(94), D(94), NOW)
        engine.step(TickerMoved(at=NOW + minute * 60_000, ticker=old))
    assert engine.state.sequence == before, "not one journal entry for a price that stands still"
    now = NOW + 60 * 60_000
    fresh = engine.step(TickerMoved(at=now, ticker=Ticker(SYMBOL, D(94), D(94), D(94), now)))
    assert fresh.decisions[0].rule is Rule.STOP_LOSS
