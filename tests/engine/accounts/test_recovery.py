"""Funding that the stream did not tell is asked for from where it may be unknown, and from no earlier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec

from data.events import FundingPaid, StartBot, TickerMoved
from data.grids import Direction
from data.journal import Journal
from data.market import Ticker
from data.values import Millis, Mode
from engine.accounts.recovery import FUNDING_OVERLAP, recover_funding
from engine.clock import ManualClock
from engine.state import KEEP_FUNDING, market_key
from tests.engine.fake_exchange import NOW, PERPETUAL, SPEC, FakeExchange
from tests.engine.live import Live, living

D = Decimal
FUNDED, IDLE = PERPETUAL.symbol, "BBB/USDT:USDT"
HOUR: Millis = 3_600_000


class Asked(FakeExchange):
    """Remembers from when on it was asked for funding."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, traded=PERPETUAL)
        self.since: list[Millis] = []

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return what was settled."""
        self.since.append(since)
        return await super().funding(symbols, since)

    def settle(self, count: int) -> None:
        """Let funding be paid every hour, after what was paid already."""
        for number in range(len(self.paid), len(self.paid) + count):
            at = NOW + 1 + number * HOUR
            self.paid.append(FundingPaid(at=at, id=f"f{number}", symbol=FUNDED, mode=Mode.SHADOW, amount=D("-0.01")))


async def recover(live: Live, times: int = 1) -> None:
    """Ask for the funding of both markets."""
    for _ in range(times):
        await recover_funding(live.runner, live.runner.account(Mode.SHADOW), [FUNDED, IDLE])
        await live.runner.settled()


async def start_idle(live: Live) -> None:
    """Start a neutral grid on another market; flat, it neither pays funding nor gets any."""
    now = live.clock.now()
    market = msgspec.structs.replace(PERPETUAL, symbol=IDLE, base="BBB")
    spec = msgspec.structs.replace(
        SPEC, symbol=IDLE, mode=Mode.SHADOW, leverage=1, direction=Direction.NEUTRAL, lower=D(45), upper=D(55)
    )
    live.runner.post(TickerMoved(at=now, ticker=Ticker(IDLE, D(50), D("50.01"), D(50), now)))
    await live.runner.settled()
    assert (await live.runner.ask(StartBot(at=now, by="t", spec=spec, market=market))).problem == ""


async def test_a_market_without_funding_has_none_of_another_asked_or_booked_again() -> None:
    clock = ManualClock(NOW)
    exchange = Asked(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        await start_idle(live)
        exchange.settle(KEEP_FUNDING + 40)
        clock.advance(len(exchange.paid) * HOUR)
        await recover(live, 20)
        assert live.bot.books.funding == len(exchange.paid) * D("-0.01")
        assert exchange.since[-1] == exchange.paid[-1].at - FUNDING_OVERLAP
        exchange.settle(1)
        clock.advance(HOUR)
        await recover(live)
        assert live.bot.books.funding == len(exchange.paid) * D("-0.01")


async def test_a_start_books_no_funding_again_however_much_was_booked() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Asked(clock)
    async with living(journal, exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.settle(2 * KEEP_FUNDING)
        clock.advance(len(exchange.paid) * HOUR)
        await recover(live)
        assert live.bot.books.funding == len(exchange.paid) * D("-0.01")
    for _ in range(2):
        exchange.since.clear()
        async with living(journal, exchange=exchange, clock=clock) as live:
            await recover(live)
            assert live.bot.books.funding == len(exchange.paid) * D("-0.01")
            kept = live.runner.engine.state.funding[market_key(Mode.SHADOW, FUNDED)]
            assert len(kept) == KEEP_FUNDING
            assert min(exchange.since) == min(kept.values()) - HOUR, "from there on each payment is known by its id"


async def test_funding_from_before_what_the_stream_told_last_is_found_after_a_start() -> None:
    clock, journal = ManualClock(NOW), Journal.in_memory()
    exchange = Asked(clock)
    async with living(journal, exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        exchange.settle(50)
        clock.advance(len(exchange.paid) * HOUR)
        live.runner.post(exchange.paid[-1])
        await live.runner.settled()
        assert live.bot.books.funding == D("-0.01")
    async with living(journal, exchange=exchange, clock=clock) as live:
        await recover(live)
        assert live.bot.books.funding == len(exchange.paid) * D("-0.01")


async def test_funding_of_one_market_that_is_told_after_later_funding_of_another_is_booked() -> None:
    clock = ManualClock(NOW)
    exchange = Asked(clock)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        await start_idle(live)
        exchange.settle(2)
        clock.advance(len(exchange.paid) * HOUR)
        await recover(live, 2)
        late = FundingPaid(at=exchange.paid[0].at, id="late", symbol=IDLE, mode=Mode.SHADOW, amount=D("-0.5"))
        exchange.paid.insert(0, late)
        await recover(live, 2)
        idle = next(bot for bot in live.runner.engine.state.bots.values() if bot.market.symbol == IDLE)
        assert idle.books.funding == late.amount
