"""An invented market that needs nothing: no key, no network, no recorded data."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from data.accounts import AccountStore
from data.events import TickerMoved
from data.market import Candle, FeeAsset, Fees, Filters, Market, MarketKind, Ticker, Tier
from data.values import ONE, ZERO, Millis
from engine.clock import Clock
from engine.exchanges.account import SimulatedAccount
from engine.exchanges.base import Emit, ExchangeUnavailable, timeframe_millis
from engine.exchanges.invented_path import DAY, STEP, Bar, InventedPath
from engine.exchanges.tasks import spawn
from engine.exchanges.tiers import LARGEST

HISTORY: Millis = 120 * DAY
"""How far back candles reach, and how long a restarted account is carried forward."""
_HOUR: Millis = 3_600_000
_HOUR_STEPS = _HOUR // STEP
_FUNDING = 8 * _HOUR
_MARGIN = 0.01  # more than half of any spread, so that a bar of middle prices bounds bid and ask
_MIX = 0x9E3779B97F4A7C15
_WORD = 0xFFFFFFFFFFFFFFFF


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One invented market: where its price lives and how fine it is traded."""

    base: str
    quote: str = "USDT"
    price: float
    """Long-run mean in quote."""
    deviation: float = 0.03
    """Standard deviation of a day's return, as a fraction."""
    volume: float
    """Base traded on an average day."""
    price_digits: int
    quantity_digits: int
    half_spread: float = 0.00002
    """Half the usual distance of bid and ask, as a fraction of the price."""
    tiers: tuple[Tier, ...] = ()
    """Leverage tiers of a perpetual; empty for spot."""

    @property
    def kind(self) -> MarketKind:
        """Return the kind of market."""
        return MarketKind.PERPETUAL if self.tiers else MarketKind.SPOT

    @property
    def spot(self) -> str:
        """Return the unified name of the spot market, whose price a perpetual follows."""
        return f"{self.base}/{self.quote}"

    @property
    def symbol(self) -> str:
        """Return the unified name."""
        return f"{self.spot}:{self.quote}" if self.tiers else self.spot

    def market(self, exchange: str, fees: Fees) -> Market:
        """Return the market as an exchange lists it; a perpetual takes its fees in quote."""
        step = ONE.scaleb(-self.quantity_digits)
        filters = Filters(
            price_tick=ONE.scaleb(-self.price_digits),
            quantity_step=step,
            min_quantity=step,
            max_quantity=Decimal(math.ceil(self.volume)),
            min_notional=Decimal(5),
        )
        return Market(
            exchange=exchange,
            symbol=self.symbol,
            base=self.base,
            quote=self.quote,
            kind=self.kind,
            filters=filters,
            fees=PERPETUAL_FEES if self.tiers else fees,
            tiers=self.tiers,
        )


SPOT_LISTINGS = (
    Listing(base="BTC", price=64_000, deviation=0.025, volume=25_000, price_digits=2, quantity_digits=5),
    Listing(base="ETH", price=3_200, deviation=0.032, volume=400_000, price_digits=2, quantity_digits=4),
    Listing(base="BNB", price=580, deviation=0.028, volume=300_000, price_digits=2, quantity_digits=3),
    Listing(base="SOL", price=150, deviation=0.045, volume=4_000_000, price_digits=2, quantity_digits=3),
    Listing(base="XRP", price=0.62, deviation=0.04, volume=5e8, price_digits=4, quantity_digits=1, half_spread=0.0001),
    Listing(base="ADA", price=0.45, deviation=0.042, volume=2e8, price_digits=4, quantity_digits=1, half_spread=0.0002),
    Listing(base="DOGE", price=0.13, deviation=0.055, volume=2e9, price_digits=5, quantity_digits=0),
)

BASIS = 1.0003
"""What a perpetual costs as a multiple of its spot market."""

LISTINGS = (
    *SPOT_LISTINGS,
    *(
        msgspec.structs.replace(each, price=each.price * BASIS, tiers=LARGEST)
        for each in SPOT_LISTINGS
        if each.base in ("BTC", "ETH", "SOL")
    ),
)

FEES = Fees(maker=Decimal("0.001"), taker=Decimal("0.001"), asset=FeeAsset.RECEIVED)
PERPETUAL_FEES = Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005"))
"""As Binance's for USDⓈ-M contracts."""


