"""Tickers of the live adapter are put together from parts, and none of them passes for younger than it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal as D
from pathlib import Path

import pytest
from msgspec.structs import replace

from data.market import Ticker
from engine.clock import SystemClock
from engine.exchanges.habits import Habits
from engine.exchanges.pacing import SHARES, Lane
from tests.engine.exchanges.live import HASTY, Perpetual, Spot, branch_of, opened

CALM = Habits(silence_seconds=60, mark_silence_seconds=60)


class CalmPerpetual(Perpetual):
    """Asks for nothing while streams are silent."""

    habits = CALM


class NoticesMarks(Perpetual):
    """Notices at once when marks stand still."""

    habits = replace(HASTY, silence_seconds=60, mark_silence_seconds=0.3)


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Spot]:
    async with opened(Spot(tmp_path)) as made:
        yield made


@pytest.fixture
async def perpetual(tmp_path: Path) -> AsyncIterator[CalmPerpetual]:
    async with opened(CalmPerpetual(tmp_path)) as made:
        yield made


def told(venue: Spot | Perpetual) -> list[Ticker]:
    return [event.ticker for event in venue.inbox.tickers(venue.symbol)]


async def followed(venue: Spot | Perpetual) -> None:
    """Follow the market, and hear that it moves."""
    await venue.exchange.subscribe(frozenset({venue.symbol}))
    await venue.ticked(venue.symbol)
    await venue.streams.subscribed("btcusdt@bookTicker")


async def marked(venue: Perpetual, price: str) -> None:
    await venue.streams.until(lambda: venue.streams.heard("btcusdt@markPrice@1s"))
    venue.server.usdm.set_mark("BTCUSDT", price)


async def test_what_is_not_followed_is_asked_for_each_time_and_not_remembered(spot: Spot) -> None:
    for step in range(3):
        spot.move(spot.symbol, D(90 + step), D(91 + step))
        assert (await spot.exchange.ticker(spot.symbol)).bid == 90 + step
    assert not branch_of(spot.exchange).prices._known


async def test_a_market_that_is_followed_again_brings_no_old_prices_back(perpetual: CalmPerpetual) -> None:
    await followed(perpetual)
    await marked(perpetual, "99")
    await perpetual.exchange.subscribe(frozenset())
    perpetual.move(perpetual.symbol, D(50), D(51))
    perpetual.server.faults.add("delay", "GET */ticker/*", count=None, seconds=0.4)
    before = len(told(perpetual))
    await perpetual.exchange.subscribe(frozenset({perpetual.symbol}))
    for step in range(10):
        await marked(perpetual, f"{60 + step}")
        await asyncio.sleep(0.02)
    await perpetual.inbox.until(lambda: len(told(perpetual)) > before or None)
    assert all(ticker.bid == 50 for ticker in told(perpetual)[before:])


async def test_news_of_the_mark_price_make_bid_and_ask_no_younger(perpetual: CalmPerpetual) -> None:
    await followed(perpetual)
    known = told(perpetual)[-1]
    await asyncio.sleep(0.05)
    await marked(perpetual, "77")
    moved = await perpetual.inbox.until(
        lambda: next((each for each in perpetual.inbox.tickers(perpetual.symbol) if each.ticker.mark == 77), None)
    )
    assert (moved.ticker.bid, moved.ticker.at) == (known.bid, known.at)
    assert moved.at >= known.at + 50


async def test_an_answer_that_the_stream_overtook_is_not_taken_for_news(spot: Spot) -> None:
    await followed(spot)
    spot.server.faults.add("delay", "GET */ticker/*", seconds=0.5)
    async with asyncio.timeout(5):
        while not spot.server.faults.struck:  # noqa: ASYNC110 - the server sets no event for it
            await asyncio.sleep(0.02)
    peers = list(spot.streams.peers)
    spot.move(spot.symbol, D(90), D(91))
    await spot.inbox.until(lambda: told(spot)[-1].bid == 90 or None)
    before = len(told(spot))
    await asyncio.sleep(0.7)
    assert {ticker.bid for ticker in told(spot)[before:]} <= {D(90)}
    assert (await spot.exchange.ticker(spot.symbol)).bid == 90
    assert list(spot.streams.peers) == peers  # nor is the stream taken for dead


async def test_a_dead_stream_is_noticed_however_often_prices_are_asked_for(
    spot: Spot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exchanges.live_prices.FRESH", 0)
    await followed(spot)
    spot.streams.mute()
    spot.move(spot.symbol, D(90), D(91))

    async def ask() -> None:
        while True:
            await spot.exchange.ticker(spot.symbol)
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(5):
        await spot.streams.subscribed("btcusdt@bookTicker")
    asking.cancel()


async def test_marks_are_asked_for_where_no_stream_tells_them(tmp_path: Path) -> None:
    async with opened(NoticesMarks(tmp_path)) as venue:
        branch_of(venue.exchange).feed.client.ccxt.has["watchMarkPrice"] = False
        await followed(venue)
        venue.server.usdm.set_mark("BTCUSDT", "77")
        await venue.inbox.until(lambda: told(venue)[-1].mark == 77 or None)
        peers = list(venue.streams.peers)
        venue.server.usdm.set_mark("BTCUSDT", "78")
        await venue.inbox.until(lambda: told(venue)[-1].mark == 78 or None)
        assert list(venue.streams.peers) == peers


async def test_a_mark_price_that_nobody_renews_counts_as_missing_while_quotes_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exchanges.live_prices.MARK_LIFETIME", 300)
    async with opened(NoticesMarks(tmp_path)) as venue:
        await followed(venue)
        await marked(venue, "77")
        await venue.inbox.until(lambda: told(venue)[-1].mark == 77 or None)
        venue.server.faults.add("lose", "btcusdt@markPrice*", count=None)
        venue.server.faults.add("error", "GET */premiumIndex*", count=None)
        async with asyncio.timeout(5):
            while told(venue)[-1].mark is not None:
                venue.move(venue.symbol, told(venue)[-1].bid - 1, told(venue)[-1].ask - 1)
                await asyncio.sleep(0.05)
        known = await venue.exchange.ticker(venue.symbol)
        assert (known.mark, known.fair) == (None, known.last)
        venue.server.faults.clear()
        await marked(venue, "78")
        await venue.inbox.until(lambda: told(venue)[-1].mark == 78 or None)


async def test_a_clock_that_is_set_back_makes_no_price_young_and_no_dead_stream_alive(
    spot: Spot, monkeypatch: pytest.MonkeyPatch
) -> None:
    await followed(spot)
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) - 3_600_000)
    spot.streams.mute()
    spot.move(spot.symbol, D(90), D(91))
    assert (await spot.exchange.ticker(spot.symbol)).bid == 90
    await spot.inbox.until(lambda: told(spot)[-1].bid == 90 or None)
    async with asyncio.timeout(5):
        await spot.streams.subscribed("btcusdt@bookTicker")


async def test_prices_are_asked_for_although_comparing_the_books_takes_all_its_share(tmp_path: Path) -> None:
    """A comparison after the other once left none for prices: they went stale, and every grid was taken back."""
    async with opened(Perpetual(tmp_path)) as venue:
        await followed(venue)
        pace = branch_of(venue.exchange).account.pace
        await pace.turn(Lane.CANCEL, int(SHARES[Lane.BOOKS] * venue.limits.weight))
        compared = asyncio.ensure_future(venue.exchange.balances())
        venue.move(venue.symbol, D(90), D(91))
        before = told(venue)[-1].at
        await venue.inbox.until(lambda: told(venue)[-1].at > before + 1_000 or None)
        assert not compared.done()
        compared.cancel()


async def test_half_a_message_ends_a_stream_at_once_and_not_when_its_silence_is_noticed(
    perpetual: CalmPerpetual,
) -> None:
    await followed(perpetual)
    perpetual.server.faults.add("garble", "btcusdt@bookTicker")
    perpetual.move(perpetual.symbol, D(90), D(91))
    async with asyncio.timeout(15):  # pings find it out after half a minute
        await perpetual.inbox.until(lambda: told(perpetual)[-1].bid == 90 or None)
    await perpetual.streams.subscribed("btcusdt@bookTicker")
    perpetual.move(perpetual.symbol, D(80), D(81))
    await perpetual.inbox.until(lambda: told(perpetual)[-1].bid == 80 or None)
