"""The exchange as one life of the engine sees it: the truth, through weather."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import msgspec

from data.events import FundingPaid, OrderAccepted, RejectReason, TickerMoved
from data.grids import MarginMode
from data.market import Candle, Market, Ticker
from data.orders import Draft, Fill, Purpose
from data.values import Millis, Mode
from engine.exchanges.base import (
    Balance,
    Emit,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Position,
    Rejected,
    SpotOnly,
    StreamRestored,
    Submitted,
    Told,
    Unknown,
)
from engine.risk import Approved
from tests.engine.blind import Blind
from tests.simulation.truth import Happening, Truth
from tests.simulation.virtual import Time, VirtualClock
from tests.simulation.weather import PATIENCE, RECEIVE_WINDOW, Weather

T = TypeVar("T")


class SimulatedExchange(SpotOnly, Blind):
    """One adapter, of one life. Requests under way arrive even when the engine that sent them is gone."""

    name = "simulation"
    mode = Mode.SHADOW

    def __init__(self, truth: Truth, weather: Weather, time: Time, clock: VirtualClock) -> None:
        self._truth, self._weather, self._time, self._clock = truth, weather, time, clock
        self._emit: Emit | None = None
        self._subscribed: frozenset[str] = frozenset()
        self._told: set[str] = set()
        """Orders that the stream has told of."""
        self._behind: dict[str, float] = {}
        """Until when orders are denied, by client id; those that were asked for and are not, until never."""
        self.dead = False

    # -- streams

    async def open(self, emit: Emit) -> None:
        """Connect."""
        await self._read(lambda _: None)
        self._emit = emit

    async def close(self) -> None:
        """Disconnect."""
        self._emit = None

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Stream these tickers."""
        await self._read(lambda _: None)
        self._subscribed = symbols

    def hear(self, event: Happening) -> None:
        """Tell what happened, as far as the stream does."""
        weather = self._weather
        if self._emit is None or weather.down or weather.silent or weather.strikes("untold"):
            return
        for _ in range(1 + weather.strikes("repeated")):
            delay = weather.chance.uniform(0.1, 15) if weather.strikes("held back") else weather.travel()
            self._time.after(delay, lambda: self._tell(event))

    def quote(self, ticker: Ticker) -> None:
        """Tell a new price."""
        weather = self._weather
        if weather.down or weather.silent or ticker.symbol not in self._subscribed or weather.strikes("unticked"):
            return
        self._time.after(weather.travel(), lambda: self._tell(TickerMoved(at=0, ticker=ticker)))

    def restored(self) -> None:
        """Tell that something may have gone untold."""
        self._tell(StreamRestored(mode=self.mode))

    def _tell(self, event: Happening | TickerMoved | StreamRestored) -> None:
        if not self.dead and self._emit is not None:
            self._emit(self._stamped(event))
            if isinstance(event, OrderAccepted):
                self._told.add(event.client_id)

    def _stamped(self, event: Happening | TickerMoved | StreamRestored) -> Told:
        # An event is stamped by the computer that hears it.
        if isinstance(event, StreamRestored):
            return event
        if isinstance(event, TickerMoved):
            return TickerMoved(at=self._clock.now(), ticker=self._local(event.ticker))
        if isinstance(event, FundingPaid):
            return self._paid(event)
        return msgspec.structs.replace(event, at=self._clock.now())

    def _paid(self, paid: FundingPaid) -> FundingPaid:
        return msgspec.structs.replace(paid, at=paid.at + self._clock.wrong)

    def _local(self, ticker: Ticker) -> Ticker:
        return msgspec.structs.replace(ticker, at=ticker.at + self._clock.wrong)

    # -- orders

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, or leave the engine in doubt."""
        draft, weather = order.draft, self._weather
        done: asyncio.Future[Submitted] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            answer = self._barred(draft) or self._truth.place(draft)
            if not weather.strikes("mute"):
                self._time.after(weather.travel(), lambda: self._answer(done, answer))

        try:
            return await self._send(arrive, done)
        except ExchangeUnavailable as error:
            if weather.strikes("raises"):
                raise
            return Unknown(client_id=draft.client_id, message=str(error))

    def _barred(self, draft: Draft) -> Rejected | None:
        if draft.purpose is not Purpose.CLOSE or not self._weather.strikes("barred"):
            return None
        return Rejected(client_id=draft.client_id, reason=RejectReason.FILTER, message="the price moves too fast")

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            self._truth.cancel(client_id)
            if not self._weather.strikes("mute"):
                self._time.after(self._weather.travel(), lambda: self._answer(done, None))

        await self._send(arrive, done)

    async def _send(self, arrive: Callable[[], None], done: asyncio.Future[T]) -> T:
        weather, time = self._weather, self._time
        if weather.down or weather.strikes("refused"):
            await asyncio.sleep(weather.travel())
            raise ExchangeUnavailable("not reached")
        patience = PATIENCE
        if weather.strikes("lost"):
            patience = weather.chance.choice((0.05, 1.0, PATIENCE))
        elif weather.strikes("late"):
            patience = weather.chance.choice((0.05, 0.5, 2.0))
            time.after(weather.chance.uniform(patience, RECEIVE_WINDOW), arrive)
        else:
            time.after(weather.travel(), arrive)
        time.after(patience, lambda: self._give_up(done))
        return await done

    def _answer(self, done: asyncio.Future[T], answer: T) -> None:
        if not self.dead and not done.done():
            done.set_result(answer)

    def _give_up(self, done: asyncio.Future[T]) -> None:
        if not self.dead and not done.done():
            done.set_exception(ExchangeUnavailable("no answer"))

    # -- reads

    async def _read(self, look: Callable[[Millis], T]) -> T:
        weather = self._weather
        if weather.down or weather.strikes("refused"):
            await asyncio.sleep(weather.travel())
            raise ExchangeUnavailable("not reached")
        if weather.strikes("lost"):
            await asyncio.sleep(weather.chance.choice((0.05, PATIENCE)))
            raise ExchangeUnavailable("no answer")
        await asyncio.sleep(weather.travel())
        seen = look(self._truth.now() - weather.lag())
        await asyncio.sleep(weather.travel())
        return seen

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order."""

        def look(at: Millis) -> OrderReport | None:
            seen = (record.seen(at) for record in reversed(self._truth.records.get(client_id, [])))
            return next((report for report in seen if report is not None), None)

        return None if self._denies(client_id) else await self._read(look)

    def _denies(self, client_id: str) -> bool:
        weather = self._weather
        if client_id in self._told and client_id not in self._behind:
            self._behind[client_id] = self._time.seconds + weather.denial() if weather.strikes("denied") else 0.0
        return not weather.calm and self._time.seconds < self._behind.get(client_id, 0.0)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return what rests."""
        return await self._read(lambda at: self._truth.reports(symbol, at))

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return the executions that are listed by now."""
        return await self._read(
            lambda at: [
                each.fill
                for each in self._truth.executed
                if each.fill.symbol == symbol and each.listed <= at and each.fill.at >= since
            ]
        )

    async def balances(self) -> Sequence[Balance]:
        """Return what is held."""

        return await self._read(self._truth.balances)

    # -- perpetuals

    async def positions(self) -> Sequence[Position]:
        """Return what is open."""
        truth = self._truth

        def look(at: Millis) -> list[Position]:
            markets = [market.symbol for market in truth.markets.values() if market.perpetual]
            found = (truth.money.position(symbol, truth.books[symbol].last, at) for symbol in markets)
            return [position for position in found if position is not None]

        return await self._read(look)

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return what was settled."""
        paid = await self._read(lambda at: [each for each in self._truth.money.paid if each.at <= at])
        local = [self._paid(each) for each in paid if each.symbol in symbols]
        return [each for each in local if each.at >= since]

    async def prepare(self, symbol: str, leverage: int, margin: MarginMode) -> None:
        """Set leverage and margin mode."""
        await self._read(lambda _: self._truth.money.settings.update({symbol: (leverage, margin)}))

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Put off the instant at which the exchange takes all orders off."""
        await self._read(lambda _: self._truth.hold_alive(symbol, seconds))

    # -- markets

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices."""
        return await self._read(lambda _: self._local(self._truth.ticker(symbol)))

    async def markets(self) -> Sequence[Market]:
        """Return all markets."""
        return await self._read(lambda _: list(self._truth.markets.values()))

    async def market(self, symbol: str) -> Market:
        """Return one market; an adapter knows them once it was connected."""
        if symbol not in self._truth.markets:
            raise MarketUnknown(symbol)
        return self._truth.markets[symbol]

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return nothing: nobody here draws."""
        return ()

    async def clock_skew(self) -> int:
        """Return what the computer's clock is behind."""
        return -self._clock.wrong
