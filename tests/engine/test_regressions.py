"""Scenarios that once went wrong, or would have: each is one way to lose money, an order, or a bot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from data.advice import Advice, OrdersAdvised, TradingState
from data.database import Database
from data.decisions import Rule
from data.equity import EquityStore
from data.events import (
    AdvicePosted,
    OrderAbsent,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PauseBot,
    RejectReason,
    SetTradingState,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.grids import Trigger, TriggerKind
from data.journal import Journal
from data.market import FeeAsset, Market, Ticker
from data.orders import Fill, Purpose
from data.values import ONE, ZERO, Mode, Side
from engine.clock import ManualClock
from engine.core import Engine
from engine.exchanges.base import MarketUnknown, OrderReport, Submitted
from engine.front_desk import FrontDesk
from engine.grid.levels import plan_grid
from engine.outcome import Outcome
from engine.reconcile import reconcile
from engine.recording import rebuild
from engine.risk import Approved, RiskLimits
from engine.runner import load_engine, save_checkpoint
from engine.state import freeze
from engine.upkeep import reconcile_all
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SPEC, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, living
from tests.engine.test_core import Desk
from tests.engine.test_reconcile import agree, foreign

D = Decimal


def market_with(**filters: Decimal) -> Market:
    return msgspec.structs.replace(MARKET, filters=msgspec.structs.replace(MARKET.filters, **filters))


def status(desk: Desk) -> BotStatus:
    return desk.bot.status


# -- the journal is enough


async def test_other_limits_in_the_settings_do_not_change_what_was_decided_before() -> None:
    journal = Journal.in_memory()
    async with living(journal) as live:
        await live.start_bot()
        await live.settle()
    narrower = RiskLimits(max_order_notional=ONE, stale_millis=1)
    again = load_engine(journal, narrower)
    assert freeze(again.state) == freeze(live.runner.engine.state)
    assert again.limits_in_force == LIMITS, "until the next start is journaled"
    tail = Engine(narrower)
    assert rebuild(tail, journal.read()) == journal.last_sequence


async def test_what_a_broken_step_left_behind_is_never_kept_as_a_checkpoint() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        resting = live.runner.engine.state.live_orders(live.bot)[0].draft
        nonsense = Fill(
            trade_id="x",
            client_id=resting.client_id,
            symbol=SYMBOL,
            side=resting.side,
            price=resting.price,
            quantity=D("NaN"),
            fee=ZERO,
            fee_asset="USDT",
            fee_quote=ZERO,
            maker=True,
            at=NOW,
        )
        asked = asyncio.ensure_future(live.runner.ask(PauseBot(at=NOW, by="t", bot=1)))
        live.runner.post(OrderFilled(at=NOW, fill=nonsense))
        with pytest.raises(ArithmeticError):
            await live.runner.wait()
        assert asked.done() or await asyncio.wait({asked}), "whoever asked is not left waiting"
        with pytest.raises(ArithmeticError):
            await asked
        save_checkpoint(live.runner)
        assert live.runner.journal.latest_checkpoint() is None


# -- the runner


async def test_prices_that_are_none_never_reach_the_engine() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        for price in (D(0), D("NaN"), D("Infinity"), D(-1)):
            live.runner.post(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, price, price, price, NOW)))
        await live.runner.settled()
        assert live.runner.failure is None
        assert live.runner.engine.state.tickers[SYMBOL].last == D(100)


async def test_exits_are_watched_however_many_events_come_in() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        advice = Advice(
            agent="t", what=OrdersAdvised(bot=1), confidence=ONE, reason="", evidence={}, expires_at=NOW + 10**9
        )
        flood = AdvicePosted(at=NOW, advice=advice)
        left = [500]

        def again(outcome: Outcome) -> None:
            if isinstance(outcome.event, AdvicePosted) and left[0]:
                left[0] -= 1
                live.runner.post(flood)

        live.runner.observers.append(again)
        live.runner.post(flood)
        live.runner.post(TickerMoved(at=NOW, ticker=Ticker(SYMBOL, D(99), D(99), D(99), NOW)))
        await live.until(lambda: live.runner.engine.state.tickers[SYMBOL].last == D(99))
        assert left[0] > 400


class Fragile(FakeExchange):
    """Has bugs of its own, answers late, and drops markets."""

    bugs = 0
    gone = False
    forgetful = ""

    async def submit(self, order: Approved) -> Submitted:
        """Place an order unless a bug strikes."""
        if self.bugs:
            self.bugs -= 1
            raise KeyError("an answer nobody expected")
        return await super().submit(order)

    async def market(self, symbol: str) -> Market:
        """Return the market while it is listed."""
        if self.gone:
            raise MarketUnknown(symbol)
        return await super().market(symbol)

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order, unless it slipped the mind."""
        return None if client_id == self.forgetful else await super().order(client_id, symbol)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return what rests and comes to mind."""
        return [report for report in await super().open_orders(symbol) if report.client_id != self.forgetful]


async def test_bugs_of_an_adapter_do_not_end_the_workers() -> None:
    clock = ManualClock(NOW)
    exchange = Fragile(clock)
    exchange.bugs = 7
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.pass_time(30)
        await live.settle()
        assert exchange.bugs == 0
        assert len(live.bot.live) == 10
        agree(live)


async def test_an_order_that_never_gets_an_answer_is_sent_ever_more_slowly() -> None:
    async with living() as live:
        live.exchange.faults = ["lost"] * 10_000
        await live.start_bot()
        before = live.runner.engine.state.sequence
        await live.pass_time(300)
        times = {identity: live.exchange.submits.count(identity) for identity in live.bot.live}
        assert min(times.values()) >= 3, "it is never given up either"
        assert max(times.values()) <= 12
        assert live.runner.engine.state.sequence - before < 300
        live.exchange.faults = []
        await live.pass_time(120)
        await live.settle()
        assert len(live.exchange.matching.orders()) == 10


async def test_a_market_that_is_gone_does_not_keep_the_engine_from_its_work() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Fragile(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.gone = True
        await live.runner.connect()
        assert await reconcile_all(live.runner) == ()
        assert live.runner.connected
        with pytest.raises(MarketUnknown):
            await live.runner.watch("GONE/USDT")
        assert "GONE/USDT" not in live.runner.watched()


async def test_one_denial_right_after_the_confirmation_does_not_double_an_order() -> None:
    clock = ManualClock(NOW)
    exchange = Fragile(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.submits.clear()
        exchange.forgetful = live.bot.live[0]
        await reconcile(live.runner, SYMBOL)
        assert exchange.forgetful in live.bot.live
        assert exchange.submits == []
        clock.advance(60_000)
        await reconcile(live.runner, SYMBOL)
        await live.settle()
        assert exchange.forgetful not in live.bot.live, "denied for long enough, it is gone"


async def test_an_order_with_a_name_of_ours_that_the_books_do_not_know_is_reported() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.place(foreign("bt-1-1-3b77", D(50)))
        report = await reconcile(live.runner, SYMBOL)
        assert report.foreign_orders == ("bt-1-1-3b77",)
        assert live.exchange.cancels == []


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
        desk = FrontDesk(live.runner, EquityStore(Database.in_memory()), version="t", mode=Mode.SHADOW, max_bots=5)
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
