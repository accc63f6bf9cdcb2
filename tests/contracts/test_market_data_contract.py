"""What every exchange adapter says of its markets besides prices, whatever stands behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from data.market import MarketKind
from data.values import Side
from engine.exchanges.base import Channel, MarketUnknown, NotPossible
from tests.contracts.observer import Observer, check_bars
from tests.contracts.test_exchange_contract import ALL
from tests.contracts.venues import MINUTE, ReplayedVenue, Venue

OTHER = {MarketKind.SPOT: MarketKind.PERPETUAL, MarketKind.PERPETUAL: MarketKind.SPOT}


@pytest.fixture(params=sorted(ALL))
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Venue]:
    made = ALL[request.param](tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def observer() -> Observer:
    return Observer()


def candles(venue: Venue) -> Channel:
    return Channel("candles", venue.symbol, "1m")


async def watch(venue: Venue, observer: Observer, *channels: Channel) -> None:
    assert await venue.exchange.observe(frozenset(channels), observer.hear) == frozenset(channels)
    for channel in channels:
        await venue.streaming(channel)
        if channel.what == "book" and not observer.books(channel):
            await observer.until(lambda channel=channel: observer.books(channel) or None)  # type: ignore[misc]


# -- questions


async def test_every_market_of_a_kind_has_its_day(venue: Venue) -> None:
    await venue.traded()
    days = await venue.exchange.days(venue.kind)
    assert set(days) == {market.symbol for market in await venue.exchange.markets()}
    assert all(day.symbol == symbol for symbol, day in days.items())
    assert not await venue.exchange.days(OTHER[venue.kind])
    day, ticker = days[venue.symbol], await venue.exchange.ticker(venue.symbol)
    assert day.low <= day.last <= day.high
    assert day.low * day.volume * Decimal("0.999") <= day.turnover <= day.high * day.volume * Decimal("1.001")
    assert day.volume > 0
    assert abs(day.change) < 1
    assert abs(day.last / ticker.last - 1) < Decimal("0.1")
    assert day.bid is None or day.ask is None or day.bid < day.ask


async def test_a_book_has_its_best_levels_first(venue: Venue) -> None:
    if not venue.books:
        with pytest.raises(NotPossible):
            await venue.exchange.book(venue.symbol, 5)
        return
    ticker, book = await venue.exchange.ticker(venue.symbol), await venue.exchange.book(venue.symbol, 5)
    assert (len(book.bids), len(book.asks), book.symbol) == (5, 5, venue.symbol)
    assert (book.bids[0].price, book.asks[0].price) == (ticker.bid, ticker.ask)
    assert [level.price for level in book.bids] == sorted({level.price for level in book.bids}, reverse=True)
    assert [level.price for level in book.asks] == sorted({level.price for level in book.asks})
    assert all(level.quantity > 0 for level in (*book.bids, *book.asks))
    deeper = await venue.exchange.book(venue.symbol, 12)
    assert (deeper.bids[:5], len(deeper.bids)) == (book.bids, 12)


async def test_trades_are_told_oldest_first(venue: Venue) -> None:
    if not venue.books:
        with pytest.raises(NotPossible):
            await venue.exchange.trades(venue.symbol, 3)
        return
    for _ in range(4):
        await venue.traded()
    trades = await venue.exchange.trades(venue.symbol, 3)
    assert len(trades) == 3
    assert [trade.at for trade in trades] == sorted(trade.at for trade in trades)
    assert len({trade.trade_id for trade in trades}) == 3
    assert all(trade.price > 0 and trade.quantity > 0 and trade.symbol == venue.symbol for trade in trades)
    assert list(await venue.exchange.trades(venue.symbol, 1)) == list(trades[-1:])
    assert {trade.side for trade in trades} <= set(Side)


async def test_only_perpetuals_have_funding_and_open_interest(venue: Venue) -> None:
    if venue.kind is MarketKind.SPOT:
        with pytest.raises(NotPossible):
            await venue.exchange.funding_rate(venue.symbol)
        with pytest.raises(NotPossible):
            await venue.exchange.open_interest(venue.symbol)
        return
    rate = await venue.exchange.funding_rate(venue.symbol)
    assert abs(rate.rate) < Decimal("0.01")
    assert rate.next_at is not None
    assert 0 < rate.next_at - rate.at <= 8 * 3_600_000
    assert rate.mark == (await venue.exchange.ticker(venue.symbol)).mark
    if venue.books:
        interest = await venue.exchange.open_interest(venue.symbol)
        assert interest.quantity > 0
        assert abs(interest.notional / interest.quantity / (await venue.exchange.ticker(venue.symbol)).fair - 1) < 1


async def test_bars_since_an_instant_are_the_first_ones_from_there(venue: Venue) -> None:
    newest = await venue.exchange.candles(venue.symbol, "1m", 12)
    since = newest[3].opened_at
    assert list(await venue.exchange.candles_since(venue.symbol, "1m", since, 5)) == list(newest[3:8])
    assert list(await venue.exchange.candles_since(venue.symbol, "1m", since - 1, 1)) == [newest[3]]
    assert list(await venue.exchange.candles_since(venue.symbol, "1m", since + 1, 1)) == [newest[4]]
    rest = await venue.exchange.candles_since(venue.symbol, "1m", since, 100)
    assert [bar.opened_at for bar in rest[:9]] == [bar.opened_at for bar in newest[3:]]
    assert list(await venue.exchange.candles_since(venue.symbol, "1m", newest[-1].opened_at + 100 * MINUTE, 5)) == []


async def test_more_bars_than_one_page_holds_are_one_answer(venue: Venue) -> None:
    newest = (await venue.exchange.candles(venue.symbol, "1m", 1))[-1].opened_at
    bars = await venue.exchange.candles_since(venue.symbol, "1m", newest - 1500 * MINUTE, 1400)
    assert [bar.opened_at for bar in bars] == [newest - (1500 - number) * MINUTE for number in range(1400)]


async def test_a_market_that_is_not_listed_is_unknown(venue: Venue) -> None:
    exchange, symbol = venue.exchange, "BTC/USTD"
    for ask in (
        exchange.book(symbol, 5),
        exchange.trades(symbol, 5),
        exchange.funding_rate(symbol),
        exchange.open_interest(symbol),
        exchange.candles_since(symbol, "1m", 0, 5),
    ):
        with pytest.raises(MarketUnknown):
            await ask
    with pytest.raises(ValueError, match="timeframe"):
        await exchange.candles_since(venue.symbol, "1 minute", 0, 5)


# -- channels


async def test_bars_are_streamed_in_order_and_close_once(venue: Venue, observer: Observer) -> None:
    channel = candles(venue)
    await watch(venue, observer, channel)
    for _ in range(3):
        await venue.traded()
        before = len(observer.closed(channel))
        await venue.next_bar()
        await observer.until(lambda before=before: len(observer.closed(channel)) > before or None)  # type: ignore[misc]
    check_bars(observer.bars(channel), MINUTE)
    closed = observer.closed(channel)
    asked = await venue.exchange.candles_since(venue.symbol, "1m", closed[0].opened_at, len(closed))
    assert [(bar.opened_at, bar.close, bar.volume) for bar in asked] == [
        (bar.opened_at, bar.close, bar.volume) for bar in closed
    ]


async def test_longer_bars_are_streamed_beside_shorter_ones(venue: Venue, observer: Observer) -> None:
    short, long = candles(venue), Channel("candles", venue.symbol, "5m")
    await watch(venue, observer, short, long)
    await venue.traded()
    for _ in range(6):
        before = len(observer.closed(short))
        await venue.next_bar()
        await observer.until(lambda before=before: len(observer.closed(short)) > before or None)  # type: ignore[misc]
    await observer.until(lambda: observer.closed(long) or None)
    check_bars(observer.bars(long), 5 * MINUTE)
    check_bars(observer.bars(short), MINUTE)


async def test_a_book_is_streamed_as_it_stands(venue: Venue, observer: Observer) -> None:
    channel = Channel("book", venue.symbol)
    if not venue.books:
        assert not await venue.exchange.observe(frozenset({channel}), observer.hear)
        return
    if not hasattr(venue, "server"):
        assert await venue.exchange.observe(frozenset({channel}), observer.hear)
        await venue.traded()
        await observer.until(lambda: observer.books(channel) or None)
    else:
        await watch(venue, observer, channel)
        best = await venue.exchange.ticker(venue.symbol)
        venue.move(venue.symbol, best.bid + 1, best.ask + 1)  # type: ignore[attr-defined]
    asked = await venue.exchange.book(venue.symbol, 100)
    await observer.until(lambda: observer.books(channel)[-1].bids == asked.bids or None)
    assert observer.books(channel)[-1].asks == asked.asks


async def test_trades_are_streamed_once(venue: Venue, observer: Observer) -> None:
    channel = Channel("trades", venue.symbol)
    if not venue.books:
        assert not await venue.exchange.observe(frozenset({channel}), observer.hear)
        return
    await watch(venue, observer, channel)
    for _ in range(5):
        before = len(observer.trades(channel))
        await venue.traded()
        await observer.until(lambda before=before: len(observer.trades(channel)) > before or None)  # type: ignore[misc]
    told = observer.trades(channel)
    assert list(await venue.exchange.trades(venue.symbol, len(told))) == told
    assert not observer.breaks(channel)


async def test_only_what_is_asked_for_is_told_to_who_asked_last(venue: Venue, observer: Observer) -> None:
    channel, later = candles(venue), Observer()
    await watch(venue, observer, channel)
    await venue.traded()
    await observer.until(lambda: observer.bars(channel) or None)
    await watch(venue, later, channel)
    seen = len(observer.told)
    await venue.next_bar()
    await later.until(lambda: later.closed(channel) or None)
    assert len(observer.told) == seen
    assert len(later.closed(channel)) == len({bar.opened_at for bar in later.closed(channel)})
    assert await venue.exchange.observe(frozenset(), later.hear) == frozenset()
    seen = len(later.told)
    await venue.next_bar()
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert len(later.told) == seen


async def test_what_cannot_be_streamed_is_passed_over(venue: Venue, observer: Observer) -> None:
    channel = candles(venue)
    wanted = frozenset({channel, Channel("candles", "BTC/USTD", "1m")})
    assert await venue.exchange.observe(wanted, observer.hear) == frozenset({channel})


async def test_an_adapter_opened_again_streams_again(venue: Venue, observer: Observer) -> None:
    channel = candles(venue)
    await watch(venue, observer, channel)
    await venue.restart()
    seen = len(observer.told)
    await venue.next_bar()
    assert len(observer.told) == seen
    await watch(venue, observer, channel)
    await venue.next_bar()
    await observer.until(lambda: len(observer.told) > seen or None)


def test_the_recording_alone_knows_no_books() -> None:
    assert {name for name, kind in ALL.items() if not kind.books} == {
        name for name, kind in ALL.items() if issubclass(kind, ReplayedVenue)
    }
