"""An invented market that counts what it is asked, can be out of reach, and breaks what it streams when told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from data.market import Candle, MarketKind, Ticker
from data.observations import Book, Day, FundingRate, PublicTrade
from data.values import Millis
from engine.clock import ManualClock
from engine.exchanges.base import Channel, ChannelBroken, ExchangeUnavailable, Observe
from engine.exchanges.simulated import SimulatedExchange

NOW: Millis = 1_790_000_000_000
SYMBOL = "BTC/USDT"


class Asked(SimulatedExchange):
    """Counts questions by what they are about."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock, balances={"USDT": Decimal(1_000)})
        self.asked: Counter[str] = Counter()
        self.away = False
        self.streams = True
        self._tell: Observe = lambda observed: None

    def _count(self, what: str) -> None:
        self.asked[what] += 1
        if self.away:
            raise ExchangeUnavailable("no answer")

    async def ticker(self, symbol: str) -> Ticker:
        """Answer, counted."""
        self._count("ticker")
        return await super().ticker(symbol)

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Answer, counted."""
        self._count("candles")
        await asyncio.sleep(0)
        return await super().candles_since(symbol, timeframe, since, limit)

    async def book(self, symbol: str, depth: int) -> Book:
        """Answer, counted."""
        self._count("book")
        await asyncio.sleep(0)
        return await super().book(symbol, depth)

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Answer, counted."""
        self._count("trades")
        await asyncio.sleep(0)
        return await super().trades(symbol, limit)

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Answer, counted."""
        self._count(f"funding of {symbol}")
        return await super().funding_rate(symbol)

    async def days(self, kind: MarketKind) -> dict[str, Day]:
        """Answer, counted."""
        self._count("days")
        return dict(await super().days(kind))

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream, counted, unless nothing is to be streamed."""
        self._count("observe")
        self._tell = tell
        return await super().observe(channels if self.streams else frozenset(), tell)

    def broke(self, channel: Channel) -> None:
        """Say that a channel broke."""
        self._tell(ChannelBroken(channel=channel, at=self._clock.now()))
