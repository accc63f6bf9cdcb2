"""An invented market that needs nothing: no key, no network, no recorded data."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from data.accounts import AccountStore
from data.events import TickerMoved
from data.market import Candle, FeeAsset, Fees, MarketKind, Ticker
from data.values import ZERO, Millis
from engine.clock import Clock
from engine.exchanges.account import SimulatedAccount
from engine.exchanges.base import Emit, ExchangeUnavailable, timeframe_millis
from engine.exchanges.invented_data import HISTORY, InventedData
from engine.exchanges.invented_market import FUNDING, HOUR, InventedMarket, Listing
from engine.exchanges.invented_path import DAY, STEP
from engine.exchanges.tasks import spawn
from engine.exchanges.tiers import LARGEST

_HOUR_STEPS = HOUR // STEP
_MARGIN = 0.01  # more than half of any spread, so that a bar of middle prices bounds bid and ask

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


class SimulatedExchange(SimulatedAccount, InventedData):
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
        SimulatedAccount.__init__(self, clock, store, latency)
        InventedData.__init__(self)
        self.name = name
        self._opening = (balances, margin or {}, haircut, slippage)
        listings = [listing for listing in listings if listing.kind in kinds]
        self._markets = {listing.symbol: listing.market(name, fees) for listing in listings}
        self._invention = {listing.symbol: InventedMarket(listing, seed) for listing in listings}
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
        self._streams = {}

    async def clock_skew(self) -> int:
        """Return 0: the market lives on our own clock."""
        return 0

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices of now."""
        self._listed(symbol)
        return self._invention[symbol].quote(self._now_step())

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest bars, the unfinished one included, from at most 120 days back."""
        market = self._invented(symbol)
        length, now = timeframe_millis(timeframe), self._clock.now()
        newest = now // length * length
        oldest = max(newest - (limit - 1) * length, now - HISTORY, 0)
        bars = []
        for start in range(newest, oldest - 1, -length):
            bars.append(market.candle(start, min(start + length, now // STEP * STEP)))
            if length >= HOUR:
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
            self._tell_observers()
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
        if hour % FUNDING == 0 and self.matching.margin.positions():
            return False
        lows: dict[str, Decimal] = {}
        highs: dict[str, Decimal] = {}
        for symbol in self._resting_symbols():
            bar, book = self._invention[symbol].path.hours(day)[within // HOUR], self.matching.book(symbol)
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
        for symbol, market in self._invention.items():
            quote, book = market.quote(step), self.matching.book(symbol)
            self.matching.move(quote)
            for price, best in ((quote.bid, book.best_buy), (quote.ask, book.best_sell)):
                if price == best:
                    self.matching.trade(symbol, price, market.traded(step, price == quote.bid), quote.at)
        if step * STEP % FUNDING == 0:
            for position in self.matching.margin.positions():
                self.matching.fund(position.symbol, self._invention[position.symbol].settled(step), step * STEP)

    def _show(self) -> None:
        for symbol in sorted(self._watched) if self._emit is not None else ():
            quote = self._invention[symbol].quote(self._reached)
            if self._emit is not None:
                self._emit(TickerMoved(ticker=quote, at=quote.at))

    # -- what is seen of it

    def _invented(self, symbol: str) -> InventedMarket:
        self._listed(symbol)
        return self._invention[symbol]

    def _of_kind(self, kind: MarketKind) -> Sequence[InventedMarket]:
        return [self._invention[symbol] for symbol, market in self._markets.items() if market.kind is kind]

    def _now_step(self) -> int:
        return self._clock.now() // STEP
