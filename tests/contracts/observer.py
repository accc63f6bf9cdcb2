"""Who hears what channels tell, and lets a test wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from data.market import Candle
from data.observations import Book, PublicTrade
from engine.exchanges.base import BookMoved, CandleMoved, Channel, ChannelBroken, Observed, TradesMade

T = TypeVar("T")


class Observer:
    """Remembers everything, in order."""

    def __init__(self) -> None:
        self.told: list[Observed] = []
        self._arrived = asyncio.Event()

    def hear(self, observed: Observed) -> None:
        """Take what a channel tells."""
        self.told.append(observed)
        self._arrived.set()

    async def until(self, found: Callable[[], T | None], seconds: float = 10) -> T:
        """Wait until ``found`` returns something after a channel told something."""
        async with asyncio.timeout(seconds):
            while (result := found()) is None:
                self._arrived.clear()
                await self._arrived.wait()
        return result

    def bars(self, channel: Channel) -> list[CandleMoved]:
        """Return what was told of bars."""
        return [each for each in self.told if isinstance(each, CandleMoved) and each.channel == channel]

    def closed(self, channel: Channel) -> list[Candle]:
        """Return the bars that were said to have closed."""
        return [each.candle for each in self.bars(channel) if each.closed]

    def books(self, channel: Channel) -> list[Book]:
        """Return the books told."""
        return [each.book for each in self.told if isinstance(each, BookMoved) and each.channel == channel]

    def trades(self, channel: Channel) -> list[PublicTrade]:
        """Return the trades told."""
        found = (each.trades for each in self.told if isinstance(each, TradesMade) and each.channel == channel)
        return [trade for trades in found for trade in trades]

    def breaks(self, channel: Channel) -> int:
        """Return how often a channel was said to be broken."""
        return sum(isinstance(each, ChannelBroken) and each.channel == channel for each in self.told)


def check_bars(told: list[CandleMoved], length: int) -> None:
    """Assert that bars come in order without a hole, each closed once and never moved after that."""
    newest: Candle | None = None
    over = 0
    for each in told:
        bar = each.candle
        assert bar.opened_at >= over, "a bar that closed moved"
        if newest is not None:
            follows = over or newest.opened_at
            assert bar.opened_at == follows, "a bar was left out, or the one before never closed"
            if newest.opened_at == bar.opened_at:
                assert bar.volume >= newest.volume
        newest, over = bar, bar.opened_at + length if each.closed else 0
