"""A simulated account with a wallet of perpetuals beside its assets: stops, funding and liquidation."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from data.accounts import AccountBooks
from data.events import OrderCancelled, RejectReason
from data.market import Market, Ticker
from data.orders import Draft, Order, OrderStatus, OrderType
from data.values import ZERO, Millis, Side, plain, round_to
from engine.exchanges.base import Accepted, Balance, OrderReport, Rejected
from engine.exchanges.book import outside_filters
from engine.exchanges.margin_wallets import MarginWallets
from engine.exchanges.matching import Matching, accepted, rejected, report
from engine.exchanges.wallets import Wallet


class MarginMatching(Matching):
    """Matching on spot markets and on perpetuals, each with its own wallet.

    A stop waits until the mark price is there and then closes what is open; several that close the same side may not
    wait. Whoever is down to the maintenance margin is liquidated at the price of liquidation, by a fill with a client
    id that nobody gave. What funding paid waits in ``margin`` until it is drained.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        balances: Mapping[str, Decimal],
        margin: Mapping[str, Decimal],
        haircut: Decimal = ZERO,
        slippage: Decimal = ZERO,
    ) -> None:
        """Open an account with free ``balances``, and ``margin`` in the wallet of perpetuals, by asset."""
        super().__init__(markets, balances, haircut, slippage)
        self.margin = MarginWallets(markets.values(), margin)
        self._stops: dict[str, Order] = {}

    # -- orders

    def submit(self, draft: Draft, at: Millis) -> Accepted | Rejected:
        """Place an order, or answer as before when its client id was already accepted."""
        book = self._books.get(draft.symbol)
        if draft.client_id in self._known or book is None or not book.market.perpetual:
            return super().submit(draft, at)
        refusal = self._refused(draft, book.market)
        if refusal is not None:
            return refusal
        if draft.type is OrderType.STOP_MARKET:
            self._stops[draft.client_id] = self._accept(draft, at)
            return accepted(draft.client_id)
        answer = super().submit(draft, at)
        taken = self._finished.get(draft.client_id)
        if isinstance(answer, Accepted) and taken is not None:
            if taken.remaining:
                self._expire(taken, at)  # it could make the position no smaller
            self._enforce(draft.symbol, {}, at)
        return answer

    def cancel(self, client_id: str, at: Millis) -> bool:
        """Take an order off the book, or a stop that waits; False when there is none."""
        stop = self._stops.pop(client_id, None)
        if stop is None:
            return super().cancel(client_id, at)
        self._expire(stop, at)
        return True

    # -- what moves the market

    def move(self, ticker: Ticker) -> None:
        """Take over a quote, fill what it proves traded through, and follow the mark price of a perpetual."""
        super().move(ticker)
        if self._books[ticker.symbol].market.perpetual:
            self.mark(ticker.symbol, ticker.fair, ticker.at)

    def mark(self, symbol: str, price: Decimal, at: Millis) -> None:
        """Move the mark price of a perpetual: stops are triggered, and who must be liquidated is."""
        held = self.margin.held(symbol)
        before, held.mark = held.mark or price, price
        for stop in [order for order in self._stops.values() if order.draft.symbol == symbol]:
            if (price - stop.draft.price) * stop.draft.side.sign >= ZERO:
                self._trigger(stop, held.market, at)
        self._enforce(symbol, {symbol: before}, at)

    def fund(self, symbol: str, rate: Decimal, at: Millis, mark: Decimal | None = None) -> None:
        """Settle funding of what was open at an instant, once for each."""
        held = self.margin.held(symbol)
        later = (fill.side.sign * fill.quantity for fill in self.fills(symbol, at + 1))
        self.margin.fund(symbol, held.quantity - sum(later, ZERO), rate * (mark or held.mark), at)
        self._enforce(symbol, {}, at)

    # -- what is known

    def balances(self) -> list[Balance]:
        """Return every asset ever held, by name, then the wallets of perpetuals."""
        return [*self.spot.balances(), *self.margin.balances()]

    def orders(self, symbol: str | None = None) -> list[OrderReport]:
        """Return the resting orders and waiting stops of one market, or of all, oldest first."""
        stops = [stop for stop in self._stops.values() if symbol is None or stop.draft.symbol == symbol]
        return [*super().orders(symbol), *map(report, stops)]

    def record(self, client_id: str) -> Order | None:
        """Return the order itself, as a store keeps it."""
        return self._stops.get(client_id) or super().record(client_id)

    def alarms(self, symbol: str) -> list[Decimal]:
        """Return the mark prices at which a stop is triggered or the position is liquidated."""
        found = [stop.draft.price for stop in self._stops.values() if stop.draft.symbol == symbol]
        if self._books[symbol].market.perpetual and self.margin.held(symbol).quantity:
            price = self.margin.account(symbol).liquidation_price(symbol)
            found += [price] if price is not None else []
        return found

    def survives(self, lows: Mapping[str, Decimal], highs: Mapping[str, Decimal]) -> bool:
        """Return whether nothing is triggered or liquidated while the marks stay within bounds."""
        for stop in self._stops.values():
            draft = stop.draft
            if draft.price >= lows[draft.symbol] if draft.side is Side.SELL else draft.price <= highs[draft.symbol]:
                return False
        return self.margin.survives(lows, highs)

    # -- persistence

    def dump(self) -> AccountBooks:
        """Return the whole account."""
        books = super().dump()
        stops = (msgspec.structs.replace(stop) for stop in self._stops.values())
        return msgspec.structs.replace(books, orders=(*books.orders, *stops), margin=self.margin.books())

    def restore(self, books: AccountBooks) -> None:
        """Replace the whole account; margin assets that it never had keep what the account was opened with."""
        self._stops = {}
        self.margin.restore(books.margin)
        super().restore(books)

    # -- inside

    def _wallet(self, market: Market) -> Wallet:
        return self.margin.account(market.symbol) if market.perpetual else self.spot

    def _may_rest(self, order: Order, market: Market) -> bool:
        # Margin depends on prices that are not known yet; orders that it no longer covers stay, as on an exchange.
        return market.perpetual or super()._may_rest(order, market)

    def _restore(self, order: Order) -> None:
        draft = order.draft
        if draft.type is OrderType.STOP_MARKET and order.status.live and draft.symbol in self._books:
            self._stops[draft.client_id] = msgspec.structs.replace(order)
        else:
            super()._restore(order)

    def _refused(self, draft: Draft, market: Market) -> Rejected | None:
        if draft.type is OrderType.STOP_MARKET:
            return self._stop_refused(draft, market)
        held = self.margin.held(market.symbol)
        if draft.reduce_only:
            room = held.reducible(draft.side)
            if room <= ZERO or (draft.type is not OrderType.MARKET and draft.quantity > room):
                return rejected(draft, RejectReason.REDUCE_ONLY, f"{plain(room)} {market.base} could be closed")
            return None
        most, value = held.most(held.leverage), draft.notional
        bids, offers = held.bids, held.offers
        grown = held.demand(bids + value, offers) if draft.side is Side.BUY else held.demand(bids, offers + value)
        if most is not None and grown > max(most, held.demand(bids, offers)):
            short = f"leverage {held.leverage} carries at most {plain(most)} {market.quote}"
            return rejected(draft, RejectReason.INSUFFICIENT_BALANCE, short)
        return None

    def _stop_refused(self, draft: Draft, market: Market) -> Rejected | None:
        mark = self.margin.held(market.symbol).mark
        waiting = [stop.draft for stop in self._stops.values() if stop.draft.symbol == draft.symbol]
        if wrong := outside_filters(draft, market):
            return rejected(draft, RejectReason.FILTER, wrong)
        if mark and (mark - draft.price) * draft.side.sign >= ZERO:
            return rejected(draft, RejectReason.WOULD_TAKE, "the stop would be triggered at once")
        if any(other.side is draft.side for other in waiting) or len(waiting) >= market.filters.max_stops:
            return rejected(draft, RejectReason.OTHER, f"another stop of that side waits on {draft.symbol}")
        return None

    def _settle(
        self, order: Order, market: Market, price: Decimal, quantity: Decimal, *, maker: bool, at: Millis
    ) -> None:
        if order.draft.reduce_only:
            quantity = min(quantity, self.margin.held(market.symbol).reducible(order.draft.side))
        super()._settle(order, market, price, quantity, maker=maker, at=at)
        if market.perpetual:
            self._knock_out(market, at)

    def _knock_out(self, market: Market, at: Millis) -> None:
        """Cancel orders that may only reduce the position and would now turn it."""
        book, held = self._books[market.symbol], self.margin.held(market.symbol)
        for _, _, resting in [*book.buys, *book.sells]:
            draft = resting.order.draft
            if draft.reduce_only and resting.order.remaining > held.reducible(draft.side):
                super().cancel(draft.client_id, at)

    def _expire(self, order: Order, at: Millis) -> None:
        self._finish(order, OrderStatus.CANCELLED)
        self.events.append(OrderCancelled(client_id=order.draft.client_id, at=at, filled=order.filled))

    def _trigger(self, stop: Order, market: Market, at: Millis) -> None:
        draft, book, held = stop.draft, self._books[market.symbol], self.margin.held(market.symbol)
        del self._stops[draft.client_id]
        quantity = held.reducible(draft.side)
        if not quantity:
            self._expire(stop, at)
            return
        best = book.ask if draft.side is Side.BUY else book.bid
        price = self._slipped(held.mark if best is None else best, draft.side, book)
        self._settle(stop, market, price, quantity, maker=False, at=at)
        self._finish(stop, OrderStatus.FILLED)

    def _enforce(self, symbol: str, before: Mapping[str, Decimal], at: Millis) -> None:
        """Liquidate whoever must be, at a price between the mark ``before`` the last move and the one of now."""
        account = self.margin.account(symbol)
        while (held := account.doomed()) is not None:
            for order in super().orders():
                there = self._books[order.symbol].market
                if order.symbol == held.market.symbol or (not held.isolated and self._wallet(there) is account):
                    self.cancel(order.client_id, at)
            low, high = sorted((before.get(held.market.symbol, held.mark), held.mark))
            price = account.liquidation_price(held.market.symbol) or held.mark
            price = round_to(min(max(price, low), high), held.market.filters.price_tick)
            side, quantity = Side.SELL if held.quantity > ZERO else Side.BUY, abs(held.quantity)
            charge = account.liquidate(held, price)
            name = f"autoclose-{self.trades + 1}"
            self._record(name, side, held.market, price, quantity, charge, maker=False, at=at)
