"""Messages to streams: no more than an exchange takes from one connection, in order, and none of them lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from engine.clock import ManualClock
from engine.exchanges.base import Channel
from engine.exchanges.habits import Habits
from engine.exchanges.spacing import Spacing
from tests.contracts.live_venues import LivePerpetualVenue, LiveSpotVenue
from tests.contracts.observer import Observer
from tests.contracts.venues import stream_of
from tests.engine.exchanges.live import branch_of, opened

CALM = Habits(silence_seconds=60, mark_silence_seconds=60, trade_silence_seconds=60)
START, GRAIN = 1_760_000_000_000, 25
NAMES = tuple(f"C{number:02}" for number in range(60))


class Spot(LiveSpotVenue):
    """Sixty spot markets more."""

    habits = CALM
    symbols = tuple(f"{name}/USDT" for name in NAMES)
    prices = ("bookTicker", "miniTicker")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        like = self.server.spot.markets["ETHUSDT"].spec
        for name in NAMES:
            self.server.spot.list(replace(like, symbol=f"{name}USDT", base=name), "100", "100.01")


class Perpetual(LivePerpetualVenue):
    """Sixty perpetuals more."""

    habits = CALM
    symbols = tuple(f"{name}/USDT:USDT" for name in NAMES)
    prices = ("bookTicker", "miniTicker", "markPrice@1s")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        like = self.server.usdm.contracts["ETHUSDT"]
        for name in NAMES:
            spec = replace(like.spec, symbol=f"{name}USDT", base=name)
            self.server.usdm.list(replace(like, spec=spec), "100", "100.01")


Venue = Spot | Perpetual


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Venue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


def bars(venue: Venue) -> frozenset[Channel]:
    """Return channels whose streams share one connection, more than it may be told of within a second."""
    return frozenset(Channel("candles", symbol, "1m") for symbol in venue.symbols[:12])


def channels(venue: Venue) -> frozenset[Channel]:
    """Return twenty channels."""
    books = frozenset(Channel("book", symbol) for symbol in venue.symbols[:4])
    return bars(venue) | books | {Channel("trades", symbol) for symbol in venue.symbols[:4]}


def wanted(venue: Venue) -> set[str]:
    """Return what the exchange calls everything that is followed."""
    prices = {f"{name.lower()}usdt@{price}" for name in NAMES for price in venue.prices}
    return prices | set(map(stream_of, channels(venue)))


async def subscribed(venue: Venue, streams: set[str]) -> None:
    """Wait until each stream is heard on one connection, which was asked for it in order; nobody said too much."""
    async with asyncio.timeout(30):
        await venue.streams.until(
            lambda: Counter(name for peer in venue.streams.peers for name in peer.streams) == dict.fromkeys(streams, 1)
        )
    for peer in venue.streams.peers:
        numbers = [message["id"] for message in peer.said]
        assert numbers == sorted(numbers)
    assert not venue.server.mistakes


# -- how messages are kept apart


class Speaker:
    """Says things over one connection."""

    def __init__(self, per_second: int) -> None:
        self.clock = ManualClock(START)
        self.spacing = Spacing(self.clock, per_second)
        self.gone = False
        self.said: list[tuple[int, int]] = []
        """What was said when, in milliseconds since the start."""
        self.tasks: list[asyncio.Task[None]] = []

    async def say(self) -> None:
        number = len(self.tasks)

        async def speak() -> None:
            await self.spacing.turn(lambda: self.gone)
            self.said.append((number, self.clock.now() - START))

        self.tasks.append(asyncio.create_task(speak()))
        await self.settle()

    async def pass_(self, millis: int) -> None:
        """Let time pass in steps."""
        for _ in range(millis // GRAIN):
            self.clock.advance(GRAIN)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(3 + len(self.tasks)):
            await asyncio.sleep(0)


@given(
    per_second=st.sampled_from([2, 4, 8, 10]),
    steps=st.lists(st.tuples(st.sampled_from([0, 0, 25, 125, 250, 1_000]), st.booleans()), max_size=15),
)
def test_each_goes_as_soon_as_a_gap_has_passed_since_the_one_before(
    per_second: int, steps: Sequence[tuple[int, bool]]
) -> None:
    gap, last, expected = 1_000 // per_second, -10_000, []

    async def walk() -> list[tuple[int, int]]:
        nonlocal last
        speaker = Speaker(per_second)
        for number, (pause, gives_up) in enumerate(steps):
            await speaker.pass_(pause)
            now = speaker.clock.now() - START
            due = max(now, last + gap)
            await speaker.say()
            if gives_up:
                speaker.tasks[number].cancel()
                await speaker.settle()
            if not gives_up or due == now:
                expected.append((number, due))
                last = due
        await speaker.pass_(1_000 * len(steps))
        return speaker.said

    assert asyncio.run(walk()) == expected


async def test_one_connection_does_not_wait_for_another() -> None:
    busy, other = Speaker(4), Speaker(4)
    for _ in range(3):
        await busy.say()
    await other.say()
    assert [number for number, _ in busy.said] == [0]
    assert other.said == [(0, 0)]
    await busy.pass_(500)


async def test_what_nobody_will_get_does_not_wait() -> None:
    speaker = Speaker(4)
    for _ in range(5):
        await speaker.say()
    speaker.gone = True
    await speaker.pass_(250)
    assert [number for number, _ in speaker.said] == [0, 1, 2, 3, 4]


async def test_a_clock_that_is_set_back_silences_nobody() -> None:
    speaker = Speaker(4)
    await speaker.say()
    speaker.clock.advance(-3_600_000)
    await speaker.say()
    await speaker.pass_(250)
    assert len(speaker.said) == 2


def test_a_rate_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="per_second"):
        Spacing(ManualClock(START), 0)


# -- what the exchange sees


async def test_all_is_asked_for_at_once_and_anew_after_a_break_without_saying_too_much(venue: Venue) -> None:
    await venue.exchange.subscribe(frozenset(venue.symbols))
    await venue.exchange.observe(channels(venue), Observer().hear)
    await subscribed(venue, wanted(venue))
    before = set(venue.streams.peers)
    venue.streams.cut()
    await venue.streams.until(lambda: before.isdisjoint(venue.streams.peers))
    await subscribed(venue, wanted(venue))


@pytest.mark.parametrize("how", ["the exchange", "the adapter"])
async def test_what_waits_when_a_connection_ends_is_asked_for_on_the_next_one(venue: Venue, how: str) -> None:
    await venue.exchange.observe(bars(venue), Observer().hear)
    await venue.streams.until(lambda: any(len(peer.streams) == 3 for peer in venue.streams.peers))
    before = set(venue.streams.peers)
    if how == "the exchange":
        venue.streams.cut()
    else:
        client = branch_of(venue.exchange).data.channels._client
        assert client is not None
        await client.drop_streams()
    await venue.streams.until(lambda: before.isdisjoint(venue.streams.peers))
    await subscribed(venue, set(map(stream_of, bars(venue))))


async def test_a_stream_that_waits_to_be_asked_for_is_not_taken_for_a_silent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spot, "habits", replaced(CALM, silence_seconds=0.4))
    async with opened(Spot(tmp_path)) as venue:
        observer, symbols = Observer(), [f"{name}USDT" for name in NAMES[:12]]
        await venue.exchange.observe(bars(venue), observer.hear)

        async def trade() -> None:
            while True:
                for market in map(venue.server.market, symbols):
                    market.trade(market.ask, "0.5")
                await asyncio.sleep(0.1)

        trading = asyncio.create_task(trade())
        await subscribed(venue, set(map(stream_of, bars(venue))))
        trading.cancel()
        assert not any(map(observer.breaks, bars(venue)))


@pytest.mark.parametrize(
    ("call", "stream"),
    [
        ("watch_bids_asks", "bookTicker"),
        ("watch_tickers", "miniTicker"),
        ("watch_trades_for_symbols", "trade"),
        ("watch_ohlcv_for_symbols", "kline_1m"),
        ("watch_order_book_for_symbols", "depth@100ms"),
    ],
)
async def test_many_markets_are_asked_for_in_one_message(venue: Venue, call: str, stream: str) -> None:
    client = branch_of(venue.exchange).feed.client
    symbols = venue.symbols[:20]
    what = [[symbol, "1m"] for symbol in symbols] if stream == "kline_1m" else list(symbols)
    watching = asyncio.create_task(client.watch(call, what))
    names = [f"{name.lower()}usdt@{stream}" for name in NAMES[:20]]
    async with asyncio.timeout(10):
        await venue.streams.subscribed(*names)
    assert [message["params"] for peer in venue.streams.peers for message in peer.said] == [names]
    watching.cancel()
