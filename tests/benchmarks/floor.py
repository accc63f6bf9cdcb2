"""An engine with bots on one market, stepped by hand: orders rest, fills come when the benchmark says so."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from data.events import Event, OrderAccepted, OrderFilled, StartBot, TickerMoved
from data.grids import GridSpec
from data.market import Fees, Filters, Market, Ticker
from data.orders import Draft, Fill, Purpose
from engine.core import Engine
from engine.outcome import Outcome
from engine.risk import RiskLimits

PRICE = Decimal(50_000)
FEE = Decimal("0.0002")
MARKET = Market(
    exchange="measured",
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    filters=Filters(
        price_tick=Decimal("0.01"), quantity_step=Decimal("0.00001"), min_notional=Decimal(5), max_orders=100_000
    ),
    fees=Fees(maker=FEE, taker=FEE),
)


class Floor:
    """The engine, and an exchange that accepts whatever it is sent."""

    def __init__(self, lines: int, bots: int = 1) -> None:
        """Start ``bots`` grids of ``lines`` lines around ``PRICE``, their initial inventory bought."""
        # Limits that are switched off would not be measured.
        self.engine = Engine(RiskLimits(max_order_notional=Decimal(10**9), max_total_exposure=Decimal(10**12)))
        self.at = 1_700_000_000_000
        self._trades = 0
        self.step(self.tick(PRICE))
        for _ in range(bots):
            spec = GridSpec(
                symbol=MARKET.symbol,
                lower=Decimal(40_000),
                upper=Decimal(60_000),
                levels=lines,
                investment=Decimal(1_000_000),
            )
            started = self.step(StartBot(at=self.at, by="measured", spec=spec, market=MARKET))
            if started.problem:
                raise ValueError(started.problem)
            self.settle(started)

    def step(self, event: Event) -> Outcome:
        """Step one event."""
        return self.engine.step(event)

    def tick(self, price: Decimal) -> TickerMoved:
        """Return a tick at ``price`` now."""
        return TickerMoved(at=self.at, ticker=Ticker(MARKET.symbol, price, price, price, self.at))

    def settle(self, outcome: Outcome) -> None:
        """Accept the orders of ``outcome``, and fill those that are for the market."""
        for approved in outcome.approved:
            draft = approved.draft
            self.step(OrderAccepted(at=self.at, client_id=draft.client_id, exchange_id=f"x-{draft.client_id}"))
            if draft.purpose is not Purpose.GRID:
                self.settle(self.step(self.fill(draft)))

    def fill(self, draft: Draft) -> OrderFilled:
        """Return the event of ``draft`` filling wholly at its price."""
        self._trades += 1
        fee = draft.notional * FEE
        fill = Fill(
            trade_id=str(self._trades),
            client_id=draft.client_id,
            symbol=draft.symbol,
            side=draft.side,
            price=draft.price,
            quantity=draft.quantity,
            fee=fee,
            fee_asset=MARKET.quote,
            fee_quote=fee,
            maker=True,
            at=self.at,
        )
        return OrderFilled(at=self.at, fill=fill)

    def pairings(self) -> Iterator[OrderFilled]:
        """Yield for ever the fill of the order that the fill before it made the engine place.

        Whoever asks for the next one must have stepped this one, and settled its outcome.
        """
        state = self.engine.state
        draft = max((state.orders[name].draft for name in state.bots[1].live), key=lambda each: each.slot)
        slot = draft.slot
        while True:
            yield self.fill(draft)
            draft = next(
                each.draft for each in state.orders.values() if each.draft.slot == slot and each.draft.bot == 1
            )
