"""One grid on a perpetual at 100, and the shortest way to say what happened to it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.events import (
    EngineStarted,
    OrderCancelled,
    OrderFilled,
    StartBot,
    TickerMoved,
)
from data.grids import Direction, GridSpec
from data.limits import RiskLimits
from data.market import Market
from data.orders import Draft, Fill, OrderStatus, Purpose
from data.values import ZERO, Side
from engine.core import Engine
from engine.outcome import Outcome
from tests.engine.futures import GRID, MARKET, SYMBOL, quote

D = Decimal
NOW = 1_700_000_000_000
LIMITS = RiskLimits(stale_millis=1 << 50)


class Desk:
    """An engine with one bot on a perpetual at 100, and the shortest way to say what happened to it."""

    def __init__(
        self, direction: Direction, *, complete: bool = True, market: Market = MARKET, **changes: object
    ) -> None:
        self.engine = Engine(LIMITS)
        self.engine.step(EngineStarted(at=NOW, version="t", limits=LIMITS))
        self.trades = 0
        self.tick(100)
        spec: GridSpec = msgspec.structs.replace(GRID, direction=direction, **changes)
        self.started = self.engine.step(StartBot(at=NOW, by="t", spec=spec, market=market))
        assert self.started.problem == ""
        self.bot = self.engine.state.bots[1]
        if complete:
            for draft in self.drafts(Purpose.INITIAL):
                self.fill(draft)

    def tick(self, price: Decimal | int | str, mark: Decimal | int | str | None = None) -> Outcome:
        """Move the price."""
        ticker = quote(price, NOW, None if mark is None else D(mark))
        return self.engine.step(TickerMoved(at=NOW, ticker=ticker))

    def drafts(self, purpose: Purpose) -> list[Draft]:
        """Return the live orders of one purpose that are not being cancelled."""
        live = self.engine.state.live_orders(self.bot)
        return [o.draft for o in live if o.draft.purpose is purpose and o.status is not OrderStatus.CANCELLING]

    def fill(self, draft: Draft, quantity: Decimal | None = None, price: Decimal | None = None) -> Outcome:
        """Execute an order."""
        self.trades += 1
        size, at = quantity or draft.quantity, price or draft.price
        fill = Fill(
            trade_id=str(self.trades),
            client_id=draft.client_id,
            symbol=SYMBOL,
            side=draft.side,
            price=at,
            quantity=size,
            fee=ZERO,
            fee_asset="USDT",
            fee_quote=ZERO,
            maker=True,
            at=NOW,
        )
        outcome = self.engine.step(OrderFilled(at=NOW, fill=fill))
        assert self.bot.books.identity_error(D(97)) == ZERO
        return outcome

    def order(self, slot: int, side: Side) -> Draft:
        """Return the resting order of a slot."""
        return next(draft for draft in self.drafts(Purpose.GRID) if (draft.slot, draft.side) == (slot, side))

    def clear(self) -> None:
        """Let the exchange carry out every cancel asked for."""
        for order in list(self.engine.state.orders.values()):
            if order.status is OrderStatus.CANCELLING:
                self.engine.step(OrderCancelled(at=NOW, client_id=order.draft.client_id))

    def sides(self) -> tuple[int, int]:
        """Return how many bids and offers rest."""
        sides = [draft.side for draft in self.drafts(Purpose.GRID)]
        return sides.count(Side.BUY), sides.count(Side.SELL)
