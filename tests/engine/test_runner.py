"""The one consumer: what is committed leaves, what is not does not, and starting again is recovering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from data.database import Database, StorageError
from data.events import EngineStarted, OrderFilled, PauseBot, ResumeBot, SetTakeProfit, TickerMoved
from data.grids import Trigger, TriggerKind
from data.journal import Journal
from data.market import Ticker
from data.outbox import Outbox
from engine.clock import ManualClock
from engine.core import Engine
from engine.exchanges.base import Emit, Submitted
from engine.outcome import Outcome
from engine.recording import rebuild
from engine.risk import Approved
from engine.runner import Runner, load_engine, save_checkpoint
from engine.state import freeze
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, living

D = Decimal


class BrokenDisk(Journal):
    """A journal that fails when told."""

    broken = False

    def commit(self, *beside: Callable[[], object]) -> None:
        """Commit unless broken."""
        if self.broken:
            raise StorageError("the disk is full")
        super().commit(*beside)


async def test_what_witnesses_write_is_committed_with_the_step_or_not_at_all(tmp_path: Path) -> None:
    database = Database(tmp_path / "batuta.sqlite")
    journal, outbox = Journal(database), Outbox(database)
    async with living(journal) as live:

        def write(outcome: Outcome) -> None:
            assert database.in_transaction
            outbox.put(recipient="telegram:1", lane=0, at=outcome.event.at, body=bytes(5000), key=str(outcome.sequence))

        live.runner.witnesses.append(write)
        await live.start_bot()
        await live.settle()
        told = [int(row.key) for row in outbox.pending()]
        assert told == list(range(told[0], journal.last_sequence + 1))
        database.rows("PRAGMA max_page_count = 1")
        # The first of these may still find room in the pages there are.
        for control in (PauseBot, ResumeBot) * 10:
            if live.runner.failure is None:
                with suppress(StorageError):
                    await live.runner.ask(control(at=NOW, by="test", bot=1))
        assert isinstance(live.runner.failure, StorageError)
    committed = journal.last_sequence - journal.pending
    assert journal.pending > 0
    told = [int(row.key) for row in outbox.pending()]
    # Nothing is told of a step that was taken back, whatever could not be told of one that stands.
    assert told == list(range(told[0], told[-1] + 1))
    assert told[-1] in (committed - 1, committed)
    assert journal.verify() == committed


async def test_nothing_leaves_when_the_journal_cannot_be_written() -> None:
    clock = ManualClock(NOW)
    exchange, journal = FakeExchange(clock), BrokenDisk.in_memory()
    assert isinstance(journal, BrokenDisk)
    runner = Runner(load_engine(journal, LIMITS), journal, [exchange], clock)
    await runner.start("t")
    await runner.connect()
    await runner.watch(SYMBOL)
    journal.broken = True
    asked = asyncio.ensure_future(runner.ask(PauseBot(at=NOW, by="t", bot=1)))
    runner.post(EngineStarted(at=NOW, version="t"))
    with pytest.raises(StorageError):
        await runner.wait()
    with pytest.raises(StorageError):
        await runner.ask(PauseBot(at=NOW, by="t", bot=1))
    with pytest.raises(StorageError):
        await asyncio.wait_for(asked, 1)
    assert isinstance(runner.failure, StorageError)
    assert exchange.submits == []
    await runner.stop()


async def test_an_order_leaves_only_after_its_entry_is_committed() -> None:
    seen: list[tuple[str, int]] = []

    class Watching(FakeExchange):
        async def submit(self, order: Approved) -> Submitted:
            approved = {each for entry in journal.read() for each in entry.approved}
            seen.append((order.draft.client_id, order.draft.client_id in approved))
            return await super().submit(order)

    clock, journal = ManualClock(NOW), Journal.in_memory()
    async with living(journal, Watching(clock), clock) as live:
        await live.start_bot()
        await live.settle()
    assert len(seen) == 11
    assert all(committed for _, committed in seen)


async def test_a_quiet_tick_is_not_journaled_and_the_newest_replaces_older_ones() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        before, sequence = freeze(live.runner.engine.state), live.runner.journal.last_sequence
        for n in range(1, 6):
            ticker = Ticker(SYMBOL, D(100), D(100), D(100) + D(n) / 100, NOW + n)
            live.runner.post(TickerMoved(at=NOW + n, ticker=ticker))
        assert live.runner.waiting == 1
        await live.runner.settled()
        assert live.runner.engine.state.tickers[SYMBOL].last == D("100.05")
        assert freeze(live.runner.engine.state) == before
        assert live.runner.journal.last_sequence == sequence


async def test_a_refused_control_answers_why_and_changes_nothing() -> None:
    async with living() as live:
        outcome = await live.runner.ask(PauseBot(at=NOW, by="t", bot=4))
        assert not outcome.durable
        assert outcome.problem == "bot 4 is not running"
        assert live.outcomes[-1] is outcome


async def test_an_observer_that_fails_disturbs_nobody() -> None:
    async with living() as live:
        heard: list[Outcome] = []

        def clumsy(outcome: Outcome) -> None:
            raise ValueError("clumsy")

        live.runner.observers[:] = [clumsy, heard.append]
        await live.start_bot()
        await live.settle()
        assert live.bot.status is BotStatus.RUNNING
        assert len(heard) > 10


async def test_a_restart_gives_the_same_state_with_and_without_a_checkpoint() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = FakeExchange(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
        assert save_checkpoint(live.runner) == journal.last_sequence
        exchange.price(D("97.5"))
        await live.settle()
        trigger = Trigger(TriggerKind.PERCENT, D(5))
        await live.runner.ask(SetTakeProfit(at=NOW, by="t", bot=1, trigger=trigger))
        state = freeze(live.runner.engine.state)
    short = load_engine(journal, LIMITS)
    assert freeze(short.state) == state
    journal_only = Engine(LIMITS)
    assert rebuild(journal_only, journal.read()) == journal.last_sequence
    assert freeze(journal_only.state) == state


async def test_a_take_profit_sells_everything_and_ends_the_bot() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        trigger = Trigger(TriggerKind.PRICE, D(105))
        await live.runner.ask(SetTakeProfit(at=NOW, by="t", bot=1, trigger=trigger))
        live.exchange.price(D("105.5"))
        await live.until(lambda: live.bot.status is BotStatus.STOPPED)
        assert live.exchange.matching.orders() == []
        assert live.bot.books.base < MARKET.filters.quantity_step
        held = {balance.asset: balance.total for balance in live.exchange.matching.balances()}
        assert held["AAA"] == live.bot.books.base
        assert held["USDT"] == 5_000 - live.bot.books.invested + live.bot.books.cash


async def test_watched_markets_are_those_of_bots_and_those_asked_for_of_late() -> None:
    async with living() as live:
        assert live.runner.watched() == frozenset()
        await live.runner.watch(SYMBOL, seconds=10)
        assert live.runner.watched() == {SYMBOL}
        live.clock.advance(11_000)
        assert live.runner.watched() == frozenset()
        await live.start_bot()
        live.clock.advance(10**7)
        assert live.runner.watched() == {SYMBOL}


async def test_a_checkpoint_nobody_can_read_costs_only_time() -> None:
    journal = Journal.in_memory()
    async with living(journal) as live:
        await live.start_bot()
        await live.settle()
        state = freeze(live.runner.engine.state)
        journal.checkpoint(journal.last_sequence, b'{"sequence": "of another shape"}')
        assert journal.latest_checkpoint() is not None
    again = load_engine(journal, LIMITS)
    assert freeze(again.state) == state
    assert again.state.sequence == journal.last_sequence


async def test_what_an_exchange_tells_while_connecting_waits_for_prices() -> None:
    class Talkative(FakeExchange):
        async def open(self, emit: Emit) -> None:
            await super().open(emit)
            for fill in self.history:
                emit(OrderFilled(at=NOW, fill=fill))

    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Talkative(clock)
    async with living(journal, exchange, clock) as live:
        await live.start_bot()
        await live.settle()
    exchange.price(D("97.5"))
    runner = Runner(load_engine(journal, LIMITS), journal, [exchange], clock)
    outcomes: list[Outcome] = []
    runner.observers.append(outcomes.append)
    await runner.start("t")
    await runner.connect()
    (booked,) = [each for each in outcomes if isinstance(each.event, OrderFilled)]
    assert booked.event == OrderFilled(at=NOW, fill=exchange.history[-1])
    assert booked.refused == ()
    assert [each.draft.price for each in booked.approved] == [D(100)], "its other leg, judged by the price of now"
    await runner.stop()


async def test_whoever_asks_after_the_end_is_told_so() -> None:
    async with living() as live:
        pass
    with pytest.raises(RuntimeError, match="the engine has stopped"):
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
