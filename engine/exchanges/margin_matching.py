"""A simulated account with a wallet of perpetuals beside its assets: stops, funding and liquidation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from data.accounts import AccountBooks, MarginBooks
from data.events import FundingPaid, OrderCancelled, RejectReason
from data.grids import MarginMode
from data.market import Market, MarketKind, Ticker
from data.orders import Draft, Order, OrderStatus, OrderType
from data.values import ZERO, Millis, Mode, Side, plain, round_to
from engine.exchanges.base import Accepted, Balance, OrderReport, Position, Rejected
from engine.exchanges.book import outside_filters
from engine.exchanges.margin_account import Held, MarginAccount
from engine.exchanges.matching import Matching, accepted, rejected, report
from engine.exchanges.wallets import Wallet


class MarginMatching(Matching):
    """Matching on spot markets and on perpetuals, each with its own wallet.

    A stop waits until the mark price is there and then closes what is open; several that close the same side may not
    wait. Whoever is down to the maintenance margin is liquidated at the price of liquidation, by a fill with a client
    id that nobody gave. ``payments`` holds what funding paid until ``drain_payments``.
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
        perpetuals = [market for market in markets.values() if market.perpetual]
        self._accounts = {
            asset: MarginAccount(asset, (market for market in perpetuals if market.quote == asset))
            for asset in sorted({market.quote for market in perpetuals} | margin.keys())
        }
        for asset, amount in margin.items():
            self._accounts[asset].wallet = amount
        self.payments: list[FundingPaid] = []
        self._paid: dict[str, FundingPaid] = {}
        self._stops: dict[str, Order] = {}
        self._transfers: dict[str, None] = {}

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
            self._enforce(self._accounts[book.market.quote], {}, at)
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
        market = self._books[symbol].market
        held = self._held(market)
        before, held.mark = held.mark or price, price
        for stop in [order for order in self._stops.values() if order.draft.symbol == symbol]:
            if (price - stop.draft.price) * stop.draft.side.sign >= ZERO:
                self._trigger(stop, market, at)
        self._enforce(self._accounts[market.quote], {symbol: before}, at)

    def fund(self, symbol: str, rate: Decimal, at: Millis, mark: Decimal | None = None) -> None:
        """Settle funding of what was open at an instant, once for each."""
        market = self._books[symbol].market
        held, name = self._held(market), f"{symbol} {at}"
        later = (fill.side.sign * fill.quantity for fill in self.fills(symbol, at + 1))
        quantity = held.quantity - sum(later, ZERO)
        if not quantity or name in self._paid:
            return
        amount = self._accounts[market.quote].fund(symbol, quantity, rate * (mark or held.mark))
        paid = FundingPaid(at=at, id=name, symbol=symbol, mode=Mode.SHADOW, amount=amount)
        self._paid[name] = paid
        self.payments.append(paid)
        self._enforce(self._accounts[market.quote], {}, at)

    def drain_payments(self) -> list[FundingPaid]:
        """Return funding settled since the last call, oldest first, and forget it."""
        payments, self.payments = self.payments, []
        return payments

    # -- what people ask

    def configure(self, symbol: str, leverage: int, margin: MarginMode) -> str:
        """Set leverage and margin mode of a perpetual, or return why that is not possible."""
        return self._accounts[self._books[symbol].market.quote].configure(symbol, leverage, margin)

    def transfer(self, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str) -> str:
        """Move money between the wallets, once for each key, or return why that is not possible."""
        if key in self._transfers:
            return ""
        account = self._accounts.get(asset)
        if account is None or source is target:
            return f"{asset} is not moved from {source} to {target}"
        free = self._spot.free.get(asset, ZERO) if source is MarketKind.SPOT else account.withdrawable()
        if not ZERO < amount <= free:
            return f"{plain(amount)} {asset} cannot be moved, {plain(free)} {asset} can"
        signed = amount if target is MarketKind.SPOT else -amount
        self._spot.free[asset] = self._spot.free.get(asset, ZERO) + signed
        account.wallet -= signed
        self._transfers[key] = None
        return ""

    # -- what is known

    def balances(self) -> list[Balance]:
        """Return every asset ever held, by name, then the wallets of perpetuals."""
        wallets = (account.balance() for account in self._accounts.values())
        return [*super().balances(), *(balance for balance in wallets if balance.total)]

    def spot(self) -> list[Balance]:
        """Return the assets alone."""
        return super().balances()

    def positions(self) -> list[Position]:
        """Return every open position."""
        accounts = self._accounts.values()
        return [account.position(held.market.symbol) for account in accounts for held in account.open()]

    def funding(self, symbol: str, since: Millis) -> list[FundingPaid]:
        """Return funding settled on a market at or after ``since``, oldest first."""
        return [paid for paid in self._paid.values() if paid.symbol == symbol and paid.at >= since]

    def orders(self, symbol: str | None = None) -> list[OrderReport]:
        """Return the resting orders and waiting stops of one market, or of all, oldest first."""
        stops = [stop for stop in self._stops.values() if symbol is None or stop.draft.symbol == symbol]
        return [*super().orders(symbol), *map(report, stops)]

    def record(self, client_id: str) -> Order | None:
        """Return the order itself, as a store keeps it."""
        return self._stops.get(client_id) or super().record(client_id)

    def alarms(self, symbol: str) -> list[Decimal]:
        """Return the mark prices at which a stop is triggered or the position is liquidated."""
        market = self._books[symbol].market
        found = [stop.draft.price for stop in self._stops.values() if stop.draft.symbol == symbol]
        if market.perpetual and self._held(market).quantity:
            price = self._accounts[market.quote].liquidation_price(symbol)
            found += [price] if price is not None else []
        return found

    def survives(self, lows: dict[str, Decimal], highs: dict[str, Decimal]) -> bool:
        """Return whether nothing is triggered or liquidated while the marks stay within bounds."""
        for stop in self._stops.values():
            draft = stop.draft
            if draft.price >= lows[draft.symbol] if draft.side is Side.SELL else draft.price <= highs[draft.symbol]:
                return False
        return all(account.survives(lows, highs) for account in self._accounts.values())

    # -- persistence

    def margin(self, payments: Iterable[FundingPaid] = ()) -> MarginBooks:
        """Return the wallet of perpetuals with some of its payments."""
        accounts = self._accounts.values()
        return MarginBooks(
            balances={account.asset: account.wallet for account in accounts},
            positions=tuple(held.books() for account in accounts for held in account.held.values() if held.touched),
            payments=tuple(payments),
            transfers=frozenset(self._transfers),
        )

    def dump(self) -> AccountBooks:
        """Return the whole account."""
        books = super().dump()
        stops = (msgspec.structs.replace(stop) for stop in self._stops.values())
        return msgspec.structs.replace(
            books, orders=(*books.orders, *stops), margin=self.margin(tuple(self._paid.values()))
        )

    def restore(self, books: AccountBooks) -> None:
        """Replace the whole account; margin assets that it never had keep what the account was opened with."""
        margin = books.margin
        for asset, account in self._accounts.items():
            account.wallet = margin.balances.get(asset, account.wallet)
        for position in margin.positions:
            book = self._books.get(position.symbol)
            if book is not None:
                self._held(book.market).restore(position)
        self._stops, self.payments = {}, []
        self._paid = {paid.id: paid for paid in margin.payments}
        self._transfers = dict.fromkeys(margin.transfers)
        super().restore(books)

    # -- inside

    def _wallet(self, market: Market) -> Wallet:
        return self._accounts[market.quote] if market.perpetual else self._spot

    def _held(self, market: Market) -> Held:
        return self._accounts[market.quote].held[market.symbol]

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
        held = self._held(market)
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
        mark = self._held(market).mark
        waiting = [stop.draft for stop in self._stops.values() if stop.draft.symbol == draft.symbol]
        if wrong := outside_filters(draft, market):
            return rejected(draft, RejectReason.FILTER, wrong)
        if mark and (mark - draft.price) * draft.side.sign >= ZERO:
            return rejected(draft, RejectReason.OTHER, "the stop would be triggered at once")
        if any(other.side is draft.side for other in waiting) or len(waiting) >= market.filters.max_stops:
            return rejected(draft, RejectReason.OTHER, f"another stop of that side waits on {draft.symbol}")
        return None

    def _settle(
        self, order: Order, market: Market, price: Decimal, quantity: Decimal, *, maker: bool, at: Millis
    ) -> None:
        if order.draft.reduce_only:
            quantity = min(quantity, self._held(market).reducible(order.draft.side))
        super()._settle(order, market, price, quantity, maker=maker, at=at)
        if market.perpetual:
            self._knock_out(market, at)

    def _knock_out(self, market: Market, at: Millis) -> None:
        """Cancel orders that may only reduce the position and would now turn it."""
        book, held = self._books[market.symbol], self._held(market)
        for _, _, resting in [*book.buys, *book.sells]:
            draft = resting.order.draft
            if draft.reduce_only and resting.order.remaining > held.reducible(draft.side):
                super().cancel(draft.client_id, at)

    def _expire(self, order: Order, at: Millis) -> None:
        self._finish(order, OrderStatus.CANCELLED)
        self.events.append(OrderCancelled(client_id=order.draft.client_id, at=at))

    def _trigger(self, stop: Order, market: Market, at: Millis) -> None:
        draft, book, held = stop.draft, self._books[market.symbol], self._held(market)
        del self._stops[draft.client_id]
        quantity = held.reducible(draft.side)
        if not quantity:
            self._expire(stop, at)
            return
        best = book.ask if draft.side is Side.BUY else book.bid
        price = self._slipped(held.mark if best is None else best, draft.side, book)
        self._settle(stop, market, price, quantity, maker=False, at=at)
        self._finish(stop, OrderStatus.FILLED)

    def _enforce(self, account: MarginAccount, before: Mapping[str, Decimal], at: Millis) -> None:
        """Liquidate whoever must be, at a price between the mark ``before`` the last move and the one of now."""
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
