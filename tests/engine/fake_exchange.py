"""An exchange in the same process that answers as told: faults first, then honestly from a simulated account."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec

from data.events import FundingPaid, OrderCancelled, OrderFilled, RejectReason, TickerMoved
from data.grids import GridSpec, MarginMode, Spacing
from data.market import Candle, Fees, Filters, Market, MarketKind, Ticker, Tier
from data.orders import Draft, Fill, OrderStatus, OrderType
from data.values import Millis, Mode
from engine.clock import ManualClock
from engine.exchanges.base import (
    Accepted,
    Balance,
    Emit,
    ExchangeUnavailable,
    NotPossible,
    OrderReport,
    Position,
    Rejected,
    SpotOnly,
    Submitted,
)
from engine.exchanges.matching import Matching
from engine.risk import Approved
from tests.engine.blind import Blind

D = Decimal
NOW = 1_700_000_000_000
SYMBOL = "AAA/USDT"
MARKET = Market(
    exchange="fake",
    symbol=SYMBOL,
    base="AAA",
    quote="USDT",
    filters=Filters(price_tick=D("0.01"), quantity_step=D("0.001"), min_notional=D(5)),
    fees=Fees(maker=D("0.001"), taker=D("0.001")),
)
PERPETUAL = msgspec.structs.replace(
    MARKET,
    symbol="AAA/USDT:USDT",
    kind=MarketKind.PERPETUAL,
    tiers=(Tier(floor=D(0), cap=None, maintenance=D("0.004"), max_leverage=20),),
)
SPEC = GridSpec(symbol=SYMBOL, lower=D(90), upper=D(110), levels=11, spacing=Spacing.ARITHMETIC, investment=D(1_000))


class FakeExchange(SpotOnly, Blind):
    """One account on one market. Fill ``faults`` to make the next submits go wrong."""

    name = "fake"

    def __init__(self, clock: ManualClock, mode: Mode = Mode.SHADOW, traded: Market = MARKET) -> None:
        self._clock, self.mode, self.traded = clock, mode, traded
        self.matching = Matching({traded.symbol: traded}, {"USDT": D(5_000)})
        self.faults: list[str] = []
        """For the next submits: ``lost`` on the way there, ``mute`` on the way back, ``held`` until ``gate`` opens."""
        self.submits: list[str] = []
        self.cancels: list[str] = []
        self.history: list[Fill] = []
        self.deaf = False
        """While set, nothing is streamed."""
        self.down = False
        """While set, nothing is answered."""
        self.gate = asyncio.Event()
        self.stolen = self.withdrawn = D(0)
        """Base that somebody else took out of the account."""
        self.slow_fills: list[Fill] = []
        """Fills that happen while balances are asked for."""
        self.stops: dict[str, OrderReport] = {}
        """Conditional orders that wait."""
        self.refusing_stops = False
        self.paid: list[FundingPaid] = []
        self.unprepared = ""
        """Why leverage and margin mode cannot be set; empty when they can."""
        self.leverage = 1
        self.prepared: list[tuple[str, int, MarginMode]] = []
        self.alive: list[tuple[str, int]] = []
        self._emit: Emit | None = None
        self.price(D(100))

    def price(self, price: Decimal) -> None:
        """Move the market and fill what it goes through."""
        ticker = self.quote = Ticker(self.traded.symbol, price, price + D("0.01"), price, self._clock.now())
        self.matching.move(ticker)
        self.stream()
        if self._emit is not None and not self.deaf:
            self._emit(TickerMoved(at=self._clock.now(), ticker=ticker))

    def stream(self) -> None:
        """Tell what happened to orders."""
        for event in self.matching.drain():
            if isinstance(event, OrderFilled):
                self.history.append(event.fill)
            if self._emit is not None and not self.deaf:
                self._emit(event)

    def _answering(self) -> None:
        if self.down:
            raise ExchangeUnavailable("down")

    async def open(self, emit: Emit) -> None:
        """Connect."""
        self._answering()
        self._emit = emit

    async def close(self) -> None:
        """Disconnect."""
        self._emit = None

    async def submit(self, order: Approved) -> Submitted:
        """Place an order, or let the next fault have it."""
        self.submits.append(order.draft.client_id)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "lost":
            raise ExchangeUnavailable("the connection broke before the order arrived")
        if fault == "held":
            await self.gate.wait()
        if order.draft.type is OrderType.STOP_MARKET:
            return self._wait_for(order.draft)
        answer = self.matching.submit(order.draft, self._clock.now())
        self.stream()
        if fault == "mute":
            raise ExchangeUnavailable("the connection broke before the answer arrived")
        return answer

    def _wait_for(self, draft: Draft) -> Submitted:
        if self.refusing_stops:
            return Rejected(client_id=draft.client_id, reason=RejectReason.OTHER, message="too many stops")
        if any(waiting.side is draft.side for waiting in self.stops.values()):
            return Rejected(client_id=draft.client_id, reason=RejectReason.OTHER, message="one waits on this side")
        self.stops[draft.client_id] = OrderReport(
            client_id=draft.client_id,
            exchange_id=f"s{len(self.submits)}",
            symbol=draft.symbol,
            side=draft.side,
            price=draft.price,
            quantity=draft.quantity,
            filled=D(0),
            status=OrderStatus.OPEN,
        )
        return Accepted(client_id=draft.client_id, exchange_id=self.stops[draft.client_id].exchange_id)

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off."""
        self.cancels.append(client_id)
        self._answering()
        if self.stops.pop(client_id, None) is not None and self._emit is not None:
            self._emit(OrderCancelled(at=self._clock.now(), client_id=client_id))
        self.matching.cancel(client_id, self._clock.now())
        self.stream()

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order."""
        self._answering()
        return self.stops.get(client_id) or self.matching.order(client_id)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return what rests."""
        self._answering()
        return [*self.matching.orders(symbol), *self.stops.values()]

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return executions."""
        self._answering()
        return [fill for fill in self.history if fill.at >= since]

    async def balances(self) -> Sequence[Balance]:
        """Return what is held."""
        self._answering()
        held = self.matching.balances()
        if self.traded.perpetual:
            taken = {"USDT": self.withdrawn}
            return [
                Balance(b.asset, b.free - taken.get(b.asset, 0), b.locked, MarketKind.PERPETUAL)
                for b in held
                if b.asset != "AAA"
            ]
        return [Balance(b.asset, b.free - (self.stolen if b.asset == "AAA" else 0), b.locked) for b in held]

    async def positions(self) -> Sequence[Position]:
        """Return what the account holds of its one perpetual."""
        self._answering()
        held = sum((b.free + b.locked for b in self.matching.balances() if b.asset == "AAA"), D(0)) - self.stolen
        if not self.traded.perpetual or not held:
            return ()
        return (
            Position(
                symbol=self.traded.symbol,
                quantity=held,
                entry_price=D(100),
                mark_price=self.quote.last,
                liquidation_price=None,
                leverage=self.leverage,
                margin=MarginMode.CROSS,
            ),
        )

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return what was settled."""
        self._answering()
        return [each for each in self.paid if each.at >= since and each.symbol in symbols]

    async def prepare(self, symbol: str, leverage: int, margin: MarginMode) -> None:
        """Set leverage, or refuse."""
        self._answering()
        if self.unprepared:
            raise NotPossible(self.unprepared)
        self.prepared.append((symbol, leverage, margin))
        self.leverage = leverage

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Note the sign of life."""
        self._answering()
        self.alive.append((symbol, seconds))

    async def ticker(self, symbol: str) -> Ticker:
        """Return the quote."""
        self._answering()
        return self.quote

    async def markets(self) -> Sequence[Market]:
        """Return the market."""
        return (self.traded,)

    async def market(self, symbol: str) -> Market:
        """Return the market."""
        return self.traded

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return nothing."""
        return ()

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Stream anyway."""
        self._answering()

    async def clock_skew(self) -> int:
        """Return 0."""
        return 0

    def place(self, draft: Draft) -> None:
        """Place an order past the engine."""
        self.matching.submit(draft, self._clock.now())
