"""Bars, books and trades as a live adapter streams them, whatever happens to single messages and to clocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.exchanges.habits import Habits
from engine.exchanges.quirks import quirks
from engine.exchanges.quirks.base import Quirks
from tests.contracts.live_venues import LiveVenue
from tests.contracts.observer import Observer, check_bars
from tests.contracts.venues import MINUTE, stream_of
from tests.engine.exchanges.live import Perpetual, Spot, opened
from tests.engine.exchanges.watched import Watched

HOUR = 60 * MINUTE
STREAM_FAULTS = ["lose", "duplicate", "reorder", "garble", "cut", "late"]


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


# -- messages that go astray


@pytest.mark.parametrize("fault", STREAM_FAULTS)
async def test_bars_are_right_whatever_happens_to_a_message(watched: Watched, fault: str) -> None:
    venue, stream = watched.venue, stream_of(watched.bars)
    await watched.begin(watched.bars)
    await venue.traded()
    await watched.bar()
    for skip in range(3):  # of an unfinished bar, of one that closes, of one that opens
        venue.server.faults.add(fault, stream, skip=skip, seconds=0.2)  # type: ignore[arg-type]
        await venue.traded()
        await venue.next_bar()
        await venue.traded()
        await venue.streaming(watched.bars)
    venue.server.faults.clear()
    await watched.bar()
    await watched.bar()
    await watched.check_bars()


@pytest.mark.parametrize("fault", STREAM_FAULTS)
async def test_the_book_is_right_whatever_happens_to_a_message(watched: Watched, fault: str) -> None:
    venue = watched.venue
    await watched.begin(watched.book)
    for number in range(3):
        venue.server.faults.add(fault, stream_of(watched.book), seconds=0.2)  # type: ignore[arg-type]
        for step in range(3):
            venue.move(venue.symbol, Decimal(100 + number + step), Decimal(101 + number + step))
        await venue.streaming(watched.book)
    venue.server.faults.clear()
    venue.move(venue.symbol, Decimal(80), Decimal(81))
    await watched.check_book()


@pytest.mark.parametrize("fault", STREAM_FAULTS)
async def test_trades_are_told_once_and_in_order_whatever_happens_to_a_message(watched: Watched, fault: str) -> None:
    venue = watched.venue
    await watched.begin(watched.trades)
    await venue.traded()
    await watched.observer.until(lambda: watched.observer.trades(watched.trades) or None)
    venue.server.faults.add(fault, stream_of(watched.trades), seconds=0.2)  # type: ignore[arg-type]
    for _ in range(3):
        await venue.traded()
    await venue.streaming(watched.trades)
    await venue.traded()
    last = (await venue.exchange.trades(venue.symbol, 1))[-1]
    await watched.observer.until(lambda: watched.observer.trades(watched.trades)[-1] == last or None)
    numbers = [int(trade.trade_id) for trade in watched.observer.trades(watched.trades)]
    assert numbers == sorted(set(numbers))
    lost = numbers != list(range(numbers[0], numbers[-1] + 1))
    assert bool(watched.observer.breaks(watched.trades)) >= lost


@pytest.mark.parametrize("what", ["bars", "book", "trades"])
async def test_a_message_that_nobody_understands_ends_nothing_for_good(watched: Watched, what: str) -> None:
    venue, streams = watched.venue, watched.venue.streams
    channels = (watched.bars, watched.book, watched.trades)
    await watched.begin(*channels)
    now, number = venue.server.now(), venue.market.update_id
    nonsense: dict[str, dict[str, Any]] = {
        "bars": {"e": "kline", "s": "BTCUSDT", "k": {"s": "BTCUSDT", "i": "1m", "t": now, "o": "?", "x": False}},
        "book": {"e": "depthUpdate", "s": "BTCUSDT", "U": number + 1, "u": number + 1, "pu": number, "b": [["?", 1]]},
        "trades": {"e": "trade", "s": "BTCUSDT", "p": "?", "q": "?", "t": "?", "T": now},
    }
    streams.publish(stream_of(getattr(watched, what)), nonsense[what])
    await watched.broken(getattr(watched, what))
    venue.move(venue.symbol, Decimal(90), Decimal(91))
    for _ in range(2):
        await venue.traded()
        await watched.bar()
    await watched.check_bars()
    await watched.check_book()
    last = (await venue.exchange.trades(venue.symbol, 1))[-1]
    await watched.observer.until(lambda: watched.observer.trades(watched.trades)[-1] == last or None)


async def test_a_bid_above_the_ask_is_never_told(watched: Watched) -> None:
    venue = watched.venue
    await watched.begin(watched.book)
    number = venue.market.update_id
    bid = {"U": number + 1, "u": number + 1, "pu": number, "b": [["150.00", "1.000"]], "a": []}
    head = {"e": "depthUpdate", "E": venue.server.now(), "T": venue.server.now(), "s": "BTCUSDT"}
    venue.streams.publish(stream_of(watched.book), head | bid)
    await watched.broken(watched.book)
    venue.move(venue.symbol, Decimal(90), Decimal(91))
    await watched.check_book()


async def test_a_bar_that_closed_never_moves_again(watched: Watched) -> None:
    venue, streams, stream = watched.venue, watched.venue.streams, stream_of(watched.bars)
    sent: list[Any] = []
    publish = streams.publish
    await watched.begin(watched.bars)

    def listen(stream: str, event: Any) -> None:
        sent.append(event)
        publish(stream, event)

    streams.publish = listen  # type: ignore[method-assign]
    await venue.traded()
    await watched.bar()
    await watched.bar()
    await watched.observer.until(lambda: len(watched.observer.closed(watched.bars)) >= 2 or None)
    old = [event for event in sent if event["e"] == "kline"]
    seen = len(watched.observer.told)
    for event in old[:-1]:  # the newest alone may still move
        wild = {**event, "k": {**event["k"], "c": "1.00000000", "l": "1.00000000", "v": "999.00000000"}}
        if event["k"]["t"] < old[-1]["k"]["t"]:
            publish(stream, wild)
            publish(stream, {**wild, "k": {**wild["k"], "x": not event["k"]["x"]}})
        publish(stream, event)
    before = len(watched.observer.bars(watched.bars))
    await venue.traded()
    await watched.observer.until(lambda: len(watched.observer.bars(watched.bars)) > before or None)
    assert len(watched.observer.told) == seen + 1
    await watched.bar()
    await watched.check_bars()


async def test_a_bar_that_closed_stays_so_while_answers_lag_behind_the_stream(watched: Watched) -> None:
    venue, streams = watched.venue, watched.venue.streams
    sent: list[Any] = []
    publish = streams.publish
    await watched.begin(watched.bars)
    streams.publish = lambda stream, event: sent.append(event)  # type: ignore[method-assign]
    await venue.traded()
    (event,) = (each for each in sent if each["e"] == "kline")
    publish(stream_of(watched.bars), {**event, "k": {**event["k"], "x": True}})
    await watched.observer.until(lambda: watched.observer.closed(watched.bars) or None)
    await asyncio.sleep(4 * venue.habits.silence_seconds)  # answers tell that it still moves
    check_bars(watched.observer.bars(watched.bars), MINUTE)


@pytest.mark.parametrize("kind", [Spot, Perpetual])
async def test_a_bar_that_is_said_to_close_closes_without_a_question(
    tmp_path: Path, observer: Observer, kind: type[LiveVenue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "habits", Habits(silence_seconds=60))
    async with opened(kind(tmp_path)) as venue:
        watched = Watched(venue, observer)
        await watched.begin(watched.bars)
        await venue.traded()
        asked = sum("klines" in call for call in venue.server.calls)
        for _ in range(3):
            await watched.bar()
        assert sum("klines" in call for call in venue.server.calls) == asked


# -- clocks that differ


@pytest.mark.parametrize("ahead", [90_000, HOUR, -90_000, -HOUR])
async def test_a_clock_that_is_wrong_neither_closes_bars_nor_dates_anything_ahead(
    tmp_path: Path, observer: Observer, ahead: int
) -> None:
    made = Spot(tmp_path)
    made.server.clock_offset = ahead
    async with opened(made) as venue:
        watched = Watched(venue, observer)
        await watched.begin(watched.bars, watched.book)
        for _ in range(3):
            await venue.traded()
        await observer.until(lambda: observer.bars(watched.bars) or None)
        if len({each.candle.opened_at for each in observer.bars(watched.bars)}) == 1:
            assert not observer.closed(watched.bars)
        await watched.bar()
        await watched.bar()
        await watched.check_bars()
        now = venue.server.now() - venue.server.clock_offset
        days, book = await venue.exchange.days(venue.kind), await watched.check_book()
        dates = [days[venue.symbol].at, book.at, *(each.at for each in observer.bars(watched.bars))]
        assert all(now - 10_000 < date < now + 10_000 for date in dates)


# -- an exchange of which nothing is known but what ccxt says


def plain(part: Callable[[str], Quirks]) -> Callable[[str], Quirks]:
    """Return the quirks of exchanges without what reads their streams."""
    return lambda name: msgspec.structs.replace(part(name), bar=None, best=None, trades_numbered=False)


async def test_bars_close_and_trades_are_told_once_without_knowing_the_messages(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exchanges.ccxt_client.quirks", plain(quirks))
    async with opened(Spot(tmp_path)) as venue:
        watched = Watched(venue, observer)
        await watched.begin(watched.bars, watched.trades)
        await venue.traded()
        for _ in range(3):
            venue.server.faults.add("duplicate", stream_of(watched.trades))
            await watched.bar()
            await venue.traded()
        venue.streams.cut()
        await watched.broken(watched.trades)
        await venue.streaming(watched.bars)
        await venue.streaming(watched.trades)
        before = observer.breaks(watched.trades)
        await watched.bar()
        await watched.bar()
        await watched.check_bars()
        last = (await venue.exchange.trades(venue.symbol, 1))[-1]
        await observer.until(lambda: observer.trades(watched.trades)[-1] == last or None)
        assert observer.breaks(watched.trades) == before + 1  # nobody knows whether some were missed
        numbers = [int(trade.trade_id) for trade in observer.trades(watched.trades)]
        assert numbers == sorted(set(numbers))
