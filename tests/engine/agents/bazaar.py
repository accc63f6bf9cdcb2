"""Some markets that differ in one thing each, on the real market service, for whoever chooses among markets."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from data.bars import Bars, Floats
from data.cache.words import Key
from data.decisions import Decision
from data.limits import RiskLimits
from data.market import Candle, Market, MarketKind, Ticker
from data.observations import Book, Day, Level
from data.values import Millis
from engine.clock import ManualClock
from engine.desk import EngineView
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, timeframe_millis
from engine.markets.kinds import STATISTICS
from engine.statistics.description import MarketStatistics, describe
from engine.views import BotView
from tests.commands.fake_venue import FakeVenue, market_data
from tests.engine.agents.desk import MARKET, ShownDesk, bot, slot

D = Decimal
HOUR: Millis = 3_600_000
NOW: Millis = 1_768_478_400_000
HOURS = 2_400
NAMES = ("GOOD", "THIN", "TREND", "BAN", "TWIN", "TRADED", "WIDE")
"""Good; little traded; trending; on the blacklist; moves as TRADED does; has a bot; of a wide spread."""
TURNOVER = {"GOOD/USDT": D(5_000_000), "THIN/USDT": D(900_000)}


def listed(name: str) -> Market:
    """Return the spot market of ``name``."""
    return msgspec.structs.replace(MARKET, symbol=f"{name}/USDT", base=name)


def perpetual(name: str) -> Market:
    """Return the perpetual of ``name``."""
    return msgspec.structs.replace(listed(name), symbol=f"{name}/USDT:USDT", kind=MarketKind.PERPETUAL)


def _path(seed: int, drift: float) -> Floats:
    """Return hourly closes that come back to a middle, which rises by ``drift`` an hour, ending near a hundred."""
    chance, values, at = np.random.default_rng(seed), [], 0.0
    for shock in chance.normal(0.0, 0.008, HOURS):
        at += shock - 0.1 * at
        values.append(at)
    path: Floats = np.round(100.0 * np.exp(np.array(values) + drift * np.arange(1 - HOURS, 1)), 2)
    return path


SEEDS = {
    "GOOD": 1,
    "THIN": 2,
    "TREND": 3,
    "BAN": 4,
    "TWIN": 5,
    "TRADED": 5,
    "WIDE": 7,
    "ALSO": 1,
    "FINE": 8,
    "FAIR": 9,
    "CALM": 10,
}
PATHS = {f"{name}/USDT": _path(seed, 0.004 if name == "TREND" else 0.0) for name, seed in SEEDS.items()}


class Bazaar(FakeVenue):
    """Tells of each market what its path says; ``asked`` counts the books looked at."""

    def __init__(self, tickers: Mapping[str, Ticker], clock: ManualClock) -> None:
        """Be there."""
        super().__init__(tickers, clock, self.answer)
        self.away = False
        self.asked: list[str] = []
        self.open = asyncio.Event()
        """Books are told once this is set."""
        self.open.set()

    def answer(self) -> None:
        """Raise while away."""
        if self.away:
            raise ExchangeUnavailable("away")

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Return the day of all, with their turnover."""
        days = await super().days(kind)
        return {
            name: msgspec.structs.replace(day, turnover=TURNOVER.get(name, D(4_000_000))) for name, day in days.items()
        }

    async def book(self, symbol: str, depth: int) -> Book:
        """Return one level of much on either side."""
        self.answer()
        self.asked.append(symbol)
        await self.open.wait()
        price = self._tickers[symbol]
        bids, asks = (Level(price.bid, D(5_000)),), (Level(price.ask, D(5_000)),)
        return Book(symbol=symbol, bids=bids, asks=asks, at=self.clock.now())

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return the path in bars."""
        self.answer()
        step, path = timeframe_millis(timeframe), PATHS[symbol.partition(":")[0]]
        bars: list[Candle] = []
        first = NOW // HOUR - HOURS + 1
        opened = -(-since // step) * step
        while opened <= NOW and len(bars) < limit:
            place = opened // HOUR - first
            part = path[max(0, place) : place + step // HOUR]
            if place >= 0 and len(part):
                # Each bar opens where the one before closed.
                start = path[max(0, place - 1)]
                low, high = min(start, part.min()) * 0.999, max(start, part.max()) * 1.001
                start, high, low, close = (D(repr(round(float(each), 4))) for each in (start, high, low, part[-1]))
                bars.append(Candle(opened, start, high, low, close, D(12)))
            opened += step
        return bars


class BazaarDesk(ShownDesk):
    """A desk in the middle of the bazaar, with a bot on TRADED."""

    def __init__(self, *names: str) -> None:
        """Show the markets of these names, or all."""
        super().__init__()
        self.listed = {f"{name}/USDT": listed(name) for name in names or NAMES}
        clock = ManualClock(NOW)
        self.prices = {symbol: _ticker(symbol) for symbol in self.listed}
        self.venue = Bazaar(self.prices, clock)
        self.data = market_data(self.venue, clock)
        self.decided: list[Decision] = []
        self.limits: RiskLimits | None = None
        if "TRADED/USDT" in self.listed:
            self.shown = (self.at_work("TRADED"),)

    def described(self, *names: str) -> None:
        """Let statistics of these markets be known already, as they are for a quarter of an hour after a question."""
        for name in names:
            symbol = f"{name}/USDT"
            self.data._cache.put(Key(STATISTICS, symbol), _described(symbol), NOW)

    def list_perpetual(self, name: str) -> None:
        """Add the perpetual of a market; open positions on it are worth some ten thousand."""
        market = perpetual(name)
        self.listed[market.symbol], self.prices[market.symbol] = market, _ticker(market.symbol)

    def at_work(self, name: str, number: int = 1) -> BotView:
        """Return a running bot on a market."""
        view = bot(number, slot(0, "90", "95", buying="1"), price=self.prices[f"{name}/USDT"])
        return msgspec.structs.replace(view, market=listed(name))

    def engine(self) -> EngineView:
        """Return the engine, with its limits."""
        return msgspec.structs.replace(super().engine(), limits=self.limits)

    async def markets(self) -> Sequence[Market]:
        """Return all of them."""
        self.venue.answer()
        return tuple(self.listed.values())

    async def market(self, symbol: str) -> Market:
        """Return one of them."""
        if symbol not in self.listed:
            raise MarketUnknown(symbol)
        return self.listed[symbol]

    def decisions(self, bot: int | None, limit: int) -> Sequence[Decision]:
        """Return what a test put there."""
        return self.decided[:limit]


@functools.cache
def _described(symbol: str) -> MarketStatistics:
    path, count = PATHS[symbol], 1_500
    opens, closes = path[-count - 1 : -1], path[-count:]
    at = (NOW // HOUR - count + np.arange(count)) * HOUR
    low, high = np.minimum(opens, closes) * 0.999, np.maximum(opens, closes) * 1.001
    return describe(Bars(at=at, open=opens, high=high, low=low, close=closes, volume=np.full(count, 12.0)))


def _ticker(symbol: str) -> Ticker:
    last = D(repr(float(PATHS[symbol.partition(":")[0]][-1])))
    half = D("0.5") if symbol == "WIDE/USDT" else D("0.01")
    return Ticker(symbol, last - half, last + half, last, NOW)
