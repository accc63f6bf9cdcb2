"""A recorded market played again on the clock: candles from a file, fills by the strictest rule."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
import structlog

from data.accounts import AccountStore
from data.candles import CandleColumns
from data.events import OrderUpdate, TickerMoved
from data.market import Candle, Market, Ticker
from data.observations import FundingRate
from data.values import ZERO, Millis
from engine.clock import Clock
from engine.exchanges.account import SimulatedAccount
from engine.exchanges.base import Emit, ExchangeUnavailable
from engine.exchanges.candle_market import bar_length
from engine.exchanges.candle_walk import CandleWalk
from engine.exchanges.replayed_data import Recording, ReplayedData
from engine.exchanges.tasks import spawn

REPEAT: Millis = 10_000
"""How often the price is told again while no bar closes, so that nobody takes it for stale."""
_FUNDING: Millis = 8 * 3_600_000
_TURNS = 20
"""Rounds of the event loop that others get to answer what they were told; the engine needs about six."""

_NEVER = Decimal("1e30")

log = structlog.get_logger(__name__)


class ReplayedExchange(SimulatedAccount, ReplayedData):
    """One simulated account on one recorded market.

    A bar is known, and walked as ``CandleWalk`` says, when the clock passes its close; until then the market stands at
    the close before, with bid and ask at that price. On the walk the engine is told of the open, both extremes, the
    close and every fill, and its answers count before the walk goes on. What rests while the process is down meets
    the bars it missed at the next ``open``. After the last bar nothing happens any more.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        balances: Mapping[str, Decimal],
        margin: Mapping[str, Decimal] | None = None,
        market: Market,
        candles: CandleColumns,
        shift: Millis = 0,
        store: AccountStore | None = None,
        slippage: Decimal = ZERO,
        latency: Millis = 0,
        funding_rate: Decimal = ZERO,
        name: str = "replayed",
    ) -> None:
        """Open an account unless ``store`` holds one; play ``candles`` ``shift`` ms after their time.

        On a perpetual, marks are the prices of the walk, and ``funding_rate`` is settled every eight hours.
        Raises ValueError when there are no candles.
        """
        if not candles.at:
            raise ValueError("candles: there are none; accepted: at least one bar")
        SimulatedAccount.__init__(self, clock, store, latency)
        ReplayedData.__init__(self)
        self.name = name
        self._opening = (balances, margin or {}, ZERO, slippage)
        self._markets = {market.symbol: market}
        self._symbol = market.symbol
        self._length = bar_length(candles.at)
        self._recording = Recording(candles, self._length, shift)
        self._at = self._recording.at
        self._walked = 0
        self._standing = self._at[0]
        self._walking = self._told_end = False
        self._walk: CandleWalk | None = None
        self._band = (ZERO, ZERO)
        self._funding_rate = funding_rate
        self._watched: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    @property
    def walked(self) -> int:
        """Return how many bars have been walked, with the answers to them."""
        return self._walked

    @property
    def ends_at(self) -> Millis:
        """Return the instant at which the last bar closes."""
        return self._at[-1] + self._length

    async def open(self, emit: Emit) -> None:
        """Start the market, after letting the orders of an earlier run meet the bars that closed meanwhile."""
        await self.close()
        self._open_account(*self._opening)
        self._emit = emit
        market = self._markets[self._symbol]
        walk = self._walk = CandleWalk(self.matching, market, self._deliver, self._bands)
        self._walked = self._closed_by(self._last_activity())
        candles = self._recording.candles
        before = candles.close[self._walked - 1] if self._walked else candles.open[0]
        self._standing = self._at[self._walked - 1] + self._length if self._walked else self._at[0]
        walk.start(before, self._standing)
        self._refresh(self._symbol)
        self._settle_or_fail()
        self._task = spawn(self._live(walk), f"{self.name} market")

    async def close(self) -> None:
        """Stop the market."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._emit = self._walk = None
        self._streams = {}
        self._walking = False

    async def clock_skew(self) -> int:
        """Return 0: the market lives on our own clock."""
        return 0

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price of now; once the recording has ended, its last price with the instant of its end."""
        self._listed(symbol)
        self._refresh(symbol)
        return self._quote(self._instant())

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest bars made of recorded bars that have closed; the newest may still be growing.

        A timeframe that is no multiple of the recorded bars is not there: ``ExchangeUnavailable``.
        """
        self._listed(symbol)
        length = self._multiple(timeframe)
        self._refresh(symbol)
        bars: list[Candle] = []
        for bar in self._recording.newest(length, self._walked):
            bars.append(bar)
            if len(bars) == limit:
                break
            # A bar of a day may be made of many; let others run between two of them.
            await asyncio.sleep(0)
        return bars[::-1]

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Emit a ticker of these symbols now and whenever the price is told."""
        for symbol in symbols:
            self._listed(symbol)
        self._watched = symbols
        self._show()

    # -- the market going on

    async def _live(self, walk: CandleWalk) -> None:
        while self._walked < len(self._at):
            now = self._clock.now()
            closes = self._at[self._walked] + self._length
            if now < closes:
                await self._clock.sleep(min(closes - now, REPEAT) / 1000)
                if self._clock.now() < closes:
                    self._show()
                continue
            self._walking = True
            try:
                for _ in self._next_bar(walk):
                    self._try_to_settle()
                    await self._let_others_answer()
            finally:
                self._walking = False
        self._tell_end()

    async def _let_others_answer(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if self._latency:
            await self._clock.sleep(self._latency / 1000)
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def _refresh(self, symbol: str) -> None:
        """Walk what is due at once. While a bar is being walked the market stands where that walk is."""
        if self._walking or self._walk is None:
            return
        due = self._closed_by(self._clock.now())
        while self._walked < due:
            for _ in self._next_bar(self._walk):
                pass
        if self._walked == len(self._at):
            self._tell_end()

    def _next_bar(self, walk: CandleWalk) -> Iterator[None]:
        index = self._walked
        bar = self._recording.bar(index)
        opened_at = bar.opened_at
        self._standing = opened_at + self._length
        # Both extremes lie on the edge of this band, so each is told.
        self._band = (bar.low, bar.high)
        # Known from here on, but not before: whoever is asked during the walk may not look ahead.
        yield from walk.steps(bar, self._standing)
        if self._funding_rate and self._markets[self._symbol].perpetual:
            for due in range((opened_at // _FUNDING + 1) * _FUNDING, self._standing + 1, _FUNDING):
                self.matching.fund(self._symbol, self._funding_rate, due)
        self._walked = index + 1
        self._walked_bar(index)

    def _instant(self) -> Millis:
        return self._standing if self._walking else self._clock.now()

    def _closed_by(self, instant: Millis) -> int:
        return bisect_right(self._at, instant - self._length)

    def _tell_end(self) -> None:
        if not self._told_end:
            self._told_end = True
            log.warning("recording_ended", symbol=self._symbol, bars=len(self._at))

    # -- what is told

    def _deliver(self, event: TickerMoved | OrderUpdate) -> None:
        if not isinstance(event, TickerMoved):
            self._pending.append(event)
            return
        if self._markets[self._symbol].perpetual:
            event = msgspec.structs.replace(event, ticker=self._marked(event.ticker))
            self.matching.mark(self._symbol, event.ticker.last, event.at)
        self._try_to_settle()
        if self._emit is not None and self._symbol in self._watched:
            self._emit(event)

    def _bands(self) -> Iterator[tuple[Decimal, Decimal]]:
        """Yield the intervals at whose edges the walk stops: the bar itself, and where stops and liquidation lie."""
        yield self._band
        here = self.matching.book(self._symbol).last or ZERO
        for price in self.matching.alarms(self._symbol):
            yield (price, _NEVER) if price < here else (ZERO, price)

    def _try_to_settle(self) -> None:
        try:
            self._settle_or_fail()
        except ExchangeUnavailable as error:
            # The disk may be full: events wait inside the account and the next step tries to store them again.
            log.warning("account_not_stored", reason=str(error))

    def _show(self) -> None:
        if self._emit is not None and self._symbol in self._watched and self._walked < len(self._at):
            quote = self._quote(self._instant())
            self._emit(TickerMoved(ticker=quote, at=quote.at))

    def _quote(self, at: Millis) -> Ticker:
        price = self.matching.book(self._symbol).last
        if price is None:
            raise ExchangeUnavailable(f"{self.name} is not open")
        return self._marked(Ticker(self._symbol, price, price, price, min(at, self.ends_at)))

    def _marked(self, ticker: Ticker) -> Ticker:
        perpetual = self._markets[self._symbol].perpetual
        return msgspec.structs.replace(ticker, mark=ticker.last) if perpetual else ticker

    # -- what is seen of the market

    def _known(self, symbol: str) -> int:
        self._listed(symbol)
        self._refresh(symbol)
        return self._walked

    def _settling(self) -> FundingRate | None:
        market, now = self._markets[self._symbol], self._instant()
        if not market.perpetual:
            return None
        due = (now // _FUNDING + 1) * _FUNDING
        last = self.matching.book(self._symbol).last
        return FundingRate(symbol=self._symbol, rate=self._funding_rate, next_at=due, mark=last, at=now)
