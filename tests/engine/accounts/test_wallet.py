"""Money that perpetual bots count on, and that is no longer in the wallet that answers for their positions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data.events import Reconciled
from data.values import Mode
from engine.accounts.reconcile import LASTING, reconcile
from engine.clock import ManualClock
from engine.views import BotStatus
from tests.engine.fake_exchange import NOW, PERPETUAL, FakeExchange
from tests.engine.live import Live, living

D = Decimal


async def compared(live: Live) -> Reconciled:
    return await reconcile(live.runner, PERPETUAL.symbol, Mode.SHADOW)


async def spare(live: Live) -> Decimal:
    """Return what the wallet holds beyond what the bot counts on."""
    position = next(iter(await live.exchange.positions()))
    (wallet,) = await live.exchange.balances()
    books = live.bot.books
    return wallet.total - books.cash - books.base * position.entry_price


@pytest.mark.parametrize("missing", [D("0.1"), D("0.5")])
async def test_a_wallet_that_was_emptied_behind_the_back_of_a_bot_pauses_it_and_is_told(missing: Decimal) -> None:
    clock = ManualClock(NOW)
    async with living(exchange=FakeExchange(clock, traded=PERPETUAL), clock=clock) as live:
        assert (await live.start_bot(leverage=2)).problem == ""
        live.exchange.price(D("97.5"))
        await live.settle()
        assert (await compared(live)).gap == {}
        short = live.bot.books.invested * missing
        live.exchange.withdrawn = await spare(live) + short
        assert (await compared(live)).gap == {}, "wallets may lag for a moment"
        live.clock.advance(LASTING)
        gap = (await compared(live)).gap
        assert (gap["asset"], D(gap["short"])) == ("USDT", short)
        assert D(gap["expected"]) - D(gap["found"]) == short
        assert live.bot.status is BotStatus.PAUSED


async def test_what_is_left_over_may_be_taken_and_a_trifle_more() -> None:
    clock = ManualClock(NOW)
    async with living(exchange=FakeExchange(clock, traded=PERPETUAL), clock=clock) as live:
        assert (await live.start_bot(leverage=2)).problem == ""
        live.exchange.price(D("97.5"))
        await live.settle()
        live.exchange.withdrawn = await spare(live) + live.bot.books.invested * D("0.005")
        await compared(live)
        live.clock.advance(LASTING)
        assert (await compared(live)).gap == {}
        assert live.bot.status is BotStatus.RUNNING
