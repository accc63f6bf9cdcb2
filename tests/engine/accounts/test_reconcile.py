"""Comparing books and exchange: lost fills come back, what is not ours is left alone, what is missing pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from data.decisions import Rule
from data.events import Reconciled, ResumeBot
from data.journal import Journal
from data.orders import Draft, Fill, OrderType, Purpose
from data.values import ZERO, Millis, Mode, Side
from engine.accounts.reconcile import LASTING, LONG_OVERLAP, VAIN_LOOKS, reconcile
from engine.clock import ManualClock
from engine.exchanges.base import Balance, ExchangeUnavailable
from engine.grid.slots import violations
from engine.state import freeze
from engine.views import BotStatus
from tests.engine.fake_exchange import NOW, SYMBOL, FakeExchange
from tests.engine.live import Live, living

D = Decimal


def agree(live: Live) -> None:
    """Demand that books and exchange tell the same."""
    bot = live.bot
    held = {balance.asset: balance.total for balance in live.exchange.matching.balances()}
    assert held["AAA"] == bot.books.base
    assert held["USDT"] == 5_000 - bot.books.invested + bot.books.cash
    trades = [fill.trade_id for fill in live.runner.journal.fills(None, 1000)]
    assert sorted(trades) == sorted(fill.trade_id for fill in live.exchange.history)
    assert violations(bot.slots) == []
    assert bot.books.identity_error(live.exchange.quote.last) == ZERO
    ours = {report.client_id for report in live.exchange.matching.orders() if report.client_id.startswith("bt-")}
    assert ours == set(bot.live)


async def test_fills_that_the_stream_lost_are_found_and_paired() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.deaf = True
        live.exchange.price(D(93))
        live.exchange.deaf = False
        live.exchange.price(D(94))
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert report.recovered_fills == 3
        assert report.gap == {}
        await live.settle()
        agree(live)
        assert live.bot.books.fills == 4
        again = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert (again.recovered_fills, again.resolved_orders) == (0, 0)


async def test_a_cancel_that_the_stream_lost_is_found_and_the_order_replaced() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.deaf = True
        gone = live.bot.live[0]
        live.exchange.matching.cancel(gone, NOW)
        live.exchange.stream()
        live.exchange.deaf = False
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert report.resolved_orders == 1
        await live.settle()
        assert gone not in live.bot.live
        assert len(live.bot.live) == 10
        agree(live)


async def test_foreign_orders_are_reported_and_never_touched() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        for name, price in (("x-17", D(50)), ("bt-99-1-0b1", D(51))):
            live.exchange.place(foreign(name, price))
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        await live.settle()
        assert set(report.foreign_orders) == {"x-17", "bt-99-1-0b1"}
        assert live.exchange.cancels == []
        assert {"x-17", "bt-99-1-0b1"} <= {each.client_id for each in live.exchange.matching.orders()}


def foreign(name: str, price: Decimal, purpose: Purpose = Purpose.GRID) -> Draft:
    return Draft(
        client_id=name,
        bot=0,
        slot=-1,
        symbol=SYMBOL,
        mode=Mode.SHADOW,
        side=Side.BUY,
        type=OrderType.LIMIT,
        purpose=purpose,
        price=price,
        quantity=D(1),
    )


async def test_missing_base_pauses_the_bots_and_takes_their_orders_off() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.stolen = D("0.5")
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}, "balances may lag for a moment"
        live.clock.advance(LASTING)
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert report.gap["asset"] == "AAA"
        assert D(report.gap["expected"]) - D(report.gap["found"]) == D("0.5")
        assert live.bot.status is BotStatus.PAUSED
        await live.until(lambda: not live.bot.live)
        rules = {decision.rule for outcome in live.outcomes for decision in outcome.decisions}
        assert Rule.BOOKS_DISAGREE in rules
        assert live.exchange.matching.orders() == []


async def test_foreign_orders_are_told_once_for_as_long_as_they_rest() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.place(foreign("x-17", D(50)))
        for _ in range(3):
            await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        told = [each.event for each in live.outcomes if isinstance(each.event, Reconciled)]
        assert [each.foreign_orders for each in told] == [("x-17",)]


async def test_a_person_may_resume_in_spite_of_a_lasting_gap() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.stolen = D("0.5")
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        live.clock.advance(LASTING)
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert live.bot.status is BotStatus.PAUSED
        await live.until(lambda: not live.bot.live)
        await live.runner.ask(ResumeBot(at=live.runner.clock.now(), by="test", bot=1))
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert live.bot.status.value == "running"
        # More is missing than was known: that is news, and pauses again.
        live.exchange.stolen = D("0.75")
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        live.clock.advance(LASTING)
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert live.bot.status.value == "paused"


async def test_base_of_somebody_else_is_no_gap() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.stolen = D("-7")
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert report.gap == {}
        assert live.bot.status is BotStatus.RUNNING


class BusyExchange(FakeExchange):
    """The market moves while it is being asked."""

    after_balances = D(0)
    after_fills = D(0)

    async def balances(self) -> Sequence[Balance]:
        """Answer, and let the price move before the answer is looked at."""
        held = await super().balances()
        price, self.after_balances = self.after_balances, D(0)
        if price:
            self.price(price)
        return held

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Answer, and let the price move unheard right after."""
        found = await super().fills(symbol, since)
        price, self.after_fills = self.after_fills, D(0)
        if price:
            self.deaf = True
            self.price(price)
            self.deaf = False
        return found


