"""The market service through unmodified ccxt and real sockets: what it serves is right, or refused with its age."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from data.bars import Bars
from engine.clock import SystemClock
from engine.exchanges.base import Channel
from engine.markets.service import MarketService, Stale
from engine.markets.streams import WORTH
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, opened

COUNT = 5
DEPTH = 10
PATIENCE = 15.0


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


@pytest.fixture
async def service(venue: LiveVenue) -> AsyncIterator[MarketService]:
    service = MarketService(venue.exchange, SystemClock(), streamed=lambda _: None, most_bytes=10_000_000)
    yield service
    await service.stop()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - what comes over a socket sets no event of ours
            await asyncio.sleep(0.02)


def klines(venue: LiveVenue) -> int:
    return sum(call.endswith("/klines") for call in venue.server.calls)


async def truth(venue: LiveVenue) -> list[tuple[int, float, float]]:
    bars = await venue.exchange.candles(venue.symbol, "1m", COUNT)
    return [(bar.opened_at, float(bar.close), float(bar.volume)) for bar in bars]


def shown(bars: Bars) -> list[tuple[int, float, float]]:
    return list(zip(bars.at.tolist(), bars.close.tolist(), bars.volume.tolist(), strict=True))


async def streamed(venue: LiveVenue, service: MarketService) -> None:
    """Ask often enough that the bars are streamed."""
    venue.market.trade(venue.market.ask, Decimal("0.01"))
    for _ in range(2):
        await service.bars(venue.symbol, "1m", COUNT)
    await service.tend()
    streams = venue.server.streams if isinstance(venue, Spot) else venue.server.usdm.streams
    await streams.until(lambda: streams.heard("btcusdt@kline_1m"))


async def test_streamed_bars_follow_trades_without_a_question(venue: LiveVenue, service: MarketService) -> None:
    await streamed(venue, service)
    before = klines(venue)
    venue.market.trade(venue.market.ask, Decimal("0.25"))

    async def heard() -> bool:
        return shown((await service.bars(venue.symbol, "1m", COUNT)).value)[-1][2] >= 0.25

    await until(heard)
    assert klines(venue) == before
    assert shown((await service.bars(venue.symbol, "1m", COUNT)).value) == await truth(venue)


async def test_after_a_lost_stream_bars_are_right_again(venue: LiveVenue, service: MarketService) -> None:
    await streamed(venue, service)
    venue.server.drop_connections()
    venue.market.trade(venue.market.ask, Decimal("0.25"))

    async def right() -> bool:
        return shown((await service.bars(venue.symbol, "1m", COUNT, oldest=0)).value) == await truth(venue)

    await until(right)


async def test_an_exchange_that_is_gone_is_refused_with_the_age_of_what_is_known(
    venue: LiveVenue, service: MarketService
) -> None:
    await streamed(venue, service)
    known = shown((await service.bars(venue.symbol, "1m", COUNT)).value)
    await venue.server.stop()
    await asyncio.sleep(0.2)
    with pytest.raises(Stale) as caught:
        await service.bars(venue.symbol, "1m", COUNT, oldest=0)
    assert caught.value.age >= 200
    assert shown(caught.value.answer.value) == known
    await venue.server.start()


@pytest.mark.parametrize("ahead", [-90_000, 90_000])
async def test_a_clock_that_differs_makes_no_bar_wrong(venue: LiveVenue, service: MarketService, ahead: int) -> None:
    venue.server.clock_offset = ahead
    await streamed(venue, service)
    served = shown((await service.bars(venue.symbol, "1m", COUNT, oldest=0)).value)
    real = {at: (close, volume) for at, close, volume in await truth(venue)}
    assert served
    assert all(real[at] == (close, volume) for at, close, volume in served if at in real)
    assert any(at in real for at, _close, _volume in served)


async def wanted(venue: LiveVenue, service: MarketService, channel: Channel) -> None:
    """Ask for a book or trades so often that they are streamed, and wait until they are."""
    for _ in range(WORTH[channel.what].often):
        await (service.book(venue.symbol, DEPTH) if channel.what == "book" else service.trades(venue.symbol, 1))
    await service.tend()
    assert channel in service.channels
    await venue.streaming(channel)


async def test_a_streamed_book_follows_the_market_without_a_question(venue: LiveVenue, service: MarketService) -> None:
    await wanted(venue, service, Channel("book", venue.symbol))

    async def streams() -> bool:
        return service._streams.book(venue.symbol, DEPTH) is not None

    await until(streams)
    before = service.metrics().kinds["book"].misses
    venue.move(venue.symbol, Decimal(90), Decimal(91))

    async def moved() -> bool:
        told = service._streams.book(venue.symbol, DEPTH)
        return told is not None and told.value.bids[0].price == 90

    await until(moved)
    answer = await service.book(venue.symbol, DEPTH)
    assert answer.value.bids[0].price == 90
    assert len(answer.value.bids) == len(answer.value.asks) == DEPTH
    assert answer.age(SystemClock().now()) < 5_000
    assert service.metrics().kinds["book"].misses == before


@pytest.mark.parametrize("what", ["book", "trades"])
async def test_after_a_lost_stream_nothing_from_before_is_served(
    venue: LiveVenue, service: MarketService, what: str
) -> None:
    channel = Channel("book" if what == "book" else "trades", venue.symbol)
    venue.market.trade(venue.market.ask, Decimal("0.01"))
    await wanted(venue, service, channel)
    venue.streams.accepting = False
    venue.streams.cut()

    async def broken() -> bool:
        return service._streams.doubt(channel) is not None

    await until(broken)
    venue.move(venue.symbol, Decimal(90), Decimal(91))
    venue.market.trade(venue.market.ask, Decimal("0.5"))
    if what == "book":
        assert (await service.book(venue.symbol, DEPTH)).value.bids[0].price == 90
    else:
        assert (await service.trades(venue.symbol, 1)).value[-1].quantity == Decimal("0.5")
    venue.streams.accepting = True
    await venue.streaming(channel)
