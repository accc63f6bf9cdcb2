"""The account part of every exchange that simulates fills: stored first, reported after."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from data.accounts import AccountStore
from data.database import StorageError
from data.events import FundingPaid, OrderFilled, OrderUpdate
from data.grids import MarginMode
from data.market import Market, MarketKind
from data.orders import Fill
from data.values import Millis, Mode
from engine.clock import Clock
from engine.exchanges.base import (
    Balance,
    Emit,
    ExchangeUnavailable,
    MarketUnknown,
    NotPossible,
    OrderReport,
    Position,
    Rights,
    Submitted,
    Unknown,
)
from engine.exchanges.margin_matching import MarginMatching
from engine.risk import Approved

_NEAR = 5


class SimulatedAccount:
    """Orders, fills, balances and positions of one simulated account, answered as the exchange protocol wants them.

    An adapter inherits it, sets ``matching`` before anything is asked, and lets ``_refresh`` bring the quotes up to
    date. Nothing is emitted or answered that the store does not hold: after a crash the account knows it again.
    """

    mode = Mode.SHADOW

    def __init__(self, clock: Clock, store: AccountStore | None = None, latency: Millis = 0) -> None:
        """Serve an account kept in ``store`` (None: in memory only) that an order takes ``latency`` to reach."""
        self.matching = MarginMatching({}, {}, {})
        self._clock, self._store, self._latency = clock, store, latency
        self._markets: dict[str, Market] = {}
        self._emit: Emit | None = None
        self._pending: list[OrderUpdate | FundingPaid] = []
        self._touched: dict[str, None] = {}
        self._rearranged = False
        """Whether wallets or margin were changed by other ways than trading, and this is not stored."""

    async def markets(self) -> Sequence[Market]:
        """Return all markets, by symbol."""
        return tuple(self._markets.values())

    async def market(self, symbol: str) -> Market:
        """Return one market. Raises ``MarketUnknown``."""
        return self._listed(symbol)

    async def submit(self, order: Approved) -> Submitted:
        """Place an order; the same client id never makes two."""
        await self._travel()
        draft = order.draft
        self._refresh(draft.symbol)
        answer = self.matching.submit(draft, self._instant())
        try:
            self._settle([draft.client_id])
        except StorageError as error:
            # The order exists but would be forgotten: whoever asks for it next makes the store try again.
            return Unknown(client_id=draft.client_id, message=str(error))
        return answer

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off the book; unknown ids change nothing."""
        await self._travel()
        self._refresh(symbol)
        self.matching.cancel(client_id, self._instant())
        self._settle_or_fail()

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return what is known of an order, or None when it was never accepted."""
        self._refresh(symbol)
        self._settle_or_fail()
        report = self.matching.order(client_id)
        return report if report is not None and report.symbol == symbol else None

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return the resting orders and waiting stops of a market."""
        self._listed(symbol)
        self._refresh(symbol)
        self._settle_or_fail()
        return self.matching.orders(symbol)

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return executions on a market at or after ``since``, oldest first."""
        self._listed(symbol)
        self._refresh(symbol)
        self._settle_or_fail()
        return self.matching.fills(symbol, since)

    async def balances(self) -> Sequence[Balance]:
        """Return all assets ever held, and the wallets of perpetuals."""
        self._refresh("")
        self._settle_or_fail()
        return self.matching.balances()

    async def positions(self) -> Sequence[Position]:
        """Return every open position."""
        self._refresh("")
        self._settle_or_fail()
        return self.matching.margin.positions()

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return funding settled on some markets at or after ``since``, oldest first."""
        for symbol in symbols:
            self._listed(symbol)
            self._refresh(symbol)
        self._settle_or_fail()
        return self.matching.margin.funding(symbols, since)

    async def prepare(self, symbol: str, leverage: int, margin: MarginMode) -> None:
        """Set margin mode and leverage; positions are one-way anyhow. Raises ``NotPossible``."""
        if not self._listed(symbol).perpetual:
            raise NotPossible(f"{symbol} is no perpetual")
        self._refresh(symbol)
        refusal = self.matching.margin.configure(symbol, leverage, margin)
        if refusal:
            raise NotPossible(f"{symbol}: {refusal}")
        self._rearranged = True
        self._settle_or_fail()

    async def shares_margin(self) -> bool:
        """Return that each quote stands for itself alone."""
        return False

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Do nothing: orders here end with nobody's connection."""

    async def transfer(self, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str) -> str:
        """Move money between the wallets, once for each ``key``. Raises ``NotPossible``."""
        self._refresh("")
        refusal = self.matching.margin.transfer(self.matching.spot, asset, amount, source, target, key)
        if refusal:
            raise NotPossible(refusal)
        self._rearranged = True
        self._settle_or_fail()
        return f"sim-{key}"

    async def rights(self) -> Rights | None:
        """Return None: there is no key."""
        return None

    def _open_account(
        self, balances: Mapping[str, Decimal], margin: Mapping[str, Decimal], haircut: Decimal, slippage: Decimal
    ) -> None:
        """Match on the current markets, with the account as stored or else as new.

        A new one has ``balances`` and, in the wallet of perpetuals, ``margin``. One from before there were perpetuals
        gets that wallet now.
        """
        known = self.matching.dump() if self.matching.balances() else None
        self.matching = MarginMatching(self._markets, balances, margin, haircut, slippage)
        stored = self._store.load() if self._store is not None else known
        if stored is not None:
            self.matching.restore(stored)
        if self._store is not None and (stored is None or not stored.margin.balances):
            # What an account starts with must not follow later settings.
            self._store.save(balances={} if stored else balances, margin=self.matching.margin.books())

    def _refresh(self, symbol: str) -> None:
        """Bring the quote of a market up to now; an adapter that is told of every move has nothing to do."""

    def _instant(self) -> Millis:
        """Return the instant at which the market stands; an adapter that plays the past may be behind the clock."""
        return self._clock.now()

    def _resting_symbols(self) -> frozenset[str]:
        """Return the markets on which something of the account waits for prices: orders, stops, positions."""
        resting = {report.symbol for report in self.matching.orders()}
        return frozenset(resting | {position.symbol for position in self.matching.margin.positions()})

    def _last_activity(self) -> Millis:
        """Return the instant up to which every resting order and open position has met the market."""
        now, books = self._clock.now(), self.matching.dump()
        placed = [order.at for order in books.orders if order.status.live]
        if not placed and not self.matching.margin.positions():
            return now
        # Whatever is there has survived everything up to the last thing that happened to the account.
        happened = [*(fill.at for fill in books.fills), *(paid.at for paid in books.margin.payments)]
        return min(now, max([*placed, *happened]))

    def _listed(self, symbol: str) -> Market:
        if not self._markets:
            raise ExchangeUnavailable("the markets are not known yet")
        market = self._markets.get(symbol)
        if market is None:
            raise MarketUnknown(symbol, difflib.get_close_matches(symbol.upper(), self._markets, _NEAR, 0.4))
        return market

    async def _travel(self) -> None:
        if self._latency:
            await self._clock.sleep(self._latency / 1000)

    def _settle(self, touched: Iterable[str] = ()) -> None:
        """Store what changed, then report it. When storing fails nothing is reported, and the next call tries again."""
        self._pending += self.matching.drain()
        self._pending += self.matching.margin.drain()
        self._touched |= dict.fromkeys(touched)
        self._touched |= dict.fromkeys(_subject(event) for event in self._pending)
        self._save()
        if self._emit is not None:
            events, self._pending = self._pending, []
            for event in events:
                self._emit(event)

    def _save(self) -> None:
        records = (self.matching.record(client_id) for client_id in self._touched)
        orders = [record for record in records if record is not None]
        fills = [event.fill for event in self._pending if isinstance(event, OrderFilled)]
        payments = [event for event in self._pending if isinstance(event, FundingPaid)]
        if self._store is not None and (orders or fills or payments or self._rearranged):
            balances = {held.asset: held.total for held in self.matching.spot.balances()}
            self._store.save(orders, fills, balances, self.matching.trades, self.matching.margin.books(payments))
        self._touched, self._rearranged = {}, False

    def _settle_or_fail(self) -> None:
        try:
            self._settle()
        except StorageError as error:
            raise ExchangeUnavailable(f"the simulated account could not be stored: {error}") from error


def _subject(event: OrderUpdate | FundingPaid) -> str:
    """Return the client id of the order that an event is about; that of a payment names none."""
    if isinstance(event, FundingPaid):
        return event.id
    return event.fill.client_id if isinstance(event, OrderFilled) else event.client_id
