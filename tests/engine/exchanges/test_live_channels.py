"""Bars, books and trades as a live adapter streams them, while connections break and fall silent."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.exchanges.base import Channel, ExchangeUnavailable
from engine.exchanges.habits import Habits
from tests.contracts.live_venues import LiveVenue
from tests.contracts.observer import Observer
from tests.contracts.venues import MINUTE, stream_of
from tests.engine.exchanges.live import Perpetual, Spot, branch_of, opened
from tests.engine.exchanges.watched import Watched, sides


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def watched(venue: LiveVenue, observer: Observer) -> Watched:
    return Watched(venue, observer)


# -- one stream each


async def test_a_channel_is_streamed_once_however_often_it_is_asked_for(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    for _ in range(3):
        await watched.begin(watched.bars, watched.trades, watched.book)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.trades(watched.trades) or None)
    for channel in (watched.bars, watched.trades, watched.book):
        assert sum(stream_of(channel) in peer.streams for peer in streams.peers) == 1
    assert len(watched.observer.trades(watched.trades)) == 1


async def test_a_channel_that_is_no_longer_wanted_is_no_longer_sent(watched: Watched) -> None:
    streams = watched.venue.streams
    await watched.begin(watched.bars, watched.trades, watched.book)
    await watched.begin(watched.trades)
    async with asyncio.timeout(5):
        await streams.until(lambda: not streams.heard(stream_of(watched.bars)))
        await streams.until(lambda: not streams.heard(stream_of(watched.book)))
    assert streams.heard(stream_of(watched.trades))
    await watched.begin(watched.bars, watched.trades, watched.book)
    await watched.venue.traded()
    await watched.observer.until(lambda: watched.observer.bars(watched.bars) or None)
    await watched.check_book()
    assert not any(map(watched.observer.breaks, (watched.bars, watched.trades, watched.book)))


async def test_prices_go_on_while_channels_break(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    await venue.exchange.subscribe(frozenset({venue.symbol}))
    await streams.subscribed("btcusdt@bookTicker")
    prices = [peer for peer in streams.peers if "btcusdt@bookTicker" in peer.streams]
    await watched.begin(watched.bars)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.bars(watched.bars) or None)
    for peer in streams.peers:
        peer.silent = stream_of(watched.bars) in peer.streams
    await venue.traded()
    await watched.broken(watched.bars)
    await venue.streaming(watched.bars)
    assert [peer for peer in streams.peers if "btcusdt@bookTicker" in peer.streams] == prices


# -- streams that break


async def test_bars_leave_no_hole_where_the_stream_was_lost(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    await watched.begin(watched.bars)
    await venue.traded()
    await watched.bar()
    streams.accepting = False
    streams.cut()
    await watched.broken(watched.bars)
    for _ in range(3):
        await venue.next_bar()  # nobody hears of these
        venue.market.trade(venue.market.ask, "7")
    streams.accepting = True
    await venue.streaming(watched.bars)
    await watched.bar()
    await watched.bar()
    await watched.check_bars()
    assert len(watched.observer.closed(watched.bars)) >= 5


async def test_a_book_is_built_anew_where_the_stream_was_lost(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    await watched.begin(watched.book)
    streams.accepting = False
    streams.cut()
    await watched.broken(watched.book)
    venue.move(venue.symbol, Decimal(90), Decimal(91))
    told = len(watched.observer.books(watched.book))
    streams.accepting = True
    await watched.observer.until(lambda: len(watched.observer.books(watched.book)) > told or None)
    assert (await watched.check_book()).bids[0].price == 90
    venue.move(venue.symbol, Decimal(95), Decimal(96))
    await watched.check_book()


@pytest.mark.parametrize("kind", [Spot, Perpetual])
async def test_a_book_that_did_not_change_is_told_again_after_a_break(
    tmp_path: Path, observer: Observer, kind: type[LiveVenue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "habits", Habits(silence_seconds=60))
    async with opened(kind(tmp_path)) as venue:
        watched = Watched(venue, observer)
        await watched.begin(watched.book)
        told, last = len(observer.books(watched.book)), observer.books(watched.book)[-1]
        venue.streams.cut()
        await watched.broken(watched.book)
        await observer.until(lambda: len(observer.books(watched.book)) > told or None)
        assert sides(observer.books(watched.book)[-1]) == sides(last)


async def test_lost_trades_are_not_passed_over_in_silence(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    await watched.begin(watched.trades)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.trades(watched.trades) or None)
    streams.accepting = False
    streams.cut()
    await watched.broken(watched.trades)
    before = watched.observer.breaks(watched.trades)
    await venue.traded()
    streams.accepting = True
    await venue.streaming(watched.trades)
    before = watched.observer.breaks(watched.trades)
    await venue.traded()
    await watched.observer.until(lambda: len(watched.observer.trades(watched.trades)) > 1 or None)
    assert watched.observer.breaks(watched.trades) > before
    venue.server.faults.add("lose", stream_of(watched.trades))
    await venue.traded()
    await venue.traded()
    await watched.broken(watched.trades, before + 1)


async def test_a_silent_stream_is_replaced_while_the_market_moves(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    channels = (watched.bars, watched.book, watched.trades)
    await watched.begin(*channels)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.trades(watched.trades) or None)
    await watched.observer.until(lambda: watched.observer.bars(watched.bars) or None)
    streams.mute()
    venue.move(venue.symbol, Decimal(90), Decimal(91))
    await venue.next_bar()
    await venue.traded()
    for channel in channels:
        await watched.broken(channel)
    for channel in channels:
        await venue.streaming(channel)
    await watched.check_book()
    await watched.bar()
    await watched.bar()
    await watched.check_bars()


async def test_a_quiet_market_is_not_taken_for_a_broken_stream(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    channels = (watched.bars, watched.book, watched.trades)
    await watched.begin(*channels)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.trades(watched.trades) or None)
    peers, first = list(streams.peers), watched.observer.books(watched.book)[-1]
    venue.server.clock_offset += 2 * MINUTE  # bars without a trade, of which streams say nothing
    await asyncio.sleep(4 * venue.habits.silence_seconds)
    assert not any(map(watched.observer.breaks, channels))
    assert list(streams.peers) == peers
    last = watched.observer.books(watched.book)[-1]
    assert sides(last) == sides(first)
    assert last.at > first.at  # known to be so still
    assert watched.observer.bars(watched.bars)[-1].candle.volume == 0
    await watched.check_bars()


async def test_an_exchange_that_is_down_leaves_nothing_to_complain_about(watched: Watched) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    channels = (watched.bars, watched.book, watched.trades)
    await watched.begin(*channels)
    await watched.venue.server.maintain()
    for channel in channels:
        await watched.broken(channel)
    await asyncio.sleep(0.8)  # some attempts to connect
    await watched.venue.server.maintain(closed=False)
    for channel in channels:
        await watched.venue.streaming(channel)
    await watched.check_book()
    assert not await watched.venue.exchange.observe(frozenset(), watched.observer.hear)
    gc.collect()
    assert not complaints


async def test_a_closed_adapter_opens_no_channel_any_more(watched: Watched) -> None:
    exchange = watched.venue.exchange
    await watched.begin(watched.bars)
    channels = branch_of(exchange).data.channels
    await exchange.close()
    with pytest.raises(ExchangeUnavailable):
        await channels.observe(frozenset({watched.book}), watched.observer.hear)
    async with asyncio.timeout(5):
        await watched.venue.streams.unheard()


async def test_a_silent_book_is_found_out_by_any_of_its_levels(watched: Watched) -> None:
    venue = watched.venue
    await watched.begin(watched.book)
    best = venue.market.liquidity
    venue.streams.mute()
    venue.market.liquidity = Decimal(7)
    venue.move(venue.symbol, Decimal("100.00"), Decimal("100.01"))
    venue.market.move("100.00", "100.01", best, best)
    await watched.broken(watched.book)
    assert (await watched.check_book()).bids[1].quantity == 7


async def test_an_answer_that_the_stream_overtook_brings_no_old_book_back(watched: Watched) -> None:
    venue, observer = watched.venue, watched.observer
    await watched.begin(watched.book)
    venue.server.faults.add("delay", "GET */depth", seconds=0.5)
    async with asyncio.timeout(5):
        while not venue.server.faults.struck:  # noqa: ASYNC110 - the server sets no event for it
            await asyncio.sleep(0.02)
    venue.move(venue.symbol, Decimal(90), Decimal(91))
    await observer.until(lambda: observer.books(watched.book)[-1].bids[0].price == 90 or None)
    await asyncio.sleep(0.7)
    assert observer.books(watched.book)[-1].bids[0].price == 90
    prices = [book.bids[0].price for book in observer.books(watched.book)]
    assert prices == sorted(prices, reverse=True)


async def test_trades_of_a_stream_that_was_dead_from_the_start_are_missed(watched: Watched) -> None:
    venue = watched.venue
    await watched.begin(watched.trades)
    venue.streams.mute()
    await venue.traded()
    await asyncio.sleep(2 * venue.habits.trade_silence_seconds)  # asked for once, so that the next one is noticed
    await venue.traded()
    await watched.broken(watched.trades)
    await venue.streaming(watched.trades)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.trades(watched.trades) or None)


async def test_a_market_that_is_gone_disturbs_no_other_channel(tmp_path: Path, observer: Observer) -> None:
    async with opened(Spot(tmp_path)) as venue:
        watched = Watched(venue, observer)
        other = Channel("trades", "ETH/USDT")
        await watched.begin(watched.book)
        await venue.exchange.observe(frozenset({watched.book, other}), observer.hear)
        await venue.streaming(other)
        peers = [peer for peer in venue.streams.peers if stream_of(other) in peer.streams]
        venue.server.spot.delist("BTCUSDT", gone=True)
        await watched.broken(watched.book)
        await asyncio.sleep(8 * venue.habits.silence_seconds)
        assert not observer.breaks(other)
        assert [peer for peer in venue.streams.peers if stream_of(other) in peer.streams] == peers


async def test_ccxt_keeps_no_more_bars_than_are_read(watched: Watched) -> None:
    await watched.begin(watched.bars)
    await watched.venue.traded()
    for _ in range(12):
        await watched.bar()
    client = branch_of(watched.venue.exchange).data.channels._client
    assert client is not None
    assert len(client.ccxt.ohlcvs[watched.venue.symbol]["1m"]) <= 8
    await watched.check_bars()
