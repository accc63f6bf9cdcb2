"""Balances and positions asked for once: who may share an answer, and who may not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from data.values import Mode
from engine.accounts.holdings import find_gap
from engine.accounts.statement import RECENT, Statement
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.exchanges.base import Balance, ExchangeUnavailable, Position
from tests.engine.fake_exchange import NOW, PERPETUAL, FakeExchange
from tests.engine.live import living


class Asked(FakeExchange):
    """Counts the questions, and answers when it is let."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, traded=PERPETUAL)
        self.questions: list[str] = []
        self.open_for_answers = asyncio.Event()
        self.open_for_answers.set()

    async def balances(self) -> Sequence[Balance]:
        """Count, then answer."""
        self.questions.append("balances")
        await self.open_for_answers.wait()
        return await super().balances()

    async def positions(self) -> Sequence[Position]:
        """Count, then answer."""
        self.questions.append("positions")
        return await super().positions()


def asked() -> tuple[Asked, Statement, ManualClock]:
    clock = ManualClock(NOW)
    exchange = Asked(clock)
    return exchange, Statement(exchange, clock), clock


async def test_all_who_wait_share_one_question() -> None:
    exchange, statement, _ = asked()
    exchange.open_for_answers.clear()
    waiting = [asyncio.ensure_future(statement.balances()) for _ in range(5)]
    await asyncio.sleep(0)
    exchange.open_for_answers.set()
    answers = await asyncio.gather(*waiting)
    assert exchange.questions == ["balances"]
    assert all(answer is answers[0] for answer in answers)


async def test_one_who_gives_up_leaves_the_answer_to_the_others() -> None:
    exchange, statement, _ = asked()
    exchange.open_for_answers.clear()
    first, second = (asyncio.ensure_future(statement.balances()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    exchange.open_for_answers.set()
    assert await second
    assert exchange.questions == ["balances"]


async def test_an_answer_is_recent_for_a_second_and_until_the_account_changes() -> None:
    exchange, statement, clock = asked()
    await statement.balances()
    clock.advance(RECENT - 1)
    await statement.balances()
    assert len(exchange.questions) == 1
    clock.advance(1)
    await statement.balances()
    assert len(exchange.questions) == 2
    statement.outdate()
    await statement.balances()
    assert len(exchange.questions) == 3
    clock.advance(-60_000)
    await statement.balances()
    assert len(exchange.questions) == 4, "a clock that was set back makes nothing recent"


async def test_an_answer_from_before_a_mark_is_not_good_enough_however_recent() -> None:
    exchange, statement, _ = asked()
    await statement.balances()
    since = statement.mark()
    first = await statement.balances(since)
    assert len(exchange.questions) == 2
    assert await statement.balances(since) is first
    assert len(exchange.questions) == 2


async def test_a_question_under_way_does_not_answer_for_a_later_mark() -> None:
    exchange, statement, _ = asked()
    exchange.open_for_answers.clear()
    early = asyncio.ensure_future(statement.balances())
    await asyncio.sleep(0)
    late = asyncio.ensure_future(statement.balances(statement.mark()))
    await asyncio.sleep(0)
    exchange.open_for_answers.set()
    assert await early is not await late
    assert len(exchange.questions) == 2


async def test_no_answer_is_kept_for_nobody() -> None:
    exchange, statement, _ = asked()
    exchange.down = True
    for _ in range(2):
        with pytest.raises(ExchangeUnavailable):
            await statement.balances()
    exchange.down = False
    assert await statement.balances()
    assert len(exchange.questions) == 3


async def test_a_round_of_comparisons_asks_for_positions_and_wallets_once() -> None:
    clock = ManualClock(NOW)
    exchange = Asked(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot(leverage=2)
        await live.settle()
        await reconcile_all(live.runner)
        exchange.questions.clear()
        await reconcile_all(live.runner)
        assert exchange.questions == ["positions", "balances"], "also for the leverage"


async def test_an_old_answer_proves_no_difference() -> None:
    clock = ManualClock(NOW)
    exchange = Asked(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot(leverage=2)
        await live.settle()
        account = live.runner.account(Mode.SHADOW)
        since = account.statement.mark()
        await account.statement.positions(since)
        exchange.price(Decimal("97.5"))
        await live.settle()
        exchange.questions.clear()
        assert await find_gap(live.runner, account, PERPETUAL.symbol, since) == {}
        assert exchange.questions[0] == "positions", "what differs is asked for again"
