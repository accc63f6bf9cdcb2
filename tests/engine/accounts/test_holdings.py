"""What perpetual bots say the account holds: positions on either side, funding, leverage, and the stop that waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from data.events import FundingPaid, Reconciled, ResumeBot, SetStopLoss
from data.grids import Trigger, TriggerKind
from data.orders import Purpose
from data.values import Mode
from engine.accounts.reconcile import LASTING, reconcile
from engine.accounts.upkeep import hold_alive, reconcile_all
from engine.clock import ManualClock
from engine.exchanges.base import MarketUnknown, Rejected, Submitted
from engine.risk import Approved
from engine.views import BotStatus
from tests.engine.fake_exchange import NOW, PERPETUAL, FakeExchange
from tests.engine.live import Live, living

D = Decimal
SYMBOL = PERPETUAL.symbol


@asynccontextmanager
async def perpetual(leverage: int = 1) -> AsyncIterator[Live]:
    """Run a long grid on a perpetual."""
    clock = ManualClock(NOW)
    async with living(exchange=FakeExchange(clock, traded=PERPETUAL), clock=clock) as live:
        assert (await live.start_bot(leverage=leverage)).problem == ""
        await live.settle()
        assert status(live) is BotStatus.RUNNING
        yield live


def status(live: Live) -> BotStatus:
    return live.bot.status


async def compared(live: Live) -> Reconciled:
    """Compare the perpetual."""
    return await reconcile(live.runner, SYMBOL, Mode.SHADOW)


async def test_a_position_as_the_books_say_is_no_gap() -> None:
    async with perpetual() as live:
        live.exchange.price(D("97.5"))
        await live.settle()
        assert (await compared(live)).gap == {}
        assert live.bot.books.base > 0


@pytest.mark.parametrize("stolen", [D("0.5"), D("-0.5"), D(40)])
async def test_a_position_that_differs_either_way_pauses_and_is_told_once(stolen: Decimal) -> None:
    async with perpetual() as live:
        live.exchange.stolen = stolen
        assert (await compared(live)).gap == {}, "positions may lag for a moment"
        live.clock.advance(LASTING)
        gap = (await compared(live)).gap
        assert gap == {
            "asset": SYMBOL,
            "expected": gap["expected"],
            "found": str(D(gap["expected"]) - stolen),
            "short": str(stolen),
        }
        assert status(live) is BotStatus.PAUSED
        await live.until(lambda: live.bot.bid == 0)
        await live.runner.ask(ResumeBot(at=NOW, by="t", bot=1))
        await compared(live)
        assert status(live) is BotStatus.RUNNING, "a person has decided"


async def test_a_fill_the_stream_lost_is_no_gap() -> None:
    async with perpetual() as live:
        live.exchange.deaf = True
        live.exchange.price(D("97.5"))
        live.exchange.deaf = False
        report = await compared(live)
        assert (report.gap, report.recovered_fills) == ({}, 1)


async def test_funding_is_booked_once_however_often_it_is_told() -> None:
    async with perpetual() as live:
        live.exchange.paid = [
            FundingPaid(at=NOW - 1, id="f0", symbol=SYMBOL, mode=Mode.SHADOW, amount=D(-9)),
            FundingPaid(at=NOW + 1, id="f1", symbol=SYMBOL, mode=Mode.SHADOW, amount=D("-0.25")),
        ]
        live.clock.advance(60_000)
        cash = live.bot.books.cash
        for _ in range(2):
            await compared(live)
        assert (live.bot.books.funding, live.bot.books.cash) == (D("-0.25"), cash - D("0.25"))
        live.exchange.paid.append(FundingPaid(at=NOW + 2, id="f2", symbol=SYMBOL, mode=Mode.SHADOW, amount=D("0.5")))
        await compared(live)
        assert live.bot.books.funding == D("0.25")


async def test_leverage_is_set_once_after_a_start_and_its_drift_is_a_gap() -> None:
    async with perpetual() as live:
        for _ in range(2):
            assert (await compared(live)).gap == {}
        assert [leverage for _, leverage, _ in live.exchange.prepared] == [1]
        live.exchange.leverage = 5
        assert (await compared(live)).gap == {
            "asset": f"leverage of {SYMBOL}",
            "expected": "1x cross",
            "found": "5x cross",
        }
        assert status(live) is BotStatus.PAUSED


async def test_leverage_that_cannot_be_set_is_a_gap() -> None:
    async with perpetual() as live:
        live.exchange.unprepared = "the account is in hedge mode"
        report = await compared(live)
        assert report.gap["found"] == "the account is in hedge mode"
        assert status(live) is BotStatus.PAUSED
        live.exchange.unprepared = ""
        assert (await compared(live)).gap == {}


async def test_a_stop_that_vanished_from_the_exchange_is_placed_again() -> None:
    async with perpetual(leverage=3) as live:
        assert live.exchange.stops, "a grid with a position is protected"
        (gone,) = live.exchange.stops
        assert live.runner.engine.state.orders[gone].draft.purpose is Purpose.PROTECT
        live.exchange.stops.clear()
        await live.runner.refresh([SYMBOL])
        await compared(live)
        assert gone in live.bot.live, "one denial proves nothing"
        await live.pass_time(20)
        live.exchange.price(D("100.5"))
        await live.settle()
        assert gone not in live.exchange.stops
        assert len(live.exchange.stops) == 1
        assert (await compared(live)).foreign_orders == ()


class Delisted(FakeExchange):
    """No longer lists one market."""

    gone = "AAA/AAA:AAA"

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Note the sign of life."""
        if symbol == self.gone:
            raise MarketUnknown(symbol)
        await super().hold_alive(symbol, seconds)


