"""Candles through the very same step as live trading: one bot, one market, a simulated account, a journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import assert_never

import msgspec

from data.candles import CandleColumns
from data.events import Event, OrderAccepted, OrderRejected, OrderUpdate, StartBot, TickerMoved
from data.grids import Direction, GridSpec
from data.journal import Journal
from data.market import Candle, Market
from data.values import ZERO, Millis
from engine.clock import Stopwatch
from engine.core import Engine
from engine.exchanges.base import Accepted, Rejected
from engine.exchanges.candle_market import bar_length
from engine.exchanges.candle_walk import CandleWalk
from engine.exchanges.matching import Matching
from engine.outcome import Outcome
from engine.recording import entry_of
from engine.risk import RiskLimits
from engine.state import Bot

GROUP = 512
"""Journal entries per transaction: a replay loses nothing by a crash that running it again would not give back."""


class ReplayRefused(Exception):
    """The grid cannot start on these candles; the message names field, value and what would be accepted."""


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to. Money in quote; the two baselines are changes of worth, like ``equity_change``."""

    bars: int
    direction: Direction
    leverage: int
    fills: int
    grid_profit: Decimal
    unpaired_pnl: Decimal
    fees: Decimal
    funding: Decimal
    """Received, less paid."""
    liquidations: int
    liquidation_cost: Decimal
    """What a liquidation took beyond the loss at its price: fee and clearance."""
    equity_change: Decimal
    identity_error: Decimal
    buy_and_hold: Decimal
    hold_initial_mix: Decimal
    max_drawdown: Decimal
    """Largest fall of equity from its peak at bar closes, as a fraction of the peak."""
    bars_per_second: int
    journal_sequence: int


class Replay:
    """One run. ``bot``, ``journal`` and ``equity`` are there to look at afterwards."""

    def __init__(
        self,
        columns: CandleColumns,
        spec: GridSpec,
        market: Market,
        journal: Journal,
        matching: Matching | None = None,
    ) -> None:
        """Prepare to trade ``spec`` on ``market`` along ``columns`` with an account that holds just the investment.

        Without ``matching`` that is an account on spot.
        """
        self._columns, self._spec, self._market = columns, spec, market
        self.journal = journal
        self.engine = Engine(_LIMITS)
        self.equity: list[Decimal] = []
        """Equity at each bar's close."""
        self.liquidations = 0
        self._matching = matching or Matching({market.symbol: market}, {market.quote: spec.investment})
        self._walk = CandleWalk(self._matching, market, self._deliver, self._bands)
        self._walk_bar: Callable[[Candle, Millis], None] = self._walk.bar
        self._queue: deque[Event] = deque()
        self._busy = False

    @property
    def bot(self) -> Bot:
        """Return the bot."""
        return self.engine.state.bots[1]

    def run(self) -> ReplayReport:
        """Walk all bars and return the report. Raises ``ReplayRefused`` when the grid cannot start."""
        columns = self._columns
        watch = Stopwatch()
        bar = bar_length(columns.at)
        opened, first = columns.at[0], columns.open[0]
        self._walk.start(first, opened)
        started = self._handle(StartBot(at=opened, by="replay", spec=self._spec, market=self._market))
        if started.problem:
            raise ReplayRefused(started.problem)
        self._pump()
        self._bars(bar)
        self.journal.commit()
        return self._report(len(columns.at) / watch.seconds())

    def _bars(self, length: Millis) -> None:
        """Walk every bar and note what the bot is worth at its close."""
        books, walk, curve = self.bot.books, self._walk_bar, self.equity.append
        columns = self._columns
        for at, first, high, low, close in zip(
            columns.at, columns.open, columns.high, columns.low, columns.close, strict=True
        ):
            walk(Candle(at, first, high, low, close, ZERO), at + length - 1)
            curve(books.cash + books.base * close)

    def _bands(self) -> Iterator[tuple[Decimal, Decimal]]:
        return self.engine.bands(self._market.symbol)

    def _deliver(self, event: TickerMoved | OrderUpdate) -> None:
        self._handle(event)
        if self._queue:
            self._pump()

    def _handle(self, event: Event) -> Outcome:
        outcome = self.engine.step(event)
        if outcome.sequence:
            self.journal.append(entry_of(outcome, self.engine.state))
            if self.journal.pending >= GROUP:
                self.journal.commit()
            self._execute(outcome)
        return outcome

    def _execute(self, outcome: Outcome) -> None:
        at, matching = outcome.event.at, self._matching
        for request in outcome.cancels:
            matching.cancel(request.client_id, at)
        for approved in outcome.approved:
            draft = approved.draft
            answer = matching.submit(draft, at)
            match answer:
                case Accepted():
                    self._queue.append(OrderAccepted(at=at, client_id=draft.client_id, exchange_id=answer.exchange_id))
                case Rejected():
                    self._queue.append(
                        OrderRejected(at=at, client_id=draft.client_id, reason=answer.reason, message=answer.message)
                    )
                case _:
                    assert_never(answer)
        self._queue.extend(self._news())

    def _news(self) -> Sequence[Event]:
        """Return what has happened to the account since it was last asked."""
        return self._matching.drain()

    def _pump(self) -> None:
        # Handling an event may queue more; only the outermost call works the queue off, in order.
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self._handle(self._queue.popleft())
        finally:
            self._busy = False

    def _valued_at(self) -> Decimal:
        """Return the price at which what the books hold is valued in the end."""
        return self._columns.close[-1]

    def _report(self, speed: float) -> ReplayReport:
        books, last, mark = self.bot.books, self._columns.close[-1], self._valued_at()
        return ReplayReport(
            bars=len(self._columns.at),
            direction=self._spec.direction,
            leverage=self._spec.leverage,
            fills=books.fills,
            grid_profit=books.grid_profit,
            unpaired_pnl=books.unpaired(mark),
            fees=books.fees,
            funding=books.funding,
            liquidations=self.liquidations,
            liquidation_cost=books.equity(mark) - self.equity[-1],
            equity_change=self.equity[-1] - books.invested,
            identity_error=books.identity_error(mark),
            buy_and_hold=books.buy_and_hold(last) - books.invested,
            hold_initial_mix=books.hold_initial_mix(last) - books.invested,
            max_drawdown=_drawdown(books.invested, self.equity),
            bars_per_second=int(speed),
            journal_sequence=self.journal.last_sequence,
        )


def _drawdown(start: Decimal, curve: Sequence[Decimal]) -> Decimal:
    """Return the largest fall from a peak, as a fraction of it."""
    peak, worst = start, ZERO
    for equity in curve:
        if equity > peak:
            peak = equity
        elif peak - equity > worst * peak:
            worst = (peak - equity) / peak
    return worst


# Recorded candles may pause for weeks, and a grid over years of a young coin spans a hundredfold: neither is a mistake.
_LIMITS = RiskLimits(stale_millis=1 << 60, price_band_percent=Decimal(10**9))
