"""What is done from time to time: stopping bots are asked again, equity is sampled, a silent exchange is noticed."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.database import Database
from data.equity import EquityStore
from data.events import AdvicePosted, EngineStarted, RejectReason, StopBot
from data.journal import Journal
from data.orders import Purpose, RefusalCode
from data.values import Mode
from engine.accounts.upkeep import reconcile_all, sample_equity
from engine.clock import ManualClock
from engine.exchanges.base import ExchangeUnavailable, Rejected, Submitted
from engine.risk import Approved, RiskLimits
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, PERPETUAL, FakeExchange
from tests.engine.live import LIMITS, Live, living

D = Decimal


class Unwilling(FakeExchange):
    """Rejects closing sales for as long as ``unwilling``, and cancels nothing for as long as ``keeping``."""

    unwilling = False
    keeping = False
    sales = 0

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, unless it closes."""
        if order.draft.purpose is Purpose.CLOSE:
            self.sales += 1
            if self.unwilling:
                return Rejected(client_id=order.draft.client_id, reason=RejectReason.MARKET_CLOSED, message="halted")
        return await super().submit(order)

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off, or say nothing and leave it."""
        if not self.keeping:
            await super().cancel(client_id, symbol)


def nudges(live: Live) -> int:
    return sum(isinstance(each.event, AdvicePosted) for each in live.outcomes)


async def test_a_closing_sale_that_was_rejected_is_asked_for_again_within_seconds_and_at_every_round() -> None:
    clock = ManualClock(NOW)
    exchange = Unwilling(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.unwilling = True
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        await live.until(lambda: live.bot.close_blocked)
        for second in range(60):
            exchange.price(D("100.5") - D(second) / 100)
            await live.pass_time(1)
        assert (exchange.sales, live.bot.status) == (7, BotStatus.STOPPING), "ever more slowly"
        await reconcile_all(live.runner)
        await live.until(lambda: exchange.sales == 8)
        await live.until(lambda: live.bot.close_blocked)
        exchange.unwilling = False
        await live.pass_time(30)
        exchange.price(D("99"))
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        assert exchange.sales == 9
        assert live.bot.books.base < MARKET.filters.quantity_step
        told = nudges(live)
        await reconcile_all(live.runner)
        await live.runner.settled()
        assert nudges(live) == told == 1, "nobody asks a bot that has stopped"


async def test_a_closing_order_that_risk_refused_is_asked_for_again_beside_the_stop_that_guards_the_position() -> None:
    clock = ManualClock(NOW)
    exchange = FakeExchange(clock, traded=PERPETUAL)
    async with living(exchange=exchange, clock=clock) as live:
        exchange.leverage = 3
        await live.start_bot(leverage=3)
        await live.settle()
        exchange.price(D("97.9"))
        await live.settle()
        assert len(exchange.stops) == 1
        live.runner.post(EngineStarted(at=NOW, version="t", limits=RiskLimits(armed=(Mode.PRODUCTION,))))
        await live.runner.refresh([PERPETUAL.symbol])
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        await live.until(lambda: live.bot.close_blocked)
        live.runner.post(EngineStarted(at=NOW, version="t", limits=LIMITS))
        await reconcile_all(live.runner)
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        assert live.bot.books.base == 0


async def test_a_closing_sale_that_risk_refused_leaves_once_risk_lets_it() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.runner.post(EngineStarted(at=NOW, version="t", limits=RiskLimits(armed=(Mode.PRODUCTION,))))
        await live.runner.refresh(["AAA/USDT"])
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        await live.until(lambda: live.bot.close_blocked)
        refused = [each for outcome in live.outcomes for each in outcome.refused]
        assert [(each.draft.purpose, each.code) for each in refused] == [(Purpose.CLOSE, RefusalCode.MODE_NOT_ARMED)]
        assert live.bot.status is BotStatus.STOPPING
        live.runner.post(EngineStarted(at=NOW, version="t", limits=LIMITS))
        await reconcile_all(live.runner)
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        assert live.bot.books.base < MARKET.filters.quantity_step


async def test_bots_at_work_and_bots_with_orders_still_resting_are_not_nudged() -> None:
    clock = ManualClock(NOW)
    exchange = Unwilling(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        await reconcile_all(live.runner)
        exchange.keeping = True
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=False))
        await reconcile_all(live.runner)
        await live.runner.settled()
        assert (live.bot.status, len(live.bot.live)) == (BotStatus.STOPPING, 10)
        assert nudges(live) == 0


async def test_equity_is_sampled_for_bots_at_work_whose_price_is_known() -> None:
    async with living() as live:
        store = EquityStore(Database.in_memory())
        sample_equity(live.runner, store)
        await live.start_bot()
        await live.settle()
        live.exchange.price(D("101.5"))
        await live.runner.settled()
        sample_equity(live.runner, store)
        live.clock.advance(60_000)
        live.runner.post(EngineStarted(at=live.clock.now(), version="t"))
        await live.runner.settled()
        sample_equity(live.runner, store)
        (point,) = store.range(1, 0)
        books = live.bot.books
        assert (point.at, point.price) == (NOW, D("101.5"))
        assert point.equity == books.cash + books.base * D("101.5")
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=False))
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        live.clock.advance(60_000)
        await live.runner.refresh(["AAA/USDT"])
        sample_equity(live.runner, store)
        assert len(store.range(1, 0)) == 1, "what has stopped is no longer sampled"


@pytest.mark.parametrize("bots", [0, 1])
async def test_an_exchange_that_falls_silent_is_noticed_with_and_without_bots(bots: int) -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    async with living(journal, clock=clock) as live:
        for _ in range(bots):
            await live.start_bot()
            await live.settle()
        await reconcile_all(live.runner)
        assert (live.runner.first.connected, live.runner.first.reconciled_at) == (True, NOW)
        live.exchange.down = True
        clock.advance(300_000)
        with pytest.raises(ExchangeUnavailable):
            await reconcile_all(live.runner)
        assert (live.runner.first.connected, live.runner.first.reconciled_at) == (False, NOW)
        live.exchange.down = False
        await reconcile_all(live.runner)
        assert (live.runner.first.connected, live.runner.first.reconciled_at) == (True, NOW + 300_000)


async def test_rules_of_a_market_that_changed_reach_its_bots() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        await reconcile_all(live.runner)
        before = live.runner.engine.state.sequence
        await reconcile_all(live.runner)
        assert live.runner.engine.state.sequence == before
        filters = msgspec.structs.replace(MARKET.filters, min_notional=D(6))
        live.exchange.traded = msgspec.structs.replace(MARKET, filters=filters)
        await reconcile_all(live.runner)
        await live.runner.settled()
        assert live.bot.market.filters.min_notional == 6