@asynccontextmanager
async def busy() -> AsyncIterator[tuple[Live, BusyExchange]]:
    clock = ManualClock(NOW)
    exchange = BusyExchange(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        yield live, exchange


async def test_a_fill_while_balances_are_asked_for_is_no_gap() -> None:
    async with busy() as (live, exchange):
        exchange.after_balances = D("97.5")
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert exchange.after_balances == 0
        assert report.gap == {}
        assert live.bot.status is BotStatus.RUNNING
        await live.settle()
        assert live.bot.books.fills == 2
        agree(live)


async def test_a_sale_that_balances_show_before_the_stream_tells_is_no_gap() -> None:
    async with busy() as (live, exchange):
        exchange.after_fills = D("102.5")
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert exchange.after_fills == 0
        assert report.gap == {}
        assert live.bot.status is BotStatus.RUNNING
        await live.settle()
        assert live.bot.books.fills == 2
        agree(live)


async def test_nothing_changes_when_the_exchange_does_not_answer() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        before = freeze(live.runner.engine.state)
        live.exchange.down = True
        with pytest.raises(ExchangeUnavailable):
            await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert freeze(live.runner.engine.state) == before


async def test_a_restart_finds_what_happened_meanwhile() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = FakeExchange(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
    for price in (D("95.5"), D("99.5"), D("93.5"), D("103.5")):
        clock.advance(60_000)
        exchange.price(price)
    assert len(exchange.history) > 3
    async with living(journal, exchange, clock) as live:
        await live.settle()
        assert live.bot.status is BotStatus.RUNNING
        agree(live)


async def test_orders_that_never_left_before_a_restart_leave_after_it() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = FakeExchange(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.faults = ["held"] * 3
        exchange.price(D(93))
        await live.until(lambda: exchange.faults == [])
        stuck = set(live.bot.live) - {report.client_id for report in exchange.matching.orders()}
        assert len(stuck) == 3, "approved and journaled, and then the lights go out"
    exchange.submits.clear()
    async with living(journal, exchange, clock) as live:
        await live.pass_time(10)
        await live.settle()
        assert live.bot.status is BotStatus.RUNNING
        assert len(live.bot.live) == 10
        agree(live)
        assert sorted(exchange.submits) == sorted(stuck), "under the ids they were approved with"


async def test_orders_of_another_installation_are_reported_and_never_touched() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        theirs = f"btother-{live.bot.live[0].partition('-')[2]}"
        live.exchange.place(foreign(theirs, D(50)))
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        await live.settle()
        assert report.foreign_orders == (theirs,)
        assert live.exchange.cancels == []
        assert len(live.bot.live) == 10


class Forgetful(FakeExchange):
    """Reports an order as filled and keeps its trades to itself, or brings them out late."""

    hidden = True
    asked_from: list[Millis]

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return executions, without those that are hidden."""
        self.asked_from.append(since)
        found = await super().fills(symbol, since)
        return [fill for fill in found if not self.hidden or (fill.side is Side.BUY and "i" in fill.client_id)]


@asynccontextmanager
async def forgetful() -> AsyncIterator[tuple[Live, Forgetful]]:
    clock = ManualClock(NOW)
    exchange = Forgetful(clock)
    exchange.asked_from = []
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.deaf = True
        exchange.price(D("97.5"))
        exchange.deaf = False
        yield live, exchange


async def test_an_order_reported_as_filled_whose_trades_never_appear_becomes_a_gap() -> None:
    async with forgetful() as (live, exchange):
        (missing,) = [fill.client_id for fill in exchange.history if "i" not in fill.client_id]
        exchange.asked_from.clear()
        for _ in range(VAIN_LOOKS - 1):
            assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}
        assert min(exchange.asked_from) <= NOW - LONG_OVERLAP, "looked for over a longer time, too"
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}, "they may only be listed late"
        live.clock.advance(LASTING)
        gap = (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap
        assert (gap["asset"], gap["found"]) == (f"trades of {missing}", "0")
        assert live.bot.status is BotStatus.PAUSED


async def test_trades_that_appear_late_are_booked_and_no_gap() -> None:
    async with forgetful() as (live, exchange):
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        exchange.hidden = False
        for _ in range(VAIN_LOOKS):
            assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}
        await live.settle()
        assert live.bot.status is BotStatus.RUNNING
        agree(live)


async def test_a_market_whose_rules_changed_is_told_to_its_bots_once() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        filters = msgspec.structs.replace(live.exchange.traded.filters, min_notional=D(6))
        live.exchange.traded = msgspec.structs.replace(live.exchange.traded, filters=filters)
        for _ in range(2):
            await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert live.bot.market.filters.min_notional == D(6)
        told = [each for each in live.runner.journal.decisions(None, 100) if each.rule is Rule.MARKET_CHANGED]
        assert len(told) == 1
        agree(live)
