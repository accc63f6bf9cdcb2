"""Comparing books while things happen: lost answers, orders on their way, news that overtakes the question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from data.events import OrderCancelled, OrderFilled, StopBot
from data.journal import Journal
from data.orders import OrderStatus
from data.values import Mode
from engine.accounts.holdings import LOOKS
from engine.accounts.reconcile import LASTING, reconcile
from engine.clock import ManualClock
from engine.exchanges.base import Balance, Emit, OrderReport
from engine.runner import Runner, load_engine
from engine.views import BotStatus
from tests.engine.accounts.test_reconcile import agree, foreign
from tests.engine.fake_exchange import NOW, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, Live, living

D = Decimal


def status(live: Live) -> BotStatus:
    return live.bot.status


async def test_the_first_fill_of_a_bot_is_found_although_nobody_told_of_it() -> None:
    async with living() as live:
        live.exchange.deaf = True
        await live.start_bot()
        await live.until(lambda: live.statuses() == {OrderStatus.OPEN})
        assert status(live) is BotStatus.STARTING
        live.exchange.deaf = False
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).recovered_fills == 1
        await live.settle()
        assert status(live) is BotStatus.RUNNING
        agree(live)


async def test_an_order_on_its_way_is_not_taken_for_absent() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.faults = ["held"]
        live.exchange.price(D("97.5"))
        await live.until(lambda: OrderStatus.INTENDED in live.statuses() and not live.exchange.faults)
        late = live.exchange.submits[-1]
        assert live.exchange.matching.order(late) is None
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert report.resolved_orders == 0
        live.exchange.gate.set()
        await live.settle()
        assert live.exchange.submits.count(late) == 1
        agree(live)


async def test_an_order_whose_answer_was_lost_before_a_restart_is_found_resting_after_it() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = FakeExchange(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.faults = ["mute"]
        exchange.price(D("97.5"))
        await live.until(lambda: OrderStatus.UNKNOWN in live.statuses())
        unanswered = exchange.submits[-1]
    async with living(journal, exchange, clock) as live:
        assert live.runner.engine.state.orders[unanswered].status is OrderStatus.OPEN
        await live.settle()
        assert exchange.submits.count(unanswered) == 1
        agree(live)


async def test_an_order_that_was_taken_for_gone_and_rests_is_cancelled() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        gone = live.bot.live[0]
        live.runner.post(OrderCancelled(at=NOW, client_id=gone))
        await live.settle()
        assert len(live.exchange.matching.orders()) == 11, "it and its successor"
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        await live.until(lambda: live.exchange.cancels == [gone])
        await live.settle()
        assert report.foreign_orders == ()
        agree(live)


async def test_without_bots_only_what_is_foreign_is_told() -> None:
    async with living() as live:
        live.exchange.place(foreign("x-17", D(50)))
        live.exchange.stolen = D(3)
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        assert (report.foreign_orders, report.gap) == (("x-17",), {})
        await live.start_bot()
        await live.settle()
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=False))
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}, (
            "what a stopped bot kept is the person's own"
        )


class Telling(FakeExchange):
    """Tells by stream, while being asked about an order, what became of it."""

    asked: str = ""
    live: Live | None = None
    emit: Emit | None = None

    async def open(self, emit: Emit) -> None:
        """Connect."""
        await super().open(emit)
        self.emit = emit

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Answer after the stream was heard."""
        report = await super().order(client_id, symbol)
        if self.live is not None and self.emit is not None:
            self.asked = client_id
            self.emit(OrderCancelled(at=NOW, client_id=client_id))
            await self.live.runner.settled()
        return report


async def test_news_that_overtake_the_question_are_not_booked_twice() -> None:
    clock = ManualClock(NOW)
    exchange = Telling(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        gone = live.bot.live[0]
        exchange.deaf = True
        exchange.matching.cancel(gone, NOW)
        exchange.stream()
        exchange.deaf = False
        exchange.submits.clear()
        exchange.live = live
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        exchange.live = None
        assert (exchange.asked, report.resolved_orders) == (gone, 0)
        await live.settle()
        assert len(exchange.submits) == 1, "its successor, once"
        agree(live)


class Pondering(FakeExchange):
    """Takes its time over every question, so that others get a word in."""

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order as it was when it was asked for."""
        report = await super().order(client_id, symbol)
        for _ in range(5):
            await asyncio.sleep(0)
        return report


async def test_two_comparisons_at_once_send_nothing_twice() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Pondering(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.faults = ["held"] * 3
        exchange.price(D(93))
        await live.until(lambda: exchange.faults == [])
        stuck = set(live.bot.live) - {report.client_id for report in exchange.matching.orders()}
    exchange.submits.clear()
    exchange.faults = ["held"] * 6
    exchange.gate.clear()
    runner = Runner(load_engine(journal, LIMITS), journal, [exchange], clock)
    await runner.start("t")
    try:
        await runner.connect()
        live = Live(runner, exchange, clock)
        first = asyncio.ensure_future(reconcile(runner, SYMBOL, Mode.SHADOW))
        await asyncio.sleep(0)
        reports = await asyncio.gather(first, reconcile(runner, SYMBOL, Mode.SHADOW))
        assert sum(report.resolved_orders for report in reports) == 0, "one denial proves nothing"
        exchange.gate.set()
        await live.pass_time(10)
        await live.settle()
        assert sorted(exchange.submits) == sorted(stuck)
        agree(live)
    finally:
        await runner.stop()


class Restless(FakeExchange):
    """Fills something whenever balances are asked for, for as long as ``restless`` names the engine it does it to."""

    restless: Live | None = None
    looks = 0

    async def balances(self) -> Sequence[Balance]:
        """Answer, and let the market swing."""
        held = await super().balances()
        if self.restless is not None:
            self.looks += 1
            await self.restless.settle()
            self.price(D("97.5") if self.looks % 2 else D("100.5"))
        return held


async def test_no_shortage_is_believed_while_fills_keep_coming() -> None:
    clock = ManualClock(NOW)
    exchange = Restless(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.stolen, exchange.restless = D(2), live
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        fills = sum(isinstance(each.event, OrderFilled) for each in live.outcomes)
        assert (exchange.looks, fills) == (LOOKS, LOOKS + 1)
        assert report.gap == {}
        assert status(live) is BotStatus.RUNNING
        exchange.restless = None
        await live.settle()
        await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        clock.advance(LASTING)
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap["short"] == "2"
        assert status(live) is BotStatus.PAUSED


async def test_a_fill_from_while_we_were_away_is_found_although_the_stream_told_of_a_newer_one_first() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = FakeExchange(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        gone = next(each for each in live.bot.live if live.runner.engine.state.orders[each].draft.price == D(98))
    exchange.price(D("97.5"))
    clock.advance(3_600_000)
    runner = Runner(load_engine(journal, LIMITS), journal, [exchange], clock)
    await runner.start("t")
    try:
        live = Live(runner, exchange, clock)
        await runner.connect()
        exchange.price(D("95.5"))
        runner.post(OrderCancelled(at=clock.now(), client_id=gone))
        await runner.settled()
        await reconcile(runner, SYMBOL, Mode.SHADOW)
        booked = {fill.client_id for fill in journal.fills(None, 100)}
        assert gone in booked
        await live.pass_time(1)
        assert len(live.exchange.history) == live.bot.books.fills
    finally:
        await runner.stop()
