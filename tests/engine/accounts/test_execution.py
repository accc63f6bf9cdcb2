"""Orders on their way out: answers that never come, cancels that overtake, and nothing sent twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from data.events import OrderAbsent, OrderUnknown, OrderUpdate, PauseBot, ResumeBot, StopBot
from data.orders import OrderStatus, Purpose
from data.values import Mode, Side
from engine.accounts.execution import ARRIVAL_SECONDS, WORKERS, Execution
from engine.accounts.reconcile import reconcile
from engine.clock import ManualClock
from engine.exchanges.base import ExchangeUnavailable, OrderReport, Submitted
from engine.outcome import CancelRequest
from engine.risk import Approved
from engine.views import BotStatus
from tests.engine.accounts.test_reconcile import foreign
from tests.engine.fake_exchange import NOW, SYMBOL, FakeExchange
from tests.engine.live import living


async def test_all_approved_orders_reach_the_exchange() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        assert live.bot.status is BotStatus.RUNNING
        assert {report.client_id for report in live.exchange.matching.orders()} == set(live.bot.live)
        assert len(live.bot.live) == 10
        assert len(set(live.exchange.submits)) == len(live.exchange.submits) == 11


async def test_an_order_whose_answer_was_lost_is_found_by_its_id() -> None:
    async with living() as live:
        live.exchange.faults = ["mute"]
        await live.start_bot()
        (initial, *_) = live.exchange.submits or ["bt-1-1-ib1"]
        await live.until(lambda: bool(live.exchange.submits))
        await live.pass_time(3)
        await live.settle()
        assert live.exchange.submits.count(initial) == 1
        assert live.bot.status is BotStatus.RUNNING
        assert len(live.bot.live) == 10


async def test_an_order_that_never_arrived_is_sent_again_under_the_same_id() -> None:
    async with living() as live:
        live.exchange.faults = ["lost"]
        await live.start_bot()
        await live.until(lambda: any(isinstance(each.event, OrderUnknown) for each in live.outcomes))
        lost = live.exchange.submits[0]
        assert live.exchange.matching.order(lost) is None
        await live.pass_time(int(ARRIVAL_SECONDS) - 1)
        assert live.exchange.submits.count(lost) == 1, "it may still be under way"
        await live.pass_time(3)
        await live.settle()
        assert live.exchange.submits.count(lost) == 2
        assert any(isinstance(each.event, OrderAbsent) for each in live.outcomes)
        assert lost in {fill.client_id for fill in live.exchange.history} or lost in live.bot.live


async def test_an_exchange_that_is_down_is_asked_until_it_answers() -> None:
    async with living() as live:
        live.exchange.faults = ["lost"]
        await live.start_bot()
        await live.until(lambda: OrderStatus.UNKNOWN in live.statuses())
        lost = live.exchange.submits[0]
        live.exchange.down = True
        await live.pass_time(120)
        assert live.exchange.submits.count(lost) == 1
        assert OrderStatus.UNKNOWN in live.statuses()
        live.exchange.down = False
        await live.pass_time(120)
        await live.settle()
        assert live.exchange.submits.count(lost) == 2


async def test_a_cancel_that_overtakes_its_order_is_repeated() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.faults = ["held"]
        live.exchange.price(live.bot.lines[4] - 1)  # one bid fills, its offer is on the way and does not arrive
        await live.until(lambda: OrderStatus.INTENDED in live.statuses() and not live.exchange.faults)
        late = live.exchange.submits[-1]
        await live.runner.ask(PauseBot(at=live.clock.now(), by="t", bot=1))
        await live.until(lambda: late in live.exchange.cancels)
        assert live.exchange.matching.order(late) is None
        live.exchange.gate.set()
        await live.until(lambda: not live.bot.live)
        assert live.exchange.cancels.count(late) == 2
        assert live.exchange.matching.orders() == []


async def test_an_order_that_has_not_left_is_cancelled_without_a_word_to_the_exchange() -> None:
    async with living() as live:
        await live.start_bot()
        await live.until(lambda: live.bot.status is BotStatus.RUNNING)
        before = set(live.exchange.submits)
        await live.runner.ask(PauseBot(at=live.clock.now(), by="t", bot=1))
        await live.until(lambda: not live.bot.live)
        unsent = {f"bt-1-1-{slot}{side.value[0]}1" for slot in range(10) for side in Side} - set(live.exchange.submits)
        assert unsent.isdisjoint(live.exchange.cancels)
        assert live.exchange.matching.orders() == []
        await live.runner.ask(ResumeBot(at=live.clock.now(), by="t", bot=1))
        await live.settle()
        assert len(live.bot.live) == 10
        assert len(set(live.exchange.submits)) == len(live.exchange.submits)
        assert before <= set(live.exchange.submits)


async def test_orders_leave_nearest_to_the_price_first() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
        await live.until(lambda: not live.bot.live)
        live.exchange.submits.clear()
        await live.runner.ask(ResumeBot(at=NOW, by="t", bot=1))
        await live.settle()
        orders = {report.client_id: report for report in live.exchange.matching.orders(SYMBOL)}
        far = [abs(orders[client_id].price - live.exchange.quote.last) for client_id in live.exchange.submits]
        assert far == sorted(far)


class Buggy(FakeExchange):
    """An adapter whose next answers to cancels and questions are bugs."""

    bad_cancels = 0
    bad_answers = 0

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off unless a bug strikes."""
        if self.bad_cancels:
            self.bad_cancels -= 1
            raise KeyError("an answer nobody expected")
        await super().cancel(client_id, symbol)

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order unless a bug strikes."""
        if self.bad_answers:
            self.bad_answers -= 1
            raise KeyError("an answer nobody expected")
        return await super().order(client_id, symbol)


@pytest.mark.parametrize("how", ["silent", "buggy"])
async def test_a_cancel_without_an_answer_is_asked_for_again_at_the_next_reconciling(how: str) -> None:
    clock = ManualClock(NOW)
    exchange = Buggy(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        assert len(live.bot.live) > WORKERS, "more bugs than workers: none of them may end"
        exchange.down, exchange.bad_cancels = how == "silent", 10 if how == "buggy" else 0
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
        await live.until(lambda: len(exchange.cancels) == 10 or (how == "buggy" and not exchange.bad_cancels))
        assert live.statuses() == {OrderStatus.CANCELLING}
        assert len(exchange.matching.orders()) == 10
        exchange.down = False
        report = await reconcile(live.runner, SYMBOL, Mode.SHADOW)
        await live.until(lambda: not live.bot.live)
        assert (report.resolved_orders, report.foreign_orders) == (0, ())
        assert exchange.matching.orders() == []
        assert live.bot.status is BotStatus.PAUSED


async def test_a_cancel_without_an_answer_is_soon_sent_again() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.down = True
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
        await live.until(lambda: len(live.exchange.cancels) == 10)
        await live.pass_time(2)
        live.exchange.down = False
        await live.pass_time(3)
        await live.until(lambda: not live.bot.live)
        assert live.exchange.matching.orders() == []


async def test_an_order_is_asked_about_until_an_answer_makes_sense() -> None:
    clock = ManualClock(NOW)
    exchange = Buggy(clock)
    async with living(exchange=exchange, clock=clock) as live:
        exchange.faults, exchange.bad_answers = ["mute"], 3
        await live.start_bot()
        await live.until(lambda: bool(exchange.submits))
        (initial,) = exchange.submits[:1]
        await live.pass_time(12)
        await live.settle()
        assert exchange.bad_answers == 0
        assert exchange.submits.count(initial) == 1, "a bug is no denial: nothing is sent twice for it"
        assert len(live.bot.live) == 10


class Expiring(FakeExchange):
    """Ends the first closing sale without a trade, and tells it to nobody who does not ask."""

    ended: OrderReport | None = None

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, or let it end where nobody hears of it."""
        draft = order.draft
        if draft.purpose is not Purpose.CLOSE or self.ended is not None:
            return await super().submit(order)
        self.submits.append(draft.client_id)
        self.ended = OrderReport(
            client_id=draft.client_id,
            exchange_id="1",
            symbol=draft.symbol,
            side=draft.side,
            price=draft.price,
            quantity=draft.quantity,
            filled=Decimal(0),
            status=OrderStatus.CANCELLED,
        )
        raise ExchangeUnavailable("the connection broke before the answer arrived")

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order."""
        if self.ended is not None and client_id == self.ended.client_id:
            return self.ended
        return await super().order(client_id, symbol)


async def test_a_closing_order_that_is_found_to_have_ended_without_a_trade_has_a_successor() -> None:
    clock = ManualClock(NOW)
    exchange = Expiring(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        await live.until(lambda: exchange.ended is not None)
        await live.pass_time(3)
        exchange.price(Decimal(100))
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        assert live.bot.books.base == 0


class Slow(FakeExchange):
    """Keeps grid orders waiting for as long as ``slow``."""

    slow = False

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, grid orders after a while."""
        if self.slow and order.draft.purpose is Purpose.GRID:
            await self.gate.wait()
        return await super().submit(order)


