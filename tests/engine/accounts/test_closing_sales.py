"""Stop losses in a falling market whose sale the exchange refuses, from the runner to the fake exchange and back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from data.events import OrderRejected, OrderUpdate, RejectReason, SetStopLoss, StopBot
from data.grids import Trigger, TriggerKind
from data.orders import OrderType, Purpose
from data.values import ZERO, Mode, Side
from engine.accounts import execution
from engine.accounts.execution import Execution
from engine.clock import ManualClock, SystemClock
from engine.exchanges.base import Balance, ExchangeUnavailable, Rejected, Submitted
from engine.risk import Approved
from engine.views import BotStatus
from tests.engine.exchanges.live import Spot, opened
from tests.engine.fake_exchange import NOW, FakeExchange
from tests.engine.live import Live, living

D = Decimal


class Short(FakeExchange):
    """Refuses sales of more than the account has, and the next ``barred`` closing sales whatever they are for."""

    barred = 0
    asked = 0
    trouble: Exception | None = None
    """Answers the question for balances."""
    hanging = False

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, unless it is a closing sale that must not be."""
        draft = order.draft
        if draft.purpose is Purpose.CLOSE and self.barred:
            self.barred -= 1
            return Rejected(client_id=draft.client_id, reason=RejectReason.FILTER, message="PERCENT_PRICE_BY_SIDE")
        if draft.purpose is Purpose.CLOSE and draft.quantity > self._free():
            reason = RejectReason.INSUFFICIENT_BALANCE
            return Rejected(client_id=draft.client_id, reason=reason, message="Account has insufficient balance")
        return await super().submit(order)

    def _free(self) -> Decimal:
        return sum((each.free for each in self.matching.balances() if each.asset == "AAA"), D(0)) - self.stolen

    async def balances(self) -> Sequence[Balance]:
        """Return what is held, late or never if so told."""
        self.asked += 1
        if self.hanging:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        return await super().balances()


async def falling(live: Live, exchange: Short) -> None:
    """Let the price fall to where the stop loss is at 88, with all bids filled."""
    await live.start_bot()
    await live.settle()
    trigger = Trigger(TriggerKind.PRICE, D(88))
    await live.runner.ask(SetStopLoss(at=live.clock.now(), by="t", bot=1, trigger=trigger))
    exchange.price(D("89"))
    await live.settle()


async def fall_on(live: Live, exchange: Short, seconds: int) -> None:
    """Let the price fall by five hundredths a second."""
    for second in range(seconds):
        exchange.price(D("87.9") - D(second) / 20)
        await live.runner.settled()
        await live.pass_time(1)


async def test_a_stop_loss_refused_in_a_crash_sells_within_seconds() -> None:
    clock = ManualClock(NOW)
    exchange = Short(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await falling(live, exchange)
        exchange.barred = 3
        await fall_on(live, exchange, 6)
        assert (live.bot.status, live.bot.books.base) == (BotStatus.STOPPED, ZERO)
        assert exchange.history[-1].price > D("87.6")


async def test_a_stop_loss_sells_what_the_account_has_when_a_step_of_it_is_missing() -> None:
    clock = ManualClock(NOW)
    exchange = Short(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await falling(live, exchange)
        held = live.bot.books.base
        exchange.stolen = D("0.01")
        await fall_on(live, exchange, 3)
        assert (live.bot.status, live.bot.books.base) == (BotStatus.STOPPED, D("0.01"))
        assert exchange.history[-1].quantity == held - D("0.01")


@pytest.mark.parametrize("how", ["silent", "broken", "hanging"])
async def test_balances_that_nobody_tells_hold_up_no_word_of_a_refusal(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "BALANCE_SECONDS", 0.001)
    clock = ManualClock(NOW)
    exchange = Short(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await falling(live, exchange)
        exchange.stolen, exchange.hanging = D("0.01"), how == "hanging"
        exchange.trouble = {"silent": ExchangeUnavailable("no"), "broken": KeyError("free")}.get(how)
        exchange.price(D("87.9"))
        while not live.bot.close_blocked:  # noqa: ASYNC110 - what is waited for takes real time
            await asyncio.sleep(0.001)
        said = [each.event for each in live.outcomes if isinstance(each.event, OrderRejected)]
        assert [(each.reason, each.available) for each in said] == [(RejectReason.INSUFFICIENT_BALANCE, None)]
        exchange.hanging, exchange.trouble = False, None
        await live.pass_time(1)
        await fall_on(live, exchange, 5)
        assert (live.bot.status, live.bot.books.base) == (BotStatus.STOPPED, D("0.01"))


async def test_balances_are_asked_for_after_no_other_refusal() -> None:
    clock = ManualClock(NOW)
    exchange = Short(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        before, exchange.barred = exchange.asked, 1
        await live.runner.ask(StopBot(at=NOW, by="t", bot=1, sell=True))
        await live.until(lambda: live.bot.close_blocked)
        assert (exchange.asked, live.runner.account(Mode.SHADOW).execution.busy("bt-1-1-is1")) == (before, False)


async def test_a_real_exchange_is_asked_for_what_is_left_of_a_sale_it_refuses(tmp_path: Path) -> None:
    async with opened(Spot(tmp_path)) as venue:
        told: list[OrderUpdate] = []
        work = Execution(venue.exchange, told.append, SystemClock())
        work.start()
        (base,) = {each.base for each in await venue.exchange.markets() if each.symbol == venue.symbol}
        (free,) = [each.free for each in await venue.exchange.balances() if each.asset == base]
        limit = venue.order("bt-1-1-is1", Side.SELL, await venue.near(Side.SELL), "1").draft
        closing = msgspec.structs.replace(
            limit, type=OrderType.MARKET, purpose=Purpose.CLOSE, slot=-1, quantity=free + D("0.001")
        )
        work.place(Approved(closing), ZERO)
        async with asyncio.timeout(20):
            while not told:  # noqa: ASYNC110 - what is waited for takes real time
                await asyncio.sleep(0.01)
        await work.stop()
        venue.server.mistakes.clear()
    (refusal,) = told
    assert isinstance(refusal, OrderRejected)
    assert (refusal.reason, refusal.available) == (RejectReason.INSUFFICIENT_BALANCE, free)
