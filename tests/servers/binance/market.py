"""One symbol's matching: own orders against each other and against a scripted, limited outside market.

Deterministic and synchronous. What happens is told to one listener, in the order in which it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Protocol

from tests.servers.binance.book import Half
from tests.servers.binance.orders import Fill, Order, Trade
from tests.servers.binance.symbols import Spec
from tests.servers.binance.words import ZERO, Side, cut, eight, opposite


class Listener(Protocol):
    """Who is told what happens in a market."""

    def filled(self, market: Market, fill: Fill) -> None:
        """Book one side of a trade."""

    def ended(self, market: Market, order: Order) -> None:
        """Release an order that the matching expired; its status says how."""

    def triggered(self, market: Market, order: Order) -> None:
        """Hear that a stop order begins to work; ending it here refuses it."""

    def traded(self, market: Market, trade: Trade) -> None:
        """Hear of a public trade."""

    def quoted(self, market: Market) -> None:
        """Hear that the book changed."""


class Market:
    """The book of one symbol."""

    def __init__(self, spec: Spec, listener: Listener, now: Callable[[], int]) -> None:
        self.spec = spec
        self.last = ZERO
        self.liquidity = Decimal(10)
        """The outside quantity of each price level, unless a move says otherwise."""
        self.trade_id = 1_000
        self.update_id = 1_000
        self._listener = listener
        self._now = now
        self._halves: dict[Side, Half] = {"BUY": Half("BUY"), "SELL": Half("SELL")}
        self._stops: list[Order] = []
        self._sequence = 0
        self._prevented = 0

    # -- what the book looks like

    @property
    def bid(self) -> Decimal:
        """The best price somebody pays, zero for nobody."""
        return self._halves["BUY"].best

    @property
    def ask(self) -> Decimal:
        """The best price somebody asks, zero for nobody."""
        return self._halves["SELL"].best

    @property
    def mid(self) -> Decimal:
        """The middle of the book, or the last price where one side is empty."""
        bid, ask = self.bid, self.ask
        return (bid + ask) / 2 if bid and ask else self.last

    def resting(self) -> Iterator[Order]:
        """Yield every open order that works, best first, buys before sells."""
        yield from self._halves["BUY"].own
        yield from self._halves["SELL"].own

    def stops(self) -> Iterator[Order]:
        """Yield every stop order that waits for its trigger."""
        yield from self._stops

    def top(self, side: Side) -> tuple[Decimal, Decimal]:
        """Return the best price of a side and what there is at it, zeros for nobody."""
        return self._halves[side].top

    def depth(self, side: Side, limit: int = 5_000) -> list[tuple[Decimal, Decimal]]:
        """Return price and quantity of the best levels of a side, outside and own together."""
        return list(islice(self._halves[side].depth(), limit))

    def cost(self, side: Side, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Return how much of a market order would trade now, and its turnover."""
        done, turnover = ZERO, ZERO
        for price, size in self._halves[opposite(side)].depth():
            part = min(size, quantity - done)
            done, turnover = done + part, turnover + part * price
            if done == quantity:
                break
        return done, turnover

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Return whether a limit order would trade at once."""
        best = self._halves[opposite(side)].best
        return bool(best) and (best <= price if side == "BUY" else best >= price)

    # -- orders

    def place(self, order: Order) -> None:
        """Match a valid order; what is left rests or expires as its kind demands."""
        self._sequence += 1
        order.sequence = self._sequence
        if order.working:
            self._work(order)
        else:
            self._stops.append(order)
        self._settle()

    def cancel(self, order: Order) -> None:
        """Take an open order out of the book; the caller tells its account."""
        self._remove(order)
        order.status, order.updated = "CANCELED", self._now()
        self._settle()

    def expire(self, order: Order, status: str = "EXPIRED") -> None:
        """End an open order that can not go on, and tell the listener."""
        self._remove(order)
        self._end(order, status)
        self._settle()

    # -- the outside market, for scripts

    def move(
        self,
        bid: Decimal | str,
        ask: Decimal | str,
        bid_size: Decimal | str | None = None,
        ask_size: Decimal | str | None = None,
    ) -> None:
        """Set the outside quote: orders beyond it fill wholly, orders at it as far as its size goes."""
        low, high = Decimal(bid), Decimal(ask)
        assert low < high, f"the bid {low} is not below the ask {high}"
        for half in self._halves.values():
            half.outside.clear()
        self._arrive("SELL", high, self.liquidity if ask_size is None else Decimal(ask_size))
        self._arrive("BUY", low, self.liquidity if bid_size is None else Decimal(bid_size))
        self.last = self.last or low
        self._settle()

    def trade(self, price: Decimal | str, quantity: Decimal | str, taker: Side | None = None) -> None:
        """Let an outsider take at a price: orders better than it fill wholly, orders at it after their queue."""
        at, left = Decimal(price), Decimal(quantity)
        taker = taker or ("BUY" if at >= self.mid else "SELL")
        half = self._halves[opposite(taker)]
        self._sweep(half, at)
        passed = ZERO
        for order in [each for each in half.own if each.price == at]:
            ahead = min(max(order.queue - passed, ZERO), left)
            passed, left = passed + ahead, left - ahead
            order.queue = max(order.queue - passed, ZERO)
            if order.open and (part := min(order.remaining, left)):
                left -= part
                self._fill(order, self._public(at, part, taker), maker=True)
        if passed + left:
            self._public(at, passed + left, taker)
        self._settle()

    def drain(self) -> None:
        """Take every outside level away: nothing but own orders is left to trade with."""
        for half in self._halves.values():
            half.outside.clear()
        self._settle()

    # -- matching

    def _arrive(self, side: Side, price: Decimal, size: Decimal) -> None:
        """Let outsiders come with a price: they take what own orders give them, and wait with the rest."""
        against = self._halves[opposite(side)]
        size -= self._sweep(against, price, size)
        self._halves[side].lay(price, size, self.liquidity, self.spec.tick)

    def _sweep(self, half: Half, price: Decimal, size: Decimal = ZERO) -> Decimal:
        used = ZERO
        while half.own and (half.better(half.own[0].price, price) or half.own[0].price == price):
            order = half.own[0]
            beyond = order.price != price
            part = order.remaining if beyond else min(order.remaining, size - used)
            if not part:
                break
            used += ZERO if beyond else part
            self._fill(order, self._public(order.price, part, opposite(order.side)), maker=True)
        return used

    def _work(self, order: Order) -> None:
        order.working_time = self._now()
        if not self._forbids_itself(order):
            self._match(order, self._halves[opposite(order.side)])
            if not order.open:
                return
            if order.price and order.time_in_force not in {"IOC", "FOK"}:
                own = self._halves[order.side]
                order.queue = own.outside_at(order.price)
                own.add(order)
                return
        self._end(order, "EXPIRED")

    def _forbids_itself(self, order: Order) -> bool:
        """Return whether an order would rather not be than take, or than fill in part."""
        if order.time_in_force == "GTX":
            return self.crosses(order.side, order.price)
        return order.time_in_force == "FOK" and not self._fillable(order)

    def _match(self, order: Order, half: Half) -> None:
        while order.open and (rival := half.first) is not None:
            price = rival.price
            wanted = self._wanted(order, price)
            if not order.accepts(price) or not wanted:
                return
            if not isinstance(rival, Order):
                part = min(wanted, rival.size)
                half.take(rival, part)
                self._fill(order, self._public(price, part, order.side), maker=False)
            elif rival.account != order.account or order.self_trade == "NONE":
                part = min(wanted, rival.remaining)
                trade = self._public(price, part, order.side)
                self._fill(rival, trade, maker=True, against=order)
                self._fill(order, trade, maker=False, against=rival)
            else:
                self._prevent(order, rival)

    def _prevent(self, taker: Order, maker: Order) -> None:
        number, self._prevented = self._prevented, self._prevented + 1
        ending = {"EXPIRE_TAKER": (taker,), "EXPIRE_MAKER": (maker,)}.get(taker.self_trade, (maker, taker))
        if maker in ending:
            match = {"preventedMatchId": number, "makerOrderId": maker.id, "price": eight(maker.price)}
            taker.spared.append(match | {"makerPreventedQuantity": eight(maker.remaining)})
        for order in ending:
            # However small the other one is, all that is left of an order expires.
            order.prevented, order.prevention = order.remaining, number
            self._remove(order)
            self._end(order, "EXPIRED_IN_MATCH")

    def _wanted(self, order: Order, price: Decimal) -> Decimal:
        if order.budget:
            return cut((order.budget - order.turnover) / price, self.spec.step)
        return order.remaining

    def _fillable(self, order: Order) -> bool:
        size = ZERO
        for price, level in self._halves[opposite(order.side)].depth():
            if not order.accepts(price) or size >= order.remaining:
                break
            size += level
        return size >= order.remaining

    def _public(self, price: Decimal, quantity: Decimal, taker: Side) -> Trade:
        self.trade_id += 1
        self.last = price
        trade = Trade(self.trade_id, price, quantity, self._now(), taker == "SELL")
        self._listener.traded(self, trade)
        return trade

    def _fill(self, order: Order, trade: Trade, *, maker: bool, against: Order | None = None) -> None:
        fill = Fill(order, trade.id, trade.price, trade.quantity, maker, trade.time, against)
        order.executed += trade.quantity
        order.turnover += fill.turnover
        order.updated = trade.time
        if order.budget:
            order.quantity = order.executed
            order.status = "PARTIALLY_FILLED" if self._wanted(order, trade.price) else "FILLED"
        else:
            order.status = "PARTIALLY_FILLED" if order.remaining else "FILLED"
        if not order.open:
            self._halves[order.side].remove(order)
        self._listener.filled(self, fill)

    def _remove(self, order: Order) -> None:
        if order.working:
            self._halves[order.side].remove(order)
        elif order in self._stops:
            self._stops.remove(order)

    def _end(self, order: Order, status: str) -> None:
        order.status, order.updated = status, self._now()
        self._listener.ended(self, order)

    def _settle(self) -> None:
        while order := next(filter(self._triggers, self._stops), None):
            self._stops.remove(order)
            order.working = True
            self._listener.triggered(self, order)
            if order.open:
                self._work(order)
        self.update_id += 1
        self._listener.quoted(self)

    def _triggers(self, order: Order) -> bool:
        rising = (order.side == "BUY") == order.type.startswith("STOP")
        return self.last >= order.stop_price if rising else self.last <= order.stop_price