async def test_cancels_and_closing_orders_never_wait_behind_slow_grid_orders() -> None:
    clock = ManualClock(NOW)
    exchange = Slow(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.slow = True
        exchange.price(live.bot.lines[2] - 1)
        await live.until(lambda: OrderStatus.INTENDED in live.statuses())
        resting = {report.client_id for report in exchange.matching.orders()}
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        await live.until(lambda: resting <= set(exchange.cancels))
        assert not exchange.gate.is_set()
        exchange.gate.set()
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)


def approved(number: int, purpose: Purpose = Purpose.GRID) -> Approved:
    return Approved(foreign(f"bt-1-1-{number}b1", Decimal(50), purpose))


async def test_grid_orders_leave_at_the_pace_allowed_and_stops_at_once() -> None:
    clock = ManualClock(NOW)
    exchange, told = FakeExchange(clock), list[OrderUpdate]()
    execution = Execution(exchange, told.append, clock, per_minute=3)
    execution.start()
    try:
        for number in range(5):
            execution.place(approved(number), Decimal(number))
        await pass_seconds(clock, 30)
        assert len(exchange.submits) == 3
        execution.place(approved(7, Purpose.PROTECT), Decimal(0))
        execution.cancel(CancelRequest("bt-1-1-4b1", SYMBOL, Mode.SHADOW))
        await pass_seconds(clock, 0)
        assert exchange.submits[3:] == ["bt-1-1-7b1"]
        await pass_seconds(clock, 60)
        assert exchange.submits[4:] == ["bt-1-1-3b1"], "the cancelled one never leaves"
        assert not any(execution.busy(f"bt-1-1-{number}b1") for number in range(8))
    finally:
        await execution.stop()


