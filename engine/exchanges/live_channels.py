"""Bars, books and trades of a real exchange as they are streamed: each in order, and said to be broken when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from engine.exchanges.base import Channel, ChannelBroken, ExchangeUnavailable, Observe, Observed, timeframe_millis
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import tradable
from engine.exchanges.faults import Unavailable
from engine.exchanges.habits import Habits
from engine.exchanges.live_streams import BarStream, BookStream, Stream, TradeStream
from engine.exchanges.public_feed import PublicFeed
from engine.exchanges.tasks import end, persist, spawn, together

_NEEDED = {"candles": ("watchOHLCV",), "book": ("watchOrderBook",), "trades": ("watchTradesForSymbols", "watchTrades")}
_SECOND_LOOK = 1.0
"""Seconds after which a stream must have told what an answer told: answers may overtake it."""
_PATIENCE = 3.0
"""Seconds that leaving a stream may take."""
_KEPT_BARS = 8
"""Bars that ccxt keeps of a channel: those that nobody read yet. Its own thousand would take most of a megabyte."""

log = structlog.get_logger(__name__)


class LiveChannels:
    """Streams any number of channels of one kind of market over connections that nothing else uses.

    A stream that breaks, or is silent while the market moves, is said to be broken and opened again, after longer
    pauses while that fails. Bars told before and after leave no hole between them.
    """

    def __init__(self, feed: PublicFeed, habits: Habits) -> None:
        """Stream what ``feed`` lists; nothing yet."""
        self._prices, self._habits = feed, habits
        self._client: Client | None = None
        self._streams: dict[Channel, Stream] = {}
        self._tasks: dict[Channel, asyncio.Task[None]] = {}
        self._bars: dict[tuple[str, str], BarStream] = {}
        """By the exchange's own names of market and timeframe."""
        self._tell: Observe = lambda observed: None
        self._changing, self._closed = asyncio.Lock(), False

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream exactly these channels to ``tell``; return those that the exchange can stream."""
        async with self._changing:
            if self._closed:
                raise ExchangeUnavailable(f"{self._prices.name} is closed")
            wanted = frozenset(channel for channel in channels if self._can(channel))
            await self._end(self._tasks.keys() - wanted)
            self._tell = tell
            for channel in sorted(wanted - self._tasks.keys()):
                self._begin(channel)
            return wanted

    async def close(self) -> None:
        """Stop streaming for good and close the connections."""
        async with self._changing:
            self._closed = True
            tasks, self._tasks = self._tasks, {}
            self._streams, self._bars = {}, {}
            await end(tasks.values())
            client, self._client = self._client, None
            if client is not None:
                await client.close()

    def _can(self, channel: Channel) -> bool:
        ccxt, kind = self._prices.client.ccxt, self._prices.client.kind
        market = (ccxt.markets or {}).get(channel.symbol)
        if market is None or not tradable(market, kind) or not any(map(ccxt.has.get, _NEEDED[channel.what])):
            return False
        return channel.what != "candles" or channel.timeframe in (ccxt.timeframes or {})

    def _begin(self, channel: Channel) -> None:
        if self._client is None:
            self._client = self._prices.client.beside()
            self._client.happened = self._happened
            self._client.ccxt.options["OHLCVLimit"] = _KEPT_BARS
        if channel.symbol not in self._client.ccxt.markets:
            self._client.adopt(self._prices.client)  # listed since then
        client, feed = self._client, PublicFeed(self._client)
        stream: Stream
        if channel.what == "candles":
            stream = BarStream(feed, channel, self._heard, timeframe_millis(channel.timeframe), self._habits)
            name = client.ccxt.market(channel.symbol)["id"], client.ccxt.timeframes[channel.timeframe]
            self._bars[name] = stream
        elif channel.what == "book":
            stream = BookStream(feed, channel, self._heard, self._habits)
        else:
            stream = TradeStream(feed, channel, self._heard, self._habits)
        self._streams[channel] = stream
        attempt = persist(lambda: self._attempt(client, stream), client.clock)
        self._tasks[channel] = spawn(attempt, f"{client.name} {' '.join(filter(None, channel))}")

    async def _end(self, channels: frozenset[Channel] | set[Channel]) -> None:
        gone = [self._streams.pop(channel) for channel in channels]
        self._bars = {name: stream for name, stream in self._bars.items() if stream not in gone}
        await end([self._tasks.pop(channel) for channel in channels])
        await asyncio.gather(*(self._leave(stream) for stream in gone))

    @staticmethod
    async def _leave(stream: Stream) -> None:
        try:
            await asyncio.wait_for(stream.leave(), _PATIENCE)
        except (ExchangeUnavailable, TimeoutError) as error:
            # Whatever it still tells is passed over; the connection ends with the adapter at the latest.
            log.info("stream_not_left", channel=stream.channel, reason=str(error))

    async def _attempt(self, client: Client, stream: Stream) -> None:
        """Stream until it breaks."""
        try:
            await together(stream.listen(), self._watch_silence(client, stream))
        except Exception:
            stream.broke()
            self._heard(ChannelBroken(channel=stream.channel, at=client.clock.now()))
            if client.troubled:
                await client.drop_streams()
            raise

    async def _watch_silence(self, client: Client, stream: Stream) -> None:
        """Ask when the stream says nothing; if it should have spoken, replace its connection."""
        while True:
            heard, asked = stream.heard, not client.unsent
            await client.clock.sleep(stream.silence_seconds)
            # What has not been asked for yet, or only just, says nothing for a good reason.
            if asked and not client.unsent and stream.heard == heard and await stream.behind():
                await client.clock.sleep(min(_SECOND_LOOK, stream.silence_seconds))
                if stream.heard == heard:
                    await client.drop_streams()
                    raise Unavailable(f"{stream.channel}: the stream says nothing while the market moves")

    def _heard(self, observed: Observed) -> None:
        if observed.channel in self._streams:
            self._tell(observed)

    def _happened(self, event: Mapping[str, Any]) -> None:
        read = self._prices.client.quirks.bar
        told = read(event) if read is not None else None
        stream = self._bars.get((told.market, told.interval)) if told is not None else None
        if told is not None and stream is not None:
            stream.hear(told.candle, closed=told.closed)
