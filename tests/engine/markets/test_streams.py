"""Books and trades that are wanted often come from streams: dated, whole, and never from before a gap."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.observations import PublicTrade
from engine.clock import ManualClock
from engine.exchanges.base import Channel, ExchangeUnavailable
from engine.markets.kinds import KINDS
from engine.markets.service import MarketService, Stale
from engine.markets.streams import MOST_LEVELS, MOST_TRADES, WORTH
from tests.engine.markets.asked import NOW, SYMBOL, Asked

BOOK, TRADES = Channel("book", SYMBOL), Channel("trades", SYMBOL)
LIMIT = 6


async def step(clock: ManualClock) -> None:
    """Let the market move once, and streams tell of it."""
    clock.advance(5_000)
    for _ in range(5):
        await asyncio.sleep(0)


async def want(service: MarketService, channel: Channel) -> None:
    """Ask as often as it takes to be streamed."""
    for _ in range(WORTH[channel.what].often):
        if channel.what == "book":
            await service.book(SYMBOL)
        else:
            await service.trades(SYMBOL, LIMIT)
    await service.tend()
    assert channel in service.channels


async def test_a_streamed_book_is_served_without_a_question_and_is_the_one_there_is(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, BOOK)
    before = exchange.asked["book"]
    for _ in range(30):
        await step(clock)
        for depth in (100, 5):
            answer = await service.book(SYMBOL, depth)
            assert answer.value == exchange._invented(SYMBOL).book(clock.now() // 5_000, depth)
            assert answer.at == answer.value.at == clock.now()
    assert exchange.asked["book"] == before


async def test_a_silent_stream_serves_nothing_beyond_its_time(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, BOOK)
    await step(clock)
    for _ in range(12):
        clock.advance(4_900)  # nobody else gets a turn: no stream tells anything
        answer = await service.book(SYMBOL)
        assert answer.age(clock.now()) <= 10_000
        assert clock.now() - answer.value.at <= 15_000
    assert exchange.asked["book"] >= 6


async def test_a_book_from_before_a_gap_is_never_served_as_fresh(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, BOOK)
    await step(clock)
    await service.book(SYMBOL)
    before = exchange.asked["book"]
    clock.advance(10)
    exchange.broke(BOOK)
    clock.advance(10)
    answer = await service.book(SYMBOL)
    assert exchange.asked["book"] == before + 1
    assert answer.at == clock.now()
    clock.advance(10)
    exchange.broke(BOOK)
    exchange.away = True
    clock.advance(1_000)
    with pytest.raises(Stale) as caught:
        await service.book(SYMBOL)
    assert caught.value.age == 1_010
    exchange.away = False
    await step(clock)
    asked = exchange.asked["book"]
    assert (await service.book(SYMBOL)).value.at == clock.now() // 5_000 * 5_000
    assert exchange.asked["book"] == asked


async def test_more_levels_than_a_stream_tells_are_asked_for_and_deserve_no_stream(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    for _ in range(2 * WORTH["book"].often):
        await service.book(SYMBOL, MOST_LEVELS + 1)
    await service.tend()
    assert not service.channels
    await want(service, BOOK)
    await step(clock)
    before = exchange.asked["book"]
    await service.book(SYMBOL, MOST_LEVELS + 2)
    assert exchange.asked["book"] == before + 1


async def test_streamed_trades_are_served_once_there_are_enough_of_them(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, TRADES)
    before = exchange.asked["trades"]
    for _ in range(4):
        await step(clock)
        await service.trades(SYMBOL, LIMIT)
    assert exchange.asked["trades"] > before
    before = exchange.asked["trades"]
    for _ in range(8):
        await step(clock)
        answer, now = await service.trades(SYMBOL, LIMIT), clock.now() // 5_000
        assert answer.value == tuple(exchange._invented(SYMBOL).trades(now - LIMIT, now))[-LIMIT:]
        assert answer.at == clock.now()
    assert exchange.asked["trades"] == before


async def test_trades_that_have_a_hole_are_asked_for(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, TRADES)
    for _ in range(5):
        await step(clock)
    exchange.broke(TRADES)
    before = exchange.asked["trades"]
    await step(clock)
    answer = await service.trades(SYMBOL, LIMIT)
    assert exchange.asked["trades"] == before + 1
    assert len(answer.value) == LIMIT
    dates = [trade.at for trade in answer.value]
    assert dates[0] >= clock.now() - LIMIT * 5_000


async def test_what_is_kept_of_trades_is_bounded_and_forgotten_with_the_stream(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, TRADES)
    streams = service._streams
    for _ in range(MOST_TRADES):
        await step(clock)
    kept: tuple[PublicTrade, ...] = streams._trades[TRADES].value  # type: ignore[assignment]
    assert len(kept) == MOST_TRADES
    assert (await service.trades(SYMBOL, MOST_TRADES)).value == tuple(kept)
    clock.advance(3_600_000)
    await service.tend()
    assert not service.channels
    assert not streams._trades


async def test_no_more_is_streamed_than_each_kind_may_have(service: MarketService, exchange: Asked) -> None:
    symbols = [market.symbol for market in await exchange.markets()]
    assert len(symbols) > WORTH["book"].most
    for symbol in symbols:
        for _ in range(WORTH["book"].often):
            await service.book(symbol)
    await service.tend()
    assert len(service.channels) == WORTH["book"].most


async def test_a_clock_that_is_set_back_makes_no_book_young(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    await want(service, BOOK)
    await step(clock)
    await service.book(SYMBOL)
    clock.advance(-3_600_000)  # and the market stands still until then
    before = exchange.asked["book"]
    for _ in range(6):
        clock.advance(11_000)
        assert (await service.book(SYMBOL)).value.at // 5_000 == clock.now() // 5_000
    assert exchange.asked["book"] == before + 6


class Fate:
    """A service to which anything may happen; what it serves is held against what is known to be true."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.exchange = Asked(self.clock)
        self.service = MarketService(self.exchange, self.clock, streamed=lambda _: None, most_bytes=20_000_000)
        self.broken: dict[Channel, int] = {}

    async def act(self, what: str, much: int) -> None:
        """Let one thing happen."""
        match what:
            case "time":
                self.clock.advance(much * 700)
            case "turn":
                await step(self.clock)
            case "away":
                self.exchange.away = not self.exchange.away
            case "break":
                self.clock.advance(10)
                for _ in range(5):
                    await asyncio.sleep(0)
                for channel in self.service.channels:
                    self.exchange.broke(channel)
                    self.broken[channel] = self.clock.now()
            case "tend":
                await self.service.tend()
            case _:
                for _ in range(much):
                    await self.look(what)

    async def look(self, what: str) -> None:
        """Ask, and hold the answer against the truth of its date."""
        try:
            answer = await (self.service.book(SYMBOL, 20) if what == "book" else self.service.trades(SYMBOL, LIMIT))
        except ExchangeUnavailable:
            return
        channel, then, market = BOOK if what == "book" else TRADES, answer.at // 5_000, self.exchange._invented(SYMBOL)
        most = next(kind.most_ttl for kind in KINDS if kind.name == what)
        assert answer.age(self.clock.now()) <= most
        assert answer.at >= self.broken.get(channel, 0)
        truth = market.book(then, 20) if what == "book" else tuple(market.trades(then - LIMIT, then))[-LIMIT:]
        assert answer.value == truth


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["time", "turn", "away", "break", "tend", "book", "book", "trades", "trades"]),
            st.integers(1, 20),
        ),
        max_size=60,
    )
)
def test_whatever_happens_what_is_served_is_the_truth_of_its_date(acts: list[tuple[str, int]]) -> None:
    async def live() -> None:
        fate = Fate()
        await fate.exchange.open(lambda _: None)
        try:
            for channel in (BOOK, TRADES):
                await want(fate.service, channel)
            for what, much in acts:
                await fate.act(what, much)
        finally:
            await fate.exchange.close()

    asyncio.run(live())
