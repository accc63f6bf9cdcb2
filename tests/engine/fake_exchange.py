"""An exchange in the same process that answers as told: faults first, then honestly from a simulated account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from data.events import OrderFilled, TickerMoved
from data.grids import GridSpec, Spacing
from data.market import Candle, Fees, Filters, Market, Ticker
from data.orders import Draft, Fill
from data.values import Millis, Mode
from engine.clock import ManualClock
from engine.exchanges.base import Balance, Emit, ExchangeUnavailable, OrderReport, SpotOnly, Submitted
from engine.exchanges.matching import Matching
from engine.risk import Approved

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
SPEC = GridSpec(symbol=SYMBOL, lower=D(90), upper=D(110), levels=11, spacing=Spacing.ARITHMETIC, investment=D(1_000))


class FakeExchange(SpotOnly):
    """One account on one market. Fill ``faults`` to make the next submits go wrong."""

    name = "fake"
    mode = Mode.SHADOW

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.matching = Matching({SYMBOL: MARKET}, {"USDT": D(5_000)})
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
        self.stolen = D(0)
        """Base that somebody else took out of the account."""
        self.slow_fills: list[Fill] = []
        """Fills that happen while balances are asked for."""
        self._emit: Emit | None = None
        self.price(D(100))

    def price(self, price: Decimal) -> None:
        """Move the market and fill what it goes through."""
        ticker = self.quote = Ticker(SYMBOL, price, price + D("0.01"), price, self._clock.now())
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
        answer = self.matching.submit(order.draft, self._clock.now())
        self.stream()
        if fault == "mute":
            raise ExchangeUnavailable("the connection broke before the answer arrived")
        return answer

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off."""
        self.cancels.append(client_id)
        self._answering()
        self.matching.cancel(client_id, self._clock.now())
        self.stream()

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return one order."""
        self._answering()
        return self.matching.order(client_id)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return what rests."""
        self._answering()
        return self.matching.orders(symbol)

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return executions."""
        self._answering()
        return [fill for fill in self.history if fill.at >= since]

    async def balances(self) -> Sequence[Balance]:
        """Return what is held."""
        self._answering()
        held = self.matching.balances()
        return [Balance(b.asset, b.free - (self.stolen if b.asset == "AAA" else 0), b.locked) for b in held]

    async def ticker(self, symbol: str) -> Ticker:
        """Return the quote."""
        self._answering()
        return self.quote

    async def markets(self) -> Sequence[Market]:
        """Return the market."""
        return (MARKET,)

    async def market(self, symbol: str) -> Market:
        """Return the market."""
        return MARKET

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
