"""A simulated account and order book side: which orders rest, what fills them, and what that does to the balances."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from data.accounts import REMEMBERED, AccountBooks
from data.events import OrderCancelled, OrderFilled, OrderUpdate, RejectReason
from data.market import Market, Ticker
from data.orders import Draft, Fill, Order, OrderStatus, OrderType
from data.values import ONE, ZERO, Millis, Side, ceil_to, floor_to
from engine.exchanges.base import Accepted, Balance, OrderReport, Rejected
from engine.exchanges.book import Book, Resting, outside_filters, reserve_of
from engine.exchanges.wallets import Charge, SpotWallet, Wallet


class Matching:
    """Simulated spot account on any number of markets. Synchronous, without a clock, exact to the last digit.

    ``haircut`` is the fraction (0 to 1) of a trade at exactly our price that is taken to go to orders queued ahead of
    ours; at 1 only trades through our price fill. ``slippage`` is the fraction by which taken liquidity is worse than
    the best price. What happened to orders waits in ``events`` until ``drain``; ``trades`` numbers the last trade id.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        balances: Mapping[str, Decimal],
        haircut: Decimal = ZERO,
        slippage: Decimal = ZERO,
    ) -> None:
        """Open an account with free ``balances`` by asset; ``markets`` are by symbol."""
        if not ZERO <= haircut <= ONE:
            raise ValueError(f"haircut: {haircut} is not a fraction between 0 and 1")
        if not ZERO <= slippage < ONE:
            raise ValueError(f"slippage: {slippage} is not a fraction from 0 to below 1")
        self.events: list[OrderUpdate] = []
        self.trades = 0
        self._counted = ONE - haircut
        self._slippage = slippage
        self._books = {symbol: Book(market) for symbol, market in markets.items()}
        self.spot = SpotWallet(balances)
        self._resting: dict[str, Resting] = {}
        self._finished: dict[str, Order] = {}
        self._known: set[str] = set()
        self._fills: dict[str, deque[Fill]] = {}
        self._sequence = 0

    # -- orders

    def submit(self, draft: Draft, at: Millis) -> Accepted | Rejected:
        """Place an order, or answer as before when its client id was already accepted."""
        if draft.client_id in self._known:
            return accepted(draft.client_id)
        book = self._books.get(draft.symbol)
        if book is None:
            return rejected(draft, RejectReason.MARKET_CLOSED, f"{draft.symbol} is not listed")
        refusal = outside_filters(draft, book.market) or self._too_many(draft, book)
        if refusal:
            return rejected(draft, RejectReason.FILTER, refusal)
        taken = self._taking_price(draft, book)
        if draft.type is OrderType.MARKET and taken is None:
            return rejected(draft, RejectReason.MARKET_CLOSED, f"{draft.symbol} has no price yet")
        if draft.type is OrderType.LIMIT_MAKER and taken is not None:
            return rejected(draft, RejectReason.WOULD_TAKE, "a post-only order would match at once")
        price = draft.price if taken is None else taken
        short = self._wallet(book.market).short_of(draft, price, draft.quantity, book.market, maker=taken is None)
        if short:
            return rejected(draft, RejectReason.INSUFFICIENT_BALANCE, short)
        order = self._accept(draft, at)
        if taken is None:
            self._rest(order, book)
        else:
            self._settle(order, book.market, taken, draft.quantity, maker=False, at=at)
            self._finish(order, OrderStatus.FILLED)
        return accepted(draft.client_id)

    def cancel(self, client_id: str, at: Millis) -> bool:
        """Take an order off the book; False when it does not rest there."""
        resting = self._resting.get(client_id)
        if resting is None:
            return False
        self._release(resting, resting.order.remaining)
        self._remove(resting, OrderStatus.CANCELLED)
        self.events.append(OrderCancelled(client_id=client_id, at=at, filled=resting.order.filled))
        return True

    # -- what moves the market

    def move(self, ticker: Ticker) -> None:
        """Take over a quote and fill what it proves traded through: the ask below a buy, the bid above a sell."""
        book = self._books[ticker.symbol]
        book.bid, book.ask, book.last = bid, ask, _ = ticker.bid, ticker.ask, ticker.last
        while (buys := book.buys) and buys[-1][0] > ask:
            self._fill(buys[-1][2], None, ticker.at)
        while (sells := book.sells) and sells[0][0] < bid:
            self._fill(sells[0][2], None, ticker.at)

    def trade(self, symbol: str, price: Decimal, quantity: Decimal, at: Millis) -> None:
        """Let a public trade fill orders: those it went through wholly, those at its price by what the queue leaves."""
        book = self._books[symbol]
        book.last = price
        while (buys := book.buys) and buys[-1][0] > price:
            self._fill(buys[-1][2], None, at)
        while (sells := book.sells) and sells[0][0] < price:
            self._fill(sells[0][2], None, at)
        left = quantity * self._counted
        while left > ZERO and (buys := book.buys) and buys[-1][0] == price:
            left = self._touch(buys[-1][2], left, at)
        while left > ZERO and (sells := book.sells) and sells[0][0] == price:
            left = self._touch(sells[0][2], left, at)

    def fill(self, client_id: str, at: Millis, price: Decimal | None = None) -> None:
        """Fill the rest of a resting order as maker, at its own price or a better ``price``."""
        resting = self._resting[client_id]
        draft = resting.order.draft
        if price is not None and (price - draft.price) * draft.side.sign > ZERO:
            raise ValueError(f"price: {price} is worse than the limit {draft.price} of {client_id}")
        self._fill(resting, price, at)

    def drain(self) -> list[OrderUpdate]:
        """Return what happened to orders since the last call, oldest first, and forget it."""
        events, self.events = self.events, []
        return events

    # -- what is known

    @property
    def newest(self) -> int:
        """Return the rank of the order that came to rest last; older orders have smaller ones."""
        return self._sequence

    def book(self, symbol: str) -> Book:
        """Return our side of one market's book, for whoever walks it order by order."""
        return self._books[symbol]

    def orders(self, symbol: str | None = None) -> list[OrderReport]:
        """Return the resting orders of one market, or of all, oldest first."""
        orders = (resting.order for resting in self._resting.values())
        return [report(order) for order in orders if symbol is None or order.draft.symbol == symbol]

    def order(self, client_id: str) -> OrderReport | None:
        """Return what is known of an order: resting, or among the last finished ones."""
        order = self.record(client_id)
        return None if order is None else report(order)

    def record(self, client_id: str) -> Order | None:
        """Return the order itself, as a store keeps it."""
        resting = self._resting.get(client_id)
        return resting.order if resting is not None else self._finished.get(client_id)

    def fills(self, symbol: str, since: Millis) -> list[Fill]:
        """Return remembered executions on a market at or after ``since``, oldest first."""
        return [fill for fill in self._fills.get(symbol, ()) if fill.at >= since]

    def balances(self) -> list[Balance]:
        """Return every asset ever held, by name."""
        return self.spot.balances()

    # -- persistence

    def dump(self) -> AccountBooks:
        """Return the whole account."""
        orders: Iterable[Order] = [*self._finished.values(), *(resting.order for resting in self._resting.values())]
        balances = {balance.asset: balance.total for balance in self.spot.balances()}
        return AccountBooks(
            balances=balances,
            orders=tuple(msgspec.structs.replace(order) for order in orders),
            fills=tuple(sorted((f for fills in self._fills.values() for f in fills), key=lambda fill: fill.at)),
            known=frozenset(self._known),
            trades=self.trades,
        )

    def restore(self, books: AccountBooks) -> None:
        """Replace the whole account. A resting order that lost its market or its balance (new fees) is cancelled."""
        self.spot = SpotWallet(books.balances)
        self._resting, self._finished, self._fills, self._sequence = {}, {}, {}, 0
        self._known = set(books.known) | {order.draft.client_id for order in books.orders}
        self.trades = books.trades
        for fill in books.fills:
            self._fills.setdefault(fill.symbol, deque(maxlen=REMEMBERED)).append(fill)
        for book in self._books.values():
            book.buys, book.sells = [], []
        for order in books.orders:
            self._restore(msgspec.structs.replace(order))

    # -- inside

    def _restore(self, order: Order) -> None:
        draft = order.draft
        if not order.status.live:
            self._finish(order, order.status)
            return
        book = self._books.get(draft.symbol)
        if book is not None and self._may_rest(order, book.market):
            self._rest(order, book)
            return
        self._finish(order, OrderStatus.CANCELLED)
        self.events.append(OrderCancelled(client_id=draft.client_id, at=order.at, filled=order.filled))

    def _wallet(self, market: Market) -> Wallet:
        """Return what pays for the orders of a market."""
        return self.spot

    def _may_rest(self, order: Order, market: Market) -> bool:
        """Return whether an order of a restored account still has what it needs."""
        draft = order.draft
        return not self._wallet(market).short_of(draft, draft.price, order.remaining, market, maker=True)

    def _accept(self, draft: Draft, at: Millis) -> Order:
        self._known.add(draft.client_id)
        return Order(draft=draft, at=at, status=OrderStatus.OPEN, exchange_id=_exchange_id(draft.client_id))

    def _too_many(self, draft: Draft, book: Book) -> str:
        resting, most = len(book.buys) + len(book.sells), book.market.filters.max_orders
        if resting < most or draft.type is OrderType.MARKET:
            return ""
        return f"{resting} orders rest on {draft.symbol}, which allows {most}"

    def _taking_price(self, draft: Draft, book: Book) -> Decimal | None:
        """Return the price at which the order would match at once, or None when it would rest."""
        market = draft.type is OrderType.MARKET
        best = book.ask if draft.side is Side.BUY else book.bid
        if best is None or (not market and (draft.price - best) * draft.side.sign < ZERO):
            return None
        worse = self._slipped(best, draft.side, book)
        if market:
            return worse
        return min(worse, draft.price) if draft.side is Side.BUY else max(worse, draft.price)

    def _slipped(self, best: Decimal, side: Side, book: Book) -> Decimal:
        """Return the price at which liquidity is taken where ``best`` is the best price."""
        tick = book.market.filters.price_tick
        if not self._slippage:
            return best
        if side is Side.BUY:
            return ceil_to(best * (ONE + self._slippage), tick)
        return max(floor_to(best * (ONE - self._slippage), tick), tick)

    def _rest(self, order: Order, book: Book) -> None:
        self._sequence += 1
        draft = order.draft
        rank = -self._sequence if draft.side is Side.BUY else self._sequence
        asset, unit = reserve_of(draft.side, draft.price, book.market, maker=True)
        resting = Resting(order, book.market, asset, unit, (draft.price, rank))
        self._resting[draft.client_id] = resting
        book.add(resting)
        self._wallet(book.market).reserve(resting, order.remaining)

    def _touch(self, resting: Resting, volume: Decimal, at: Millis) -> Decimal:
        """Fill what ``volume`` at the order's price allows; return what is left for the next order at that price."""
        resting.credit += volume
        quantity = min(floor_to(resting.credit, resting.market.filters.quantity_step), resting.order.remaining)
        resting.credit -= quantity
        if quantity == resting.order.remaining:
            self._fill(resting, None, at)
            return resting.credit
        if quantity > ZERO:
            self._release(resting, quantity)
            self._settle(resting.order, resting.market, resting.order.draft.price, quantity, maker=True, at=at)
        return ZERO

    def _fill(self, resting: Resting, price: Decimal | None, at: Millis) -> None:
        order = resting.order
        quantity = order.remaining
        self._release(resting, quantity)
        own = order.draft.price
        self._settle(order, resting.market, own if price is None else price, quantity, maker=True, at=at)
        self._remove(resting, OrderStatus.FILLED)

    def _release(self, resting: Resting, quantity: Decimal) -> None:
        self._wallet(resting.market).release(resting, quantity)

    def _remove(self, resting: Resting, status: OrderStatus) -> None:
        draft = resting.order.draft
        del self._resting[draft.client_id]
        self._books[draft.symbol].remove(resting)
        self._finish(resting.order, status)

    def _finish(self, order: Order, status: OrderStatus) -> None:
        order.status = status
        self._finished[order.draft.client_id] = order
        if len(self._finished) > REMEMBERED:
            del self._finished[next(iter(self._finished))]

    def _settle(
        self, order: Order, market: Market, price: Decimal, quantity: Decimal, *, maker: bool, at: Millis
    ) -> None:
        draft = order.draft
        charge = self._wallet(market).settle(draft.side, price, quantity, market, maker=maker)
        order.filled += quantity
        self._record(draft.client_id, draft.side, market, price, quantity, charge, maker=maker, at=at)

    def _record(
        self,
        client_id: str,
        side: Side,
        market: Market,
        price: Decimal,
        quantity: Decimal,
        charge: Charge,
        *,
        maker: bool,
        at: Millis,
    ) -> None:
        self.trades += 1
        fill = Fill(
            trade_id=f"{self.trades}-{client_id}",
            client_id=client_id,
            symbol=market.symbol,
            side=side,
            price=price,
            quantity=quantity,
            fee=charge.fee,
            fee_asset=charge.asset,
            fee_quote=charge.quote,
            maker=maker,
            at=at,
        )
        fills = self._fills.get(market.symbol)
        if fills is None:
            fills = self._fills[market.symbol] = deque(maxlen=REMEMBERED)
        fills.append(fill)
        self.events.append(OrderFilled(fill=fill, at=at))


def _exchange_id(client_id: str) -> str:
    return f"sim-{client_id}"


def accepted(client_id: str) -> Accepted:
    """Return the answer to an order that was taken in."""
    return Accepted(client_id=client_id, exchange_id=_exchange_id(client_id))


def rejected(draft: Draft, reason: RejectReason, message: str) -> Rejected:
    """Return the answer to an order that was refused."""
    return Rejected(client_id=draft.client_id, reason=reason, message=message)


def report(order: Order) -> OrderReport:
    """Return what is known of an order."""
    draft = order.draft
    return OrderReport(
        client_id=draft.client_id,
        exchange_id=order.exchange_id,
        symbol=draft.symbol,
        side=draft.side,
        price=draft.price,
        quantity=draft.quantity,
        filled=order.filled,
        status=order.status,
    )
