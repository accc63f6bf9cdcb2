"""Defects that the simulation found, each by itself and under its name."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.advice import Advice, OrdersAdvised
from data.events import AdvicePosted, FundingPaid, MarketChanged, OrderCancelled, StopBot
from data.journal import Journal
from data.orders import Draft, OrderStatus
from data.values import ONE, ZERO, Mode, Side
from engine.accounts.reconcile import LASTING, reconcile
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.exchanges.base import Balance, ExchangeUnavailable, OrderReport, Submitted
from engine.grid.slots import violations
from engine.risk import Approved
from engine.state import Bot
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, PERPETUAL, SPEC, SYMBOL, FakeExchange
from tests.engine.live import living
from tests.engine.test_core import Desk

D = Decimal
UNDER_WAY = 4_000
"""Milliseconds that a request may be under way before the exchange would refuse it as too old."""


class Distant(FakeExchange):
    """Its answers never come, and its orders arrive late and are filled before anybody asks."""

    distant = False

    async def submit(self, order: Approved) -> Submitted:
        if not self.distant:
            return await super().submit(order)
        self.submits.append(order.draft.client_id)
        self.late = (self._clock.now() + UNDER_WAY, order.draft)
        self.distant = False
        raise ExchangeUnavailable("no answer")

    late: tuple[int, Draft] | None = None

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        self.arrive()
        return await super().order(client_id, symbol)

    def arrive(self) -> None:
        """Let the late order arrive, when it is time."""
        if self.late is not None and self._clock.now() >= self.late[0]:
            self.place(self.late[1])
            self.late = None
            self.stream()


async def test_an_order_that_arrives_after_it_was_denied_is_not_sent_again() -> None:
    clock = ManualClock(NOW)
    exchange = Distant(clock)
    exchange.distant = True
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.pass_time(30)
        await live.settle()
        assert max(exchange.submits.count(each) for each in exchange.submits) == 1
        assert live.bot.status is BotStatus.RUNNING


async def test_an_order_under_way_when_the_engine_died_is_not_sent_again_at_once() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Distant(clock)
    exchange.distant = True
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.until(lambda: exchange.late is not None)
    async with living(journal, exchange, clock) as live:
        await live.pass_time(30)
        await live.settle()
        assert max(exchange.submits.count(each) for each in exchange.submits) == 1
        assert live.bot.status is BotStatus.RUNNING


class Lagging(FakeExchange):
    """Its balances are those of a moment ago."""

    before: Sequence[Balance] | None = None

    async def balances(self) -> Sequence[Balance]:
        return await super().balances() if self.before is None else self.before


async def test_balances_that_lag_behind_fills_do_not_pause_the_bots() -> None:
    clock = ManualClock(NOW)
    exchange = Lagging(clock)
    async with living(exchange=exchange, clock=clock) as live:
        exchange.before = await exchange.balances()
        await live.start_bot()
        await live.settle()
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}
        exchange.price(D("97.5"))
        await live.settle()
        clock.advance(LASTING)
        assert (await reconcile(live.runner, SYMBOL, Mode.SHADOW)).gap == {}, "another difference is a new one"
        assert live.bot.status is BotStatus.RUNNING


async def test_funding_that_the_stream_lost_is_found_after_the_bot_has_stopped() -> None:
    clock = ManualClock(NOW)
    exchange = FakeExchange(clock, traded=PERPETUAL)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        clock.advance(1_000)
        exchange.paid = [FundingPaid(at=NOW + 500, id="f1", symbol=PERPETUAL.symbol, mode=Mode.SHADOW, amount=D(-3))]
        await live.runner.refresh([PERPETUAL.symbol])
        await live.runner.ask(StopBot(at=clock.now(), by="t", bot=1, sell=True))
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        await reconcile_all(live.runner)
        assert live.bot.books.funding == D(-3)


def _agree(bot: Bot) -> None:
    books = bot.books
    assert books.base == sum((slot.held for slot in bot.slots), ZERO) - books.baseline
    assert books.identity_error(D("101.7")) == ZERO
    assert violations(bot.slots) == []


def test_an_order_taken_off_before_its_trades_are_told_is_replaced_by_the_rest_alone() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, levels=2))
    first = desk.order(0, Side.SELL)
    part = first.quantity / 4
    ended = desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id, filled=2 * part))
    assert not ended.approved, "half of it was sold, and nobody has told of that yet"
    assert not desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id, filled=2 * part)).durable
    assert not [each for each in desk.fill(first, part).approved if each.draft.side is Side.SELL]
    (rest,) = [each.draft for each in desk.fill(first, part).approved if each.draft.side is Side.SELL]
    assert rest.quantity == 2 * part
    assert first.client_id in desk.engine.state.finished
    _agree(desk.bot)


def test_what_was_sold_twice_is_made_good_by_the_next_purchase() -> None:
    desk = Desk(msgspec.structs.replace(SPEC, levels=2))
    bot = desk.bot
    first = desk.order(0, Side.SELL)
    desk.engine.step(OrderCancelled(at=NOW, client_id=first.client_id))
    second = desk.order(0, Side.SELL)
    desk.fill(first, first.quantity / 2)
    desk.fill(second)
    assert bot.books.base == -first.quantity / 2, "the cancel was told before the trade, so half was sold twice"
    _agree(bot)
    while bot.books.baseline:
        desk.fill(desk.order(0, Side.BUY))
        _agree(bot)
    assert bot.books.base == bot.slots[0].held >= ZERO


def test_orders_come_back_when_the_exchange_allows_more_of_them_again() -> None:
    desk = Desk()
    few = msgspec.structs.replace(MARKET, filters=msgspec.structs.replace(MARKET.filters, max_orders=6))
    before = len(desk.bot.live)
    for market in (few, MARKET):
        desk.engine.step(MarketChanged(at=NOW, symbol=SYMBOL, mode=Mode.SHADOW, market=market))
        for order in desk.engine.state.live_orders(desk.bot):
            if order.status is OrderStatus.CANCELLING:
                desk.engine.step(OrderCancelled(at=NOW, client_id=order.draft.client_id))
    advice = Advice(
        agent="t", what=OrdersAdvised(bot=1), confidence=ONE, reason="t", evidence={}, expires_at=NOW + 1_000
    )
    desk.engine.step(AdvicePosted(at=NOW, advice=advice))
    assert len(desk.bot.live) == before