async def test_countdowns_are_held_off_while_perpetuals_are_traded_and_ended_after() -> None:
    async with perpetual() as live:
        live.runner.account(Mode.SHADOW).opened = False
        await hold_alive(live.runner, 60)
        assert live.exchange.alive == [], "an account that was never reached is told nothing"
        live.runner.account(Mode.SHADOW).opened = True
        await hold_alive(live.runner, 60)
        assert live.exchange.alive == [(SYMBOL, 60)]
        live.bot.status = BotStatus.STOPPED
        for _ in range(2):
            await hold_alive(live.runner, 60)
        assert live.exchange.alive == [(SYMBOL, 60), (SYMBOL, 0)]


async def test_a_market_that_is_gone_keeps_no_other_from_its_sign_of_life() -> None:
    clock = ManualClock(NOW)
    exchange = Delisted(clock, traded=PERPETUAL)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        account = live.runner.account(Mode.SHADOW)
        account.held_alive.add(exchange.gone)
        await hold_alive(live.runner, 60)
        assert exchange.alive == [(SYMBOL, 60)]
        assert account.held_alive == {SYMBOL}


async def test_a_stop_that_was_rejected_is_asked_for_again_at_every_round() -> None:
    async with perpetual(leverage=3) as live:
        (stop,) = live.exchange.stops
        live.exchange.refusing_stops = True
        await live.exchange.cancel(stop, SYMBOL)
        live.exchange.price(D("100.5"))
        await live.until(lambda: live.bot.protect_blocked)
        live.exchange.refusing_stops = False
        await reconcile_all(live.runner)
        await live.settle()
        assert len(live.exchange.stops) == 1


class SlowToCancel(FakeExchange):
    """Takes nothing off before ``gate`` opens, and says only after it what became of orders that came meanwhile."""

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off, in the end."""
        await self.gate.wait()
        await super().cancel(client_id, symbol)

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, or refuse it, and answer after the word of every cancel."""
        answer = await super().submit(order)
        if isinstance(answer, Rejected):
            await self.gate.wait()
            await asyncio.sleep(0)
        return answer


async def test_a_stop_that_is_moved_is_laid_however_long_its_predecessor_takes_to_go() -> None:
    clock = ManualClock(NOW)
    exchange = SlowToCancel(clock, traded=PERPETUAL)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot(leverage=3)
        await live.settle()
        (old,) = exchange.stops
        trigger = Trigger(TriggerKind.PRICE, D(85))
        await live.runner.ask(SetStopLoss(at=clock.now(), by="t", bot=1, trigger=trigger))
        await live.pass_time(3)
        assert list(exchange.stops) == [old], "the old one guards until it is taken off"
        exchange.gate.set()
        await live.settle()
        assert [stop.price for stop in exchange.stops.values()] == [D(85)]
        assert not live.bot.protect_blocked
