"""What the exchange behind the fake desk tells of its markets: round figures around the price, nothing when away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import cast

from data.market import Candle, MarketKind, Ticker
from data.observations import Book, Day, FundingRate, Level, OpenInterest, PublicTrade
from data.values import Millis, Side
from engine.clock import ManualClock
from engine.exchanges.base import Channel, Exchange, NotPossible, Observe, timeframe_millis
from engine.markets.service import MarketService
from tests.commands.worlds import wave

TICK = Decimal("0.01")
MOST = 10_000_000


class FakeVenue:
    """Answers as the desk's state says; ``reach`` raises while the exchange is away."""

    def __init__(self, tickers: Mapping[str, Ticker], clock: ManualClock, reach: Callable[[], None]) -> None:
        """Know these prices."""
        self._tickers, self.clock, self._reach = tickers, clock, reach
        self.thin: set[str] = set()
        """Markets with nothing on the side of the bids."""

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price."""
        self._reach()
        return self._tickers[symbol]

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Return a day that went up by 2 %."""
        self._reach()
        now = self.clock.now()
        return {
            symbol: Day(
                symbol=symbol, last=each.last, bid=each.bid, ask=each.ask, change=Decimal("0.02"),
                high=each.last * Decimal("1.03"), low=each.last * Decimal("0.97"), volume=Decimal(1_000),
                turnover=each.last * 1_000, at=now,
            )
            for symbol, each in self._tickers.items()
            if (":" in symbol) is (kind is MarketKind.PERPETUAL)
        }  # fmt: skip

    async def book(self, symbol: str, depth: int) -> Book:
        """Return one unit at each tick."""
        self._reach()
        ticker, places = self._tickers[symbol], range(min(depth, 20))
        bids = () if symbol in self.thin else tuple(Level(ticker.bid - TICK * place, Decimal(1)) for place in places)
        asks = tuple(Level(ticker.ask + TICK * place, Decimal(2)) for place in places)
        return Book(symbol=symbol, bids=bids, asks=asks, at=self.clock.now())

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Return four trades, ten seconds apart: three bought one unit each, the last sold half of one."""
        self._reach()
        last, now = self._tickers[symbol].last, self.clock.now()
        made = ((Decimal(1), Side.BUY), (Decimal(1), Side.BUY), (Decimal(1), Side.BUY), (Decimal("0.5"), Side.SELL))
        return [
            PublicTrade(
                symbol=symbol, trade_id=str(number), price=last, quantity=quantity, side=side,
                at=now - 10_000 * (len(made) - number),
            )
            for number, (quantity, side) in enumerate(made, start=1)
        ][-limit:]  # fmt: skip

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Return 0.01 %, due in an hour."""
        self._reach()
        if ":" not in symbol:
            raise NotPossible(f"{symbol} is a spot market")
        now, mark = self.clock.now(), self._tickers[symbol].last
        return FundingRate(symbol=symbol, rate=Decimal("0.0001"), next_at=now + 3_600_000, mark=mark, at=now)

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Return a hundred."""
        self._reach()
        if ":" not in symbol:
            raise NotPossible(f"{symbol} is a spot market")
        notional = self._tickers[symbol].last * 100
        return OpenInterest(symbol=symbol, quantity=Decimal(100), notional=notional, at=self.clock.now())

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return bars of a slow wave around the last price."""
        self._reach()
        step, now = timeframe_millis(timeframe), self.clock.now()
        count = min(limit, (now - since) // step + 1)
        return wave(self._tickers[symbol].last, step, count, now)

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream nothing."""
        return frozenset()


def market_data(venue: FakeVenue, clock: ManualClock) -> MarketService:
    """Return the real market service over it."""
    return MarketService(cast("Exchange", venue), clock, streamed=lambda _: None, most_bytes=MOST)
