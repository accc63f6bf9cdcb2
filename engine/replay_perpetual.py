"""Candles of a perpetual through the very same step: margin, funding, the stop on the exchange, and liquidation.

The price of the walk is the mark price as well. Funding is settled at the open of the bar that its instant falls into,
on what was held before and at that open. A liquidation ends the replay: as after any difference between its books and
the account, the engine pauses the bot, and the account keeps what is left.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal

from data.candles import CandleColumns
from data.events import Event, OrderFilled, OrderUpdate, Reconciled, TickerMoved
from data.funding import FundingColumns
from data.grids import GridSpec
from data.journal import Journal
from data.market import Candle, Market
from data.orders import Fill, parse_client_id
from data.values import ZERO, Millis, plain
from engine.exchanges.margin_matching import MarginMatching
from engine.replay import Replay

_NEVER = Decimal("1e30")


class PerpetualReplay(Replay):
    """One run on a perpetual. ``account`` is there to look at afterwards, too."""

    def __init__(
        self, columns: CandleColumns, spec: GridSpec, market: Market, journal: Journal, funding: FundingColumns
    ) -> None:
        """Prepare to trade ``spec`` along ``columns`` with an account that has just the investment as margin."""
        self.account = MarginMatching({market.symbol: market}, {}, {market.quote: spec.investment})
        # What this refuses, the plan refuses as well, and says what would be accepted.
        self.account.margin.configure(market.symbol, spec.leverage, spec.margin)
        super().__init__(columns, spec, market, journal, self.account)
        self._walk_bar = self._settle_and_walk
        self._held = self.account.margin.held(market.symbol)
        self._funding = funding
        self._paid = bisect_right(funding.at, columns.at[0])
        self._alarms: tuple[tuple[Decimal, Decimal], ...] | None = None
        self._liquidated: Fill | None = None

    def _bars(self, length: Millis) -> None:
        super()._bars(length)
        if self._liquidated is not None:
            first = bisect_right(self._columns.at, self._liquidated.at) - 1
            left = self.account.margin.account(self._market.symbol).wallet
            self.equity[first:] = [left] * (len(self.equity) - first)

    def _settle_and_walk(self, bar: Candle, closed_at: Millis) -> None:
        due = self._funding.at
        while self._paid < len(due) and due[self._paid] <= closed_at and self._liquidated is None:
            self._settle(due[self._paid], self._funding.rate[self._paid], bar.open)
            self._paid += 1
        if self._liquidated is None:
            self._walk.bar(bar, closed_at)

    def _settle(self, at: Millis, rate: Decimal, price: Decimal) -> None:
        margin, symbol = self.account.margin, self._market.symbol
        margin.fund(symbol, self._held.quantity, rate * price, at)
        self._queue.extend(margin.drain())
        self._mark(self._held.mark, at)

    def _deliver(self, event: TickerMoved | OrderUpdate) -> None:
        if not isinstance(event, TickerMoved):
            self._alarms = None
        elif self._liquidated is None and self._outside(event.ticker.last):
            self._mark(event.ticker.last, event.at)
        else:
            self._held.mark = event.ticker.last
        if self._liquidated is None:
            super()._deliver(event)

    def _outside(self, price: Decimal) -> bool:
        """Return whether the account may do something at a mark price, or has changed since the last one."""
        return self._alarms is None or not all(low < price < high for low, high in self._alarms)

    def _mark(self, price: Decimal, at: Millis) -> None:
        """Let the account see a mark price, and the engine what it did there."""
        self.account.mark(self._market.symbol, price, at)
        self._queue.extend(self._news())
        self._pump()
        self._alarms = self._bands_of_account()

    def _bands(self) -> Iterator[tuple[Decimal, Decimal]]:
        yield from super()._bands()
        yield from self._bands_of_account() if self._alarms is None else self._alarms

    def _bands_of_account(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """Return the open price intervals in which no stop is triggered and nothing is liquidated."""
        symbol = self._market.symbol
        here = self.account.book(symbol).last or ZERO
        return tuple((price, _NEVER) if price < here else (ZERO, price) for price in self.account.alarms(symbol))

    def _news(self) -> Sequence[Event]:
        # Whatever is placed or taken off may be a stop, and moves the liquidation.
        self._alarms = None
        news: list[Event] = list(super()._news())
        for place, event in enumerate(news):
            if isinstance(event, OrderFilled) and parse_client_id(event.fill.client_id) is None:
                self._liquidated = event.fill
                self.liquidations += 1
                news[place] = self._difference(event.fill)
                # Told first: a bot that is paused does not lay its grid again.
                news.insert(0, news.pop(place))
                break
        return news

    def _difference(self, fill: Fill) -> Reconciled:
        """Return what comparing the books with the account finds after a liquidation."""
        symbol, held = self._market.symbol, plain(-fill.side.sign * fill.quantity)
        gap = {"asset": symbol, "expected": held, "found": "0", "short": held}
        return Reconciled(at=fill.at, symbol=symbol, recovered_fills=0, resolved_orders=0, foreign_orders=(), gap=gap)

    def _valued_at(self) -> Decimal:
        return super()._valued_at() if self._liquidated is None else self._liquidated.price
