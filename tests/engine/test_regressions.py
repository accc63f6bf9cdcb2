"""Scenarios that once went wrong, or would have: each is one way to lose money, an order, or a bot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from data.advice import Advice, OrdersAdvised
from data.events import (
    AdvicePosted,
    OrderFilled,
    PauseBot,
    TickerMoved,
)
from data.journal import Journal
from data.market import Market, Ticker
from data.orders import Fill
from data.values import ONE, ZERO, Mode
from engine.accounts.reconcile import reconcile
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.core import Engine
from engine.exchanges.base import MarketUnknown, OrderReport, Submitted
from engine.outcome import Outcome
from engine.recording import rebuild
from engine.risk import Approved, RiskLimits
from engine.runner import load_engine, save_checkpoint
from engine.state import freeze
from tests.engine.accounts.test_reconcile import agree, foreign
from tests.engine.fake_exchange import NOW, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, living

D = Decimal


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
        assert live.runner.first.connected
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
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert exchange.forgetful in live.bot.live
        assert exchange.submits == []
        await live.pass_time(10)
        await live.settle()
        assert exchange.forgetful not in live.bot.live, "denied for long enough, it is gone"


async def test_an_order_with_a_name_of_ours_that_the_books_do_not_know_is_reported() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.place(foreign("bt-1-1-3b77", D(50)))
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert report.foreign_orders == ("bt-1-1-3b77",)
        assert live.exchange.cancels == []