class SimulatedExchange(SimulatedAccount):
    """A market that moves by itself: the same seed gives the same prices at the same instants, also after a restart.

    Prices change every five seconds of the clock. While the process was down the market went on: orders that rested
    are filled as they would have been. A perpetual follows its spot market; its mark price is the middle of its own,
    and every eight hours an invented funding is settled.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        balances: Mapping[str, Decimal],
        margin: Mapping[str, Decimal] | None = None,
        kinds: frozenset[MarketKind] = frozenset(MarketKind),
        seed: int = 1,
        store: AccountStore | None = None,
        haircut: Decimal = ZERO,
        slippage: Decimal = ZERO,
        latency: Millis = 0,
        fees: Fees = FEES,
        listings: Sequence[Listing] = LISTINGS,
        name: str = "simulated",
    ) -> None:
        """Open an account unless ``store`` holds one; the rest is as in ``MarginMatching``."""
        super().__init__(clock, store, latency)
        self.name = name
        self._opening = (balances, margin or {}, haircut, slippage)
        listings = [listing for listing in listings if listing.kind in kinds]
        self._listings = {listing.symbol: listing for listing in listings}
        self._markets = {listing.symbol: listing.market(name, fees) for listing in listings}
        self._paths = {
            listing.symbol: InventedPath(seed, listing.spot, listing.price, listing.deviation, listing.volume)
            for listing in listings
        }
        self._salt = seed * _MIX & _WORD
        self._reached = 0
        self._watched: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    async def open(self, emit: Emit) -> None:
        """Start the market, after letting the orders of an earlier run meet what happened meanwhile."""
        await self.close()
        self._emit = emit
        self._open_account(*self._opening)
        now = self._clock.now()
        self._reached = max(self._last_activity(), now - HISTORY) // STEP - 1
        self._run()
        self._settle_or_fail()
        self._task = spawn(self._live(), f"{self.name} market")

    async def close(self) -> None:
        """Stop the market."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._emit = None

    async def clock_skew(self) -> int:
        """Return 0: the market lives on our own clock."""
        return 0

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices of now."""
        self._listed(symbol)
        return self._quote(symbol, self._clock.now() // STEP)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest bars, the unfinished one included, from at most 120 days back."""
        self._listed(symbol)
        length, now = timeframe_millis(timeframe), self._clock.now()
        newest = now // length * length
        oldest = max(newest - (limit - 1) * length, now - HISTORY, 0)
        bars = []
        for start in range(newest, oldest - 1, -length):
            bars.append(self._candle(symbol, start, min(start + length, now // STEP * STEP)))
            if length >= _HOUR:
                # A day not seen before takes some milliseconds to invent; let others run between two of them.
                await asyncio.sleep(0)
        return bars[::-1]

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Emit a ticker of each of these symbols now and whenever it moves."""
        for symbol in symbols:
            self._listed(symbol)
        self._watched = symbols
        self._show()

    # -- the market going on

    async def _live(self) -> None:
        while True:
            now = self._clock.now()
            if now // STEP <= self._reached:
                await self._clock.sleep(((self._reached + 1) * STEP - now) / 1000)
                continue
            self._step(self._reached + 1)
            try:
                self._settle_or_fail()
            except ExchangeUnavailable:
                # The disk may be full: events wait inside the account and the next step tries to store them again.
                await self._clock.sleep(STEP / 1000)
            self._show()
            # A clock that runs fast owes many steps at once; the engine answers each before the next.
            await asyncio.sleep(0)

    def _refresh(self, symbol: str) -> None:
        self._run()

    def _run(self) -> None:
        target = self._clock.now() // STEP
        if self._reached < target and not self._resting_symbols():
            self._reached = target - 1  # with nothing there only the newest quote matters
        while self._reached < target:
            first = self._reached + 1
            if first % _HOUR_STEPS == 0 and first + _HOUR_STEPS <= target and self._quiet(first * STEP):
                self._reached += _HOUR_STEPS
            else:
                self._step(first)

    def _quiet(self, hour: Millis) -> bool:
        """Say whether nothing of the account can have met the market in the hour that starts at ``hour``."""
        day, within = divmod(hour, DAY)
        if hour % _FUNDING == 0 and self.matching.margin.positions():
            return False
        lows: dict[str, Decimal] = {}
        highs: dict[str, Decimal] = {}
        for symbol in self._resting_symbols():
            bar, book = self._paths[symbol].hours(day)[within // _HOUR], self.matching.book(symbol)
            low, high = lows[symbol], highs[symbol] = (
                Decimal(bar.low * (1 - _MARGIN)),
                Decimal(bar.high * (1 + _MARGIN)),
            )
            if book.best_buy is not None and book.best_buy >= low:
                return False
            if book.best_sell is not None and book.best_sell <= high:
                return False
        return self.matching.survives(lows, highs)

    def _step(self, step: int) -> None:
        self._reached = step
        for symbol in self._markets:
            quote, book = self._quote(symbol, step), self.matching.book(symbol)
            self.matching.move(quote)
            for price, best in ((quote.bid, book.best_buy), (quote.ask, book.best_sell)):
                if price == best:
                    self.matching.trade(symbol, price, self._traded(symbol, step, price == quote.bid), quote.at)
        if step * STEP % _FUNDING == 0:
            for position in self.matching.margin.positions():
                self.matching.fund(position.symbol, self._funding_rate(position.symbol, step), step * STEP)

    def _show(self) -> None:
        for symbol in sorted(self._watched) if self._emit is not None else ():
            quote = self._quote(symbol, self._reached)
            if self._emit is not None:
                self._emit(TickerMoved(ticker=quote, at=quote.at))

    # -- prices

    def _quote(self, symbol: str, step: int) -> Ticker:
        at, path, listing = step * STEP, self._paths[symbol], self._listings[symbol]
        scale, middle = 10**listing.price_digits, path.price(at)
        nervous = 0.5 + 0.5 * path.deviation(at) / path.usual_deviation()
        half = middle * listing.half_spread * nervous
        low = max(math.floor((middle - half) * scale), 1)
        high = max(math.ceil((middle + half) * scale), low + 1)
        tick = self._markets[symbol].filters.price_tick
        bid, ask = low * tick, high * tick
        mark = round(middle * scale) * tick if self._markets[symbol].perpetual else None
        return Ticker(symbol, bid, ask, bid if self._chance(symbol, step) < 0.5 else ask, at, mark)

    def _traded(self, symbol: str, step: int, sold: bool) -> Decimal:
        """Return the base traded at the bid (``sold``) or at the ask in one step."""
        share = self._chance(symbol, step * 2 + sold)
        size = self._paths[symbol].volume(step * STEP) * STEP / 60_000 * -math.log(1 - share) / 2
        return self._amount(symbol, size)

    def _funding_rate(self, symbol: str, step: int) -> Decimal:
        """Return what longs pay to shorts of their notional value, from -0.005 % to 0.02 %."""
        return Decimal(round(self._chance(symbol, -step) * 250 - 50)).scaleb(-6)

    def _amount(self, symbol: str, size: float) -> Decimal:
        digits = self._listings[symbol].quantity_digits
        return Decimal(math.floor(size * 10**digits)) * self._markets[symbol].filters.quantity_step

    def _chance(self, symbol: str, number: int) -> float:
        """Return a number from 0 to below 1 that depends on nothing but its arguments and the seed."""
        word = (self._salt ^ int.from_bytes(symbol[:7].encode(), "little") ^ number * _MIX) & _WORD
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
        return (word ^ word >> 31) / 2**64

    def _candle(self, symbol: str, start: Millis, end: Millis) -> Candle:
        parts = self._parts(self._paths[symbol], start, end)
        scale, tick = 10 ** self._listings[symbol].price_digits, self._markets[symbol].filters.price_tick
        return Candle(
            opened_at=start,
            open=round(parts[0].open * scale) * tick,
            high=round(max(part.high for part in parts) * scale) * tick,
            low=round(min(part.low for part in parts) * scale) * tick,
            close=round(parts[-1].close * scale) * tick,
            volume=self._amount(symbol, sum(part.volume for part in parts)),
        )

    @staticmethod
    def _parts(path: InventedPath, start: Millis, end: Millis) -> list[Bar]:
        parts = []
        while True:
            day, within = divmod(start, DAY)
            if within % _HOUR == 0 and start + _HOUR <= end:
                parts.append(path.hours(day)[within // _HOUR])
                start += _HOUR
            else:
                stop = min(end, (start // _HOUR + 1) * _HOUR)
                parts.append(path.bar(start, stop))
                start = stop
            if start >= end:
                return parts
