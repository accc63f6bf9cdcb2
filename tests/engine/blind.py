"""What a test double answers to questions about markets that its tests never ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.market import Candle, MarketKind
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.values import Millis
from engine.exchanges.base import Channel, NotPossible, Observe


class Blind:
    """Knows nothing of markets but their prices."""

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Refuse."""
        raise NotPossible("nobody looks at days here")

    async def book(self, symbol: str, depth: int) -> Book:
        """Refuse."""
        raise NotPossible(f"{symbol}: nobody looks at books here")

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Refuse."""
        raise NotPossible(f"{symbol}: nobody looks at trades here")

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Refuse."""
        raise NotPossible(f"{symbol}: nobody looks at funding here")

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Refuse."""
        raise NotPossible(f"{symbol}: nobody looks at open interest here")

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Refuse."""
        raise NotPossible(f"{symbol}: nobody looks at bars here")

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream nothing."""
        return frozenset()
