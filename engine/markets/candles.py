"""Bars kept whole: asked for once, extended as streams tell them, gaps and doubts filled by one question each."""

from __future__ import annotations

import structlog

from data.bars import Bars
from data.cache.cache import Cache
from data.cache.words import Answer, Key
from data.series import Series
from data.values import Millis
from engine.clock import Clock
from engine.exchanges.base import CandleMoved, Channel, ChannelBroken, Exchange, timeframe_millis
from engine.markets.kinds import CANDLES

PAGE = 1_000
"""Bars one question returns at most."""
MOST = 5_000
"""Bars kept of one market and timeframe."""
LAG: Millis = 3_000
"""How late a stream may tell of a new bar."""
_MOST_PAGES = MOST // PAGE + 1

log = structlog.get_logger(__name__)


class Candles:
    """Series of bars, kept in the cache like every other answer, dated by when they were last told or asked for."""

    def __init__(self, exchange: Exchange, cache: Cache, clock: Clock) -> None:
        """Ask ``exchange``, remember in ``cache``."""
        self._exchange, self._cache, self._clock = exchange, cache, clock
        self._streamed: set[Channel] = set()

    async def bars(self, symbol: str, timeframe: str, count: int, oldest: Millis | None = None) -> Answer[Bars]:
        """Return the newest ``count`` bars, the unfinished one last, with the instant they are true of.

        ``oldest`` is the most their age may be, where a quarter of a bar is too much.
        Raises ``ExchangeUnavailable``, ``MarketUnknown``, and ValueError for a timeframe or number that cannot be.
        """
        step = timeframe_millis(timeframe)
        if not 1 <= count <= MOST:
            raise ValueError(f"count: {count} bars; accepted: 1 to {MOST}")
        key, asked = Key(CANDLES, symbol, timeframe), False

        async def ask() -> Series:
            nonlocal asked
            asked = True
            return await self._asked(key, step, count)

        # A bar of one minute is old news after a quarter of it, one of a day is not.
        longest = max(LAG, step // 4)
        answer: Answer[Series] = await self._cache.get(
            key, ask, oldest=longest if oldest is None else min(oldest, longest)
        )
        if not asked and self._lacks(key, answer.value, count):
            answer = await self._cache.get(key, ask, oldest=0)
        while not asked and self._lacks(key, answer.value, count):
            # A question that was joined, or one of this very millisecond, was for fewer bars.
            answer = await self._cache.refresh(key, ask)
        return Answer(answer.value.bars(count), answer.at, answer.until)

    def known(self, symbol: str, timeframe: str, count: int) -> Answer[Bars] | None:
        """Return what is known of bars, however old; None when nothing is."""
        answer: Answer[Series] | None = self._cache.peek(Key(CANDLES, symbol, timeframe))
        return None if answer is None else Answer(answer.value.bars(count), answer.at, answer.until)

    def moved(self, news: CandleMoved) -> None:
        """Take what a stream told of a bar."""
        channel = news.channel
        key = Key(CANDLES, channel.symbol, channel.timeframe)
        answer: Answer[Series] | None = self._cache.peek(key)
        if answer is None:
            return  # nobody asked yet, or it was too long ago
        if answer.value.tell(news.candle, closed=news.closed, now=news.at):
            self._streamed.add(channel)
            self._cache.put(key, answer.value, news.at)

    def broken(self, news: ChannelBroken) -> None:
        """Hear that a stream told nothing for a while: what it told before is as old as it says."""
        self._streamed.discard(news.channel)

    def keep(self, channels: frozenset[Channel]) -> None:
        """Hear that no others are streamed any more."""
        self._streamed &= channels

    def _lacks(self, key: Key, series: Series, count: int) -> bool:
        """Return whether a question is due before these bars may be served."""
        now = self._clock.now()
        newest = now // series.step * series.step
        span = series.wanted(newest - (count - 1) * series.step, now)
        if span is None:
            return False
        streamed = Channel("candles", key.subject, key.detail) in self._streamed
        return not (streamed and span.first == span.last == newest and now - newest < LAG)

    async def refreshed(self, symbol: str, timeframe: str) -> Series:
        """Ask for what the bars kept lack; what was kept of none is asked for by who wants them, and how many."""
        key, step = Key(CANDLES, symbol, timeframe), timeframe_millis(timeframe)
        known: Answer[Series] | None = self._cache.peek(key)
        return await self._asked(key, step, 2 if known is None else min(PAGE, max(2, len(known.value))))

    async def _asked(self, key: Key, step: Millis, count: int) -> Series:
        """Ask for what a series lacks of its newest ``count`` bars."""
        known: Answer[Series] | None = self._cache.peek(key)
        series = Series(step, MOST) if known is None else known.value
        for _ in range(_MOST_PAGES):
            now = self._clock.now()
            since = now // step * step - (count - 1) * step
            span = series.wanted(since, now)
            # Nothing is missing: the unfinished bar alone is to be seen anew, and whether the one before is finished.
            first = now // step * step - step if span is None else span.first
            before = series.last
            limit = min(PAGE, (now - first) // step + 2)
            found = await self._exchange.candles_since(key.subject, key.detail, first, limit)
            series.ask(found, since=first, now=now)
            after = series.wanted(since, self._clock.now())
            if after is None or (len(found) < limit and after == span) or (series.last == before and after == span):
                break
        return series
