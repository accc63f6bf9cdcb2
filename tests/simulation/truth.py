"""What really is: markets, orders and balances of one account in which somebody else trades too. No faults here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from data.events import (
    AccountUpdate,
    FundingPaid,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUpdate,
)
from data.events import RejectReason as Reason
from data.market import FeeAsset, Market, MarketKind, Ticker
from data.orders import Draft, Fill, OrderStatus, OrderType
from data.values import ONE, ZERO, Millis, Mode, Side, plain
from engine.exchanges.base import Accepted, Balance, OrderReport, Rejected
from engine.exchanges.book import outside_filters
from tests.servers.binance.market import Market as Matching
from tests.servers.binance.orders import Fill as Match
from tests.servers.binance.orders import Order, Trade
from tests.servers.binance.symbols import Spec
from tests.simulation.money import FOREIGN, OURS, Money, holding, money

Happening = OrderUpdate | AccountUpdate
TOKEN = "TKN"
"""The asset some accounts pay their fees in."""

_STATUS = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.CANCELLED,
}
_TYPE = {OrderType.MARKET: "MARKET", OrderType.STOP_MARKET: "STOP_MARKET"}
_SIDE: dict[Side, Literal["BUY", "SELL"]] = {Side.BUY: "BUY", Side.SELL: "SELL"}


@dataclass(eq=False)
class Record:
    """One order as the exchange has it, and how it looked at every instant since."""

    draft: Draft
    owner: str
    order: Order
    placed: Millis
    looks: list[tuple[Millis, Decimal, OrderStatus]] = field(default_factory=list)

    def look(self, at: Millis) -> None:
        """Remember how it looks now."""
        self.looks.append((at, self.order.executed, _STATUS[self.order.status]))

    def seen(self, at: Millis) -> OrderReport | None:
        """Return how it looked at an instant; None before it was there."""
        known = next((look for look in reversed(self.looks) if look[0] <= at), None)
        if known is None:
            return None
        draft = self.draft
        return OrderReport(
            client_id=draft.client_id,
            exchange_id=str(self.order.id),
            symbol=draft.symbol,
            side=draft.side,
            price=draft.price,
            quantity=draft.quantity,
            filled=known[1],
            status=known[2],
        )


@dataclass(frozen=True)
class Executed:
    """One execution and from when on it is listed."""

    fill: Fill
    owner: str
    listed: Millis


class Truth:
    """The account. ``hear`` is told what its streams say, ``judge`` is shown every order of ours that is accepted."""

    def __init__(self, markets: Iterable[Market], now: Callable[[], Millis]) -> None:
        self.now = now
        self.hear: Callable[[Happening], None] = lambda _: None
        self.judge: Callable[[Record], None] = lambda _: None
        self.lateness: Callable[[], Millis] = lambda: 0
        """How long it takes until the next execution is listed."""
        self.expires_crossing = False
        """Whether a crossing post-only order is taken and expired at once, instead of refused."""
        self.markets = {market.symbol: market for market in markets}
        self.books = {symbol: Matching(_spec(market), self, now) for symbol, market in self.markets.items()}
        self.records: dict[str, list[Record]] = {}
        """Every order there ever was by client id, which may come again once the order before it is done."""
        self.executed: list[Executed] = []
        self.money = Money()
        self.token_fees = False
        """Whether fees are paid in an asset of their own."""
        self.touched: list[str] = []
        """Foreign orders that were asked to be cancelled by us."""
        self.beside: list[str] = []
        """Protective stops that were refused because another one of their side waited."""
        self.repeats = 0
        self.alive_until: dict[str, Millis] = {}
        self._open: dict[str, Record] = {}
        self._orders = 0

    # -- orders

    def place(self, draft: Draft, owner: str = OURS) -> Accepted | Rejected:
        """Take an order or refuse it. An id is taken only while its order is open, as everywhere."""
        resting = self._open.get(draft.client_id)
        if resting is not None:
            self.repeats += 1
            return Accepted(client_id=draft.client_id, exchange_id=str(resting.order.id))
        refusal = self._refusal(draft)
        if refusal is not None:
            return Rejected(client_id=draft.client_id, reason=refusal[0], message=refusal[1])
        order = self._order(draft, owner)
        record = Record(draft, owner, order, self.now())
        crosses = self._crosses(draft)
        self._open[draft.client_id] = record
        self.records.setdefault(draft.client_id, []).append(record)
        record.look(record.placed)
        if owner == OURS and not crosses:
            self.judge(record)
            self.hear(OrderAccepted(at=self.now(), client_id=draft.client_id, exchange_id=str(order.id)))
        self.books[draft.symbol].place(order)
        if order.open and order.type == "MARKET":
            self.books[draft.symbol].expire(order)
        if crosses:
            return Rejected(client_id=draft.client_id, reason=Reason.WOULD_TAKE, message="expired at once")
        return Accepted(client_id=draft.client_id, exchange_id=str(order.id))

    def _order(self, draft: Draft, owner: str) -> Order:
        self._orders += 1
        rests, waits = draft.type in (OrderType.LIMIT, OrderType.LIMIT_MAKER), draft.type is OrderType.STOP_MARKET
        open_now = abs(self.money.total(draft.symbol))
        return Order(
            id=self._orders,
            client_id=draft.client_id,
            account=owner,
            symbol=draft.symbol,
            side=_SIDE[draft.side],
            type=_TYPE.get(draft.type, "LIMIT"),
            quantity=min(draft.quantity, open_now) if draft.reduce_only and not waits else draft.quantity,
            price=draft.price if rests else ZERO,
            time_in_force="GTX" if draft.type is OrderType.LIMIT_MAKER else "GTC",
            stop_price=draft.price if waits else ZERO,
            working=not waits,
        )

    def cancel(self, client_id: str, owner: str = OURS) -> bool:
        """Take an order off; False when it does not rest."""
        known = self.records.get(client_id)
        if known is None or known[-1].owner != owner:
            self.touched += [client_id] if known else []
            return False
        record = self._open.get(client_id)
        if record is None:
            return False
        self.books[record.draft.symbol].cancel(record.order)
        self._done(record)
        return True

    def _refusal(self, draft: Draft) -> tuple[Reason, str] | None:
        market, book = self.markets[draft.symbol], self.books[draft.symbol]
        closing = draft.reduce_only or draft.type is OrderType.STOP_MARKET
        outside = "" if closing else outside_filters(draft, market)
        if outside:
            return Reason.FILTER, outside
        if draft.reduce_only and self.money.total(draft.symbol) * draft.side.sign >= ZERO:
            return Reason.REDUCE_ONLY, "nothing is open that it could close"
        if draft.type is OrderType.STOP_MARKET:
            return self._stop_refusal(draft)
        if draft.type is not OrderType.MARKET and sum(1 for _ in book.resting()) >= market.filters.max_orders:
            return Reason.FILTER, "too many orders"
        if self._crosses(draft) and not self.expires_crossing:
            return Reason.WOULD_TAKE, "would immediately match"
        asset, amount = self._reserve(draft, draft.quantity)
        if amount and amount > self.money.total(asset) - self.locked(asset):
            return Reason.INSUFFICIENT_BALANCE, f"{plain(amount)} {asset} needed"
        return None

    def _stop_refusal(self, draft: Draft) -> tuple[Reason, str] | None:
        book = self.books[draft.symbol]
        if (draft.price - book.last) * draft.side.sign <= ZERO:
            return Reason.WOULD_TAKE, "would immediately trigger"
        if sum(1 for _ in book.stops()) >= self.markets[draft.symbol].filters.max_stops:
            return Reason.OTHER, "too many stops"
        waiting = [stop.client_id for stop in book.stops() if stop.side == _SIDE[draft.side]]
        if waiting:
            self.beside.append(f"{draft.client_id} beside {waiting[0]}")
            return Reason.OTHER, "a stop that closes the position waits in this direction"
        return None

    def _crosses(self, draft: Draft) -> bool:
        post_only = draft.type is OrderType.LIMIT_MAKER
        return post_only and self.books[draft.symbol].crosses(_SIDE[draft.side], draft.price)

    def hold_alive(self, symbol: str, seconds: int) -> None:
        """Set the countdown after which all our orders of a market are taken off; 0 ends it."""
        self.alive_until[symbol] = self.now() + seconds * 1000 if seconds else 0

    def expire_unattended(self) -> None:
        """Take off the orders of markets whose countdown has run out."""
        for symbol, until in self.alive_until.items():
            if until and until < self.now():
                self.alive_until[symbol] = 0
                for record in [each for each in self.live(OURS) if each.draft.symbol == symbol and each.order.working]:
                    self.cancel(record.draft.client_id)

    # -- what is known

    def reports(self, symbol: str, at: Millis) -> list[OrderReport]:
        """Return the orders that rested on a market at an instant not long ago."""
        newest = (records[-1] for records in self.records.values())
        seen = (record.seen(at) for record in newest if record.draft.symbol == symbol and self._recent(record, at))
        return [report for report in seen if report is not None and report.status is OrderStatus.OPEN]

    def _recent(self, record: Record, at: Millis) -> bool:
        return record.order.open or record.looks[-1][0] > at

    def locked(self, asset: str) -> Decimal:
        """Return what resting orders keep of an asset."""
        reserves = (self._reserve(record.draft, record.order.remaining) for record in self._open.values())
        return sum((amount for which, amount in reserves if which == asset), ZERO)

    def live(self, owner: str) -> Iterator[Record]:
        """Yield the open orders of somebody."""
        return (record for record in self._open.values() if record.owner == owner)

    def balances(self, at: Millis) -> list[Balance]:
        """Return the assets of both wallets as they were at an instant not long ago."""
        spot = [market for market in self.markets.values() if not market.perpetual]
        assets = {TOKEN} | {market.base for market in spot} | {market.quote for market in spot}
        held = self.money.balances(assets, {asset: self.locked(asset) for asset in assets}, at)
        perpetuals = [market for market in self.markets.values() if market.perpetual]
        for market in perpetuals[:1]:
            symbols = [each.symbol for each in perpetuals]
            total = self.money.margin(money(market), symbols, at)
            held.append(Balance(market.quote, total, ZERO, MarketKind.PERPETUAL))
        return held

    def ticker(self, symbol: str) -> Ticker:
        """Return the best prices."""
        book = self.books[symbol]
        mark = book.last if self.markets[symbol].perpetual else None
        return Ticker(symbol, book.bid, book.ask, book.last, self.now(), mark)

    def _reserve(self, draft: Draft, quantity: Decimal) -> tuple[str, Decimal]:
        market = self.markets[draft.symbol]
        if market.perpetual:
            return money(market), ZERO
        if draft.side is Side.SELL:
            return market.base, quantity
        price = self.books[draft.symbol].ask if draft.type is OrderType.MARKET else draft.price
        in_quote = market.fees.asset is FeeAsset.QUOTE
        return market.quote, quantity * price * (ONE + max(market.fees.maker, market.fees.taker) * in_quote)

    # -- money

    def transfer(self, asset: str, amount: Decimal) -> None:
        """Let somebody bring money or take his own away."""
        self.money.book(FOREIGN, asset, amount, self.now())

    def fund(self, symbol: str, rate: Decimal) -> None:
        """Settle funding of a perpetual for whatever is open there."""
        amount = -(self.money.total(symbol) * self.books[symbol].last * rate)
        if amount:
            self.money.book(OURS, money(self.markets[symbol]), amount, self.now())
            number = f"f{len(self.money.paid)}"
            paid = FundingPaid(at=self.now(), id=number, symbol=symbol, mode=Mode.SHADOW, amount=amount)
            self.money.paid.append(paid)
            self.hear(paid)

    # -- what the matching tells

    def filled(self, market: Matching, fill: Match) -> None:
        """Book one side of a trade."""
        record = self._open[fill.order.client_id]
        draft, owner = record.draft, record.owner
        terms, sign = self.markets[draft.symbol], draft.side.sign
        rate, notional = terms.fees.maker if fill.maker else terms.fees.taker, fill.price * fill.quantity
        self.money.book(owner, holding(terms), sign * fill.quantity, self.now())
        self.money.book(owner, money(terms), -sign * notional, self.now())
        fee, asset, place = notional * rate, terms.quote, money(terms)
        if self.token_fees:
            fee, asset, place = notional * rate / 500, TOKEN, TOKEN
        elif terms.fees.asset is FeeAsset.RECEIVED and sign > 0 and not terms.perpetual:
            fee, asset, place = fill.quantity * rate, terms.base, terms.base
        self.money.book(owner, place, -fee, self.now())
        done = Fill(
            trade_id=str(fill.trade_id),
            client_id=draft.client_id,
            symbol=draft.symbol,
            side=draft.side,
            price=fill.price,
            quantity=fill.quantity,
            fee=fee,
            fee_asset=asset,
            fee_quote=notional * rate,
            maker=fill.maker,
            at=self.now(),
        )
        self.executed.append(Executed(done, owner, self.now() + self.lateness()))
        if owner == OURS:
            self.hear(OrderFilled(at=self.now(), fill=done))
        if fill.order.open:
            record.look(self.now())
        else:
            self._done(record)

    def ended(self, market: Matching, order: Order) -> None:
        """Release an order that the matching expired."""
        self._done(self._open[order.client_id])

    def _done(self, record: Record) -> None:
        client_id, status = record.draft.client_id, record.order.status
        del self._open[client_id]
        record.look(self.now())
        if record.owner != OURS or status == "FILLED":
            return
        if status == "EXPIRED" and record.draft.type is OrderType.LIMIT_MAKER:
            self.hear(OrderRejected(at=self.now(), client_id=client_id, reason=Reason.WOULD_TAKE, message="expired"))
        else:
            self.hear(OrderCancelled(at=self.now(), client_id=client_id, filled=record.order.executed))

    def triggered(self, market: Matching, order: Order) -> None:
        """Let a stop close whatever is open on its side, or nothing."""
        position = self.money.total(market.spec.symbol) * (1 if order.side == "SELL" else -1)
        order.quantity = position
        if position <= ZERO:
            market.expire(order)

    def traded(self, market: Matching, trade: Trade) -> None:
        """Nobody listens to public trades."""

    def quoted(self, market: Matching) -> None:
        """Prices are told by whoever moves them."""


def _spec(market: Market) -> Spec:
    filters = market.filters
    return Spec(market.symbol, market.base, market.quote, tick=filters.price_tick, step=filters.quantity_step)