async def pass_seconds(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds + 1):
        for _ in range(20):
            await asyncio.sleep(0)
        clock.advance(1_000 if seconds else 0)


class Behind(FakeExchange):
    """Knows no order by its id while ``behind``, and none to cancel while ``gone``."""

    behind = False
    gone = False

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order, unless what is asked is behind."""
        return None if self.behind else await super().order(client_id, symbol)

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off, unless there is none and so nothing to tell."""
        if self.gone:
            self.cancels.append(client_id)
        else:
            await super().cancel(client_id, symbol)


@pytest.mark.parametrize("gone", [False, True])
async def test_an_order_denied_against_the_word_of_the_stream_leaves_the_book_before_another_takes_its_place(
    gone: bool,
) -> None:
    clock = ManualClock(NOW)
    exchange = Behind(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        bid = next(each for each in live.bot.live if live.runner.engine.state.orders[each].draft.side is Side.BUY)
        place = live.runner.engine.state.orders[bid].draft.slot
        exchange.behind, exchange.gone = True, gone
        live.runner.account(Mode.SHADOW).execution.inquire(bid, SYMBOL)
        await live.pass_time(int(ARRIVAL_SECONDS) + 2)
        assert any(isinstance(each.event, OrderAbsent) for each in live.outcomes)
        assert exchange.cancels == [bid]
        if gone:
            assert live.bot.slots[place].buying, "it may still rest"
            await live.pass_time(int(ARRIVAL_SECONDS) + 2)
        await live.settle()
        rests = [each for each in live.runner.engine.state.live_orders(live.bot) if each.draft.slot == place]
        assert [each.draft.client_id for each in rests] == [bid[:-1] + "2"]
        at_exchange = [each.client_id for each in exchange.matching.orders() if each.client_id.startswith(bid[:-1])]
        assert at_exchange == ([bid] if gone else []) + [bid[:-1] + "2"]
