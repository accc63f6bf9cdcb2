"""What this process knows of the account's orders: their names on both sides, and what was told of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from decimal import Decimal

from data.orders import Fill, installation_of
from data.values import ZERO, Millis

_REMEMBERED = 2_048
"""Orders that are over, and fills; older ones are forgotten. Whoever asks for them asks the exchange."""
_NAMED = 4_096
"""Orders of which the name alone is kept, some 200 bytes each, so that trades looked at again need no question whose
they were: an answer about a thousand orders takes megabytes for a moment. Together they are as many as ten minutes of
heavy trading take."""


class _Own:
    __slots__ = ("ended", "exchange_id", "names", "symbol", "told", "watched")

    def __init__(self, symbol: str, exchange_id: str, watched: bool, told: Decimal) -> None:
        self.symbol, self.exchange_id, self.watched = symbol, exchange_id, watched
        self.told, self.ended = told, False
        self.names: list[tuple[str, str]] = []


class OwnOrders:
    """Order numbers are unique within one market, client ids within the account."""

    def __init__(self) -> None:
        """Know nothing."""
        self._orders: OrderedDict[str, _Own] = OrderedDict()
        self._names: dict[tuple[str, str], str] = {}
        self._past: dict[str, str] = {}
        self._fills: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._sending: dict[str, deque[Callable[[], None]]] = {}
        self._doubted: dict[str, Millis] = {}
        self.markets: set[str] = set()
        """Where there are, or were, orders of ours."""

    # -- names

    def learn(
        self, client_id: str, symbol: str, exchange_id: str, *, watched: bool = True, filled: Decimal = ZERO
    ) -> bool:
        """Remember an order that the exchange has accepted; return whether it is news.

        An order is watched while more may happen to it, unless it is somebody else's. What had ``filled`` of one that
        was asked for is up to those who compare the books: no stream tells it again.
        """
        self._doubted.pop(client_id, None)
        if client_id in self._orders:
            self.alias(client_id, symbol, exchange_id)
            return False
        ours = installation_of(client_id) is not None
        if ours:
            self.markets.add(symbol)
        self._orders[client_id] = _Own(symbol, exchange_id, watched and ours, filled)
        self.alias(client_id, symbol, exchange_id)
        self._forget()
        return True

    def alias(self, client_id: str, symbol: str, exchange_id: str) -> bool:
        """Remember that an order of the exchange belongs to a client id; return whether it is news."""
        name, own = (symbol, exchange_id), self._orders.get(client_id)
        if self._names.get(name) == client_id:
            return False
        self._names[name] = client_id
        if own is not None:
            own.names.append(name)
        return True

    def _forget(self) -> None:
        for _ in range(len(self._orders) - _REMEMBERED):
            client_id, own = self._orders.popitem(last=False)
            if own.watched:
                # An order that rests for weeks is old and still wanted: it goes to the end of the line.
                self._orders[client_id] = own
                continue
            for name in own.names:
                self.name(*name, self._names.pop(name))

    def name(self, symbol: str, exchange_id: str, client_id: str) -> None:
        """Remember what an order that is over was called, and nothing else of it."""
        self._past[_one(symbol, exchange_id)] = client_id
        if len(self._past) > _NAMED:
            del self._past[next(iter(self._past))]

    def exchange_id(self, client_id: str) -> str | None:
        """Return what the exchange calls an order, or None when it is not known here."""
        own = self._orders.get(client_id)
        return own.exchange_id if own is not None else None

    def client_id(self, symbol: str, exchange_id: str) -> str | None:
        """Return what we call an order of the exchange, or None when it is not known here."""
        return self._names.get((symbol, exchange_id)) or self._past.get(_one(symbol, exchange_id))

    # -- what was told

    def fresh(self, fill: Fill) -> bool:
        """Remember a fill; return whether it was not told before."""
        key = (fill.symbol, fill.trade_id, fill.client_id)
        if key in self._fills:
            return False
        self._fills[key] = None
        if len(self._fills) > _REMEMBERED:
            self._fills.popitem(last=False)
        own = self._orders.get(fill.client_id)
        if own is not None:
            own.told += fill.quantity
        return True

    def told(self, client_id: str) -> Decimal:
        """Return how much of an order the fills told so far add up to."""
        own = self._orders.get(client_id)
        return own.told if own is not None else ZERO

    def end(self, client_id: str) -> bool:
        """Remember that an order is over; return whether it is news."""
        own = self._orders.get(client_id)
        if own is None or own.ended:
            return False
        own.ended, own.watched = True, False
        return True

    def fulfil(self, client_id: str) -> None:
        """Remember that an order is filled wholly and that every fill was told."""
        if client_id in self._orders:
            self._orders[client_id].watched = False

    def watched(self) -> dict[str, str]:
        """Return the symbols of the orders to which more may happen, by client id."""
        return {client_id: own.symbol for client_id, own in self._orders.items() if own.watched}

    # -- orders on their way

    def sending(self, client_id: str) -> None:
        """Note that an order is on its way: that it ended must not be told before its answer."""
        self._sending[client_id] = deque()

    def sent(self, client_id: str, *, accepted: bool) -> None:
        """Note that the answer is there, and tell what waited for it unless the order never was."""
        if not accepted:
            self._doubted.pop(client_id, None)
        for tell in self._sending.pop(client_id, ()):
            if accepted:
                tell()

    def doubt(self, client_id: str, since: Millis) -> None:
        """Note that the answer to an order that left at an instant never came."""
        if client_id not in self._orders:
            self._doubted.setdefault(client_id, since)
            if len(self._doubted) > _REMEMBERED:
                del self._doubted[next(iter(self._doubted))]

    def doubted(self, client_id: str) -> Millis | None:
        """Return when an order left of which nothing was heard since, or None when there is no such doubt."""
        return self._doubted.get(client_id)

    def after_answer(self, client_id: str, tell: Callable[[], None]) -> None:
        """Tell something about an order now, or once its answer is there."""
        waiting = self._sending.get(client_id)
        if waiting is None:
            tell()
        else:
            waiting.append(tell)


def _one(symbol: str, exchange_id: str) -> str:
    """Return both in one text: of thousands, a dictionary of texts takes half as much as one of pairs in order."""
    return f"{symbol} {exchange_id}"
