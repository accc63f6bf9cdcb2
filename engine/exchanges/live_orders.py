"""Orders of one kind of market on a real exchange: placed once, cancelled, asked for by client id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, assert_never

from data.events import RejectReason
from data.market import Market
from data.orders import PROTECTION, Draft, OrderStatus, OrderType, Purpose, installation_of, parse_client_id
from data.values import ONE, Millis, Side, plain
from engine.exchanges.base import Accepted, OrderReport, Rejected, Submitted, Unknown
from engine.exchanges.book import outside_filters
from engine.exchanges.ccxt_client import Call, Client
from engine.exchanges.ccxt_markets import contract_size, decimal
from engine.exchanges.faults import AlreadyThere, Fault, NotThere, Refused, Throttled, Unauthorised, Unavailable
from engine.exchanges.order_socket import OrderSocket
from engine.exchanges.own_orders import OwnOrders
from engine.exchanges.pacing import Lane
from engine.exchanges.quirks.base import Terms, capabilities

_STATUS = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceling": OrderStatus.CANCELLING,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.CANCELLED,
    "rejected": OrderStatus.REJECTED,
}
_OVER = frozenset({"canceled", "expired", "rejected"})
_LISTS = {
    "fetchOpenOrders": "fetch_open_orders",
    "fetchOrders": "fetch_orders",
    "fetchClosedOrders": "fetch_closed_orders",
    "fetchCanceledOrders": "fetch_canceled_orders",
}
_CLOSING = frozenset({Purpose.CLOSE, Purpose.PROTECT})
_FEW = 3
"""Orders that are rather asked for one by one than by a list."""
_LISTED = 1000
"""Orders asked for to find out which client ids are taken."""
_CLOCKS_APART: Millis = 10_000
"""How far before an order left its trades are looked for."""


class LiveOrders:
    """Places and finds orders through a client with a key."""

    def __init__(
        self,
        client: Client,
        own: OwnOrders,
        market: Callable[[str], Market],
        socket: OrderSocket | None = None,
    ) -> None:
        """``market`` returns a listed market or raises ``MarketUnknown``; post-only orders go over ``socket``."""
        self._client, self._own, self._market = client, own, market
        self._socket = socket
        self._can = capabilities(client.ccxt, client.kind)
        self._listings: dict[str, asyncio.Future[None]] = {}

    # -- placing

    async def submit(self, draft: Draft) -> Submitted:
        """Place an order under its client id; one that the exchange has seen under that id is not sent again."""
        refusal = outside_filters(draft, self._market(draft.symbol))
        if refusal:
            return Rejected(client_id=draft.client_id, reason=RejectReason.FILTER, message=refusal)
        try:
            await self._acquainted(draft)
        except Fault as fault:
            return Unknown(client_id=draft.client_id, message=str(fault))
        known = self._own.exchange_id(draft.client_id)
        if known is not None:
            return Accepted(client_id=draft.client_id, exchange_id=known)
        self._own.sending(draft.client_id)
        left_at = self._client.clock.now() + self._client.skew
        answer: Submitted = Unknown(client_id=draft.client_id, message="interrupted")
        try:
            answer = await self._place(draft)
        finally:
            self._own.sent(draft.client_id, accepted=not isinstance(answer, Rejected))
            if isinstance(answer, Unknown) and draft.type is OrderType.MARKET:
                self._own.doubt(draft.client_id, left_at)
        return answer

    async def _place(self, draft: Draft) -> Submitted:
        identity = draft.client_id
        try:
            placed = await self._send(draft)
        except Refused as fault:
            return Rejected(client_id=identity, reason=fault.reason, message=str(fault))
        except Unauthorised as fault:
            return Rejected(client_id=identity, reason=RejectReason.UNAUTHORISED, message=str(fault))
        except AlreadyThere as fault:
            return await self._found(draft, str(fault))
        except Fault as fault:
            # Also where surely nothing happened: whoever asks for it learns that, and sends it again.
            return Unknown(client_id=identity, message=str(fault))
        if draft.type is OrderType.LIMIT_MAKER and over(placed) and not decimal(placed.get("filled")):
            return Rejected(
                client_id=identity, reason=RejectReason.WOULD_TAKE, message="expired at once: it would take"
            )
        return self._accepted(draft, str(placed["id"]))

    async def _send(self, draft: Draft) -> Mapping[str, Any]:
        maker = self._client.part.maker
        if maker is not None and draft.type is OrderType.LIMIT_MAKER and not draft.reduce_only:
            call = maker.call if self._socket is None else self._socket.place
            told = await self._ordered(call, maker.request(self._maker(draft)), lane=Lane.GRID)
            return maker.read(self._client.ccxt, told)
        amount, price, params = self._terms(draft)
        kind = "limit" if draft.type in {OrderType.LIMIT, OrderType.LIMIT_MAKER} else "market"
        lane = Lane.GRID if kind == "limit" else Lane.STOP
        arguments = (draft.symbol, kind, draft.side.value, amount, price, params)
        return dict(await self._ordered("create_order", *arguments, lane=lane))

    async def _ordered(self, call: Call, *args: Any, lane: Lane) -> Any:
        try:
            return await self._client.change(call, *args, lane=lane, orders=1, name="create_order")
        except Throttled as fault:
            if fault.banned:
                raise
            # Nothing happened, and the budget lets nothing pass until the pause is over.
            return await self._client.change(call, *args, lane=lane, orders=1, name="create_order")

    def _maker(self, draft: Draft) -> Terms:
        size, identity = self._size(draft.symbol), draft.client_id
        amount = plain(draft.quantity if size == ONE else draft.quantity / size)
        return Terms(self._client.ccxt.markets[draft.symbol]["id"], draft.side, amount, plain(draft.price), identity)

    def _terms(self, draft: Draft) -> tuple[str, str | None, dict[str, Any]]:
        part, size = self._client.part, self._size(draft.symbol)
        amount = plain(draft.quantity if size == ONE else draft.quantity / size)
        # What ends a position must not wait until nothing of ours is in its way, however good the price there is.
        own = part.self_trade_closing if draft.purpose in _CLOSING else part.self_trade
        params: dict[str, Any] = {self._client.quirks.client_id: draft.client_id, **own}
        price: str | None = None
        match draft.type:
            case OrderType.LIMIT_MAKER:
                price = plain(draft.price)
                params |= part.post_only
            case OrderType.LIMIT:
                price = plain(draft.price)
            case OrderType.MARKET:
                pass
            case OrderType.STOP_MARKET:
                params |= {part.stop_price: plain(draft.price), **part.mark_trigger, **part.close_position}
            case _:
                assert_never(draft.type)
        if draft.reduce_only and draft.type is not OrderType.STOP_MARKET:
            params |= part.reduce_only
        return amount, price, params

    async def _found(self, draft: Draft, message: str) -> Submitted:
        """Return what a client id that is taken stands for."""
        try:
            report = await self.order(draft.client_id, draft.symbol)
        except Fault as fault:
            return Unknown(client_id=draft.client_id, message=str(fault))
        if report is None:
            return Unknown(client_id=draft.client_id, message=message)
        return self._accepted(draft, report.exchange_id)

    def _accepted(self, draft: Draft, exchange_id: str) -> Accepted:
        self._own.learn(draft.client_id, draft.symbol, exchange_id)
        return Accepted(client_id=draft.client_id, exchange_id=exchange_id)

    async def _acquainted(self, draft: Draft) -> None:
        """Know whether a client id is taken: an exchange lets the id of an order that is over be used again."""
        left_at = self._own.doubted(draft.client_id)
        if draft.purpose is Purpose.PROTECT:
            if self._own.exchange_id(draft.client_id) is None:
                await self.order(draft.client_id, draft.symbol)
        elif left_at is not None and draft.type is OrderType.MARKET:
            await self._sought(draft, left_at)
        else:
            await self._listed(draft.symbol)

    async def _sought(self, draft: Draft, left_at: Millis) -> None:
        """Look for a market order whose answer was lost in a new list and behind own trades.

        It may have filled at once, and been denied by an exchange that was behind; then no id is taken any more that
        would keep a second one out. Raises ``Unavailable`` while a trade may be its.
        """
        await self._learn(draft.symbol, Lane.STOP)
        if self._own.exchange_id(draft.client_id) is not None:
            return
        trades = await self._client.read(
            "fetch_my_trades", draft.symbol, left_at - _CLOCKS_APART, _LISTED, lane=Lane.STOP
        )
        for number in {str(trade["order"]) for trade in trades if trade["side"] == draft.side.value}:
            name = await self.client_id(draft.symbol, number, Lane.STOP)
            if not name and self._can.reads_order:
                raise Unavailable(f"{draft.symbol}: nobody tells whose order {number} is, which traded")

    async def _listed(self, symbol: str) -> None:
        """Know the newest orders of a market, asked for once."""
        listing = self._listings.get(symbol)
        if listing is None:
            listing = self._listings[symbol] = asyncio.ensure_future(self._learn(symbol))
        if not listing.done() or listing.exception() is not None:
            try:
                await asyncio.shield(listing)
            except Fault:
                self._listings.pop(symbol, None)
                raise

    async def _learn(self, symbol: str, lane: Lane = Lane.GRID) -> None:
        """Ask for the newest orders of a market, and remember them."""
        has = self._client.ccxt.has.get("fetchOrders") is True
        call, limit = ("fetch_orders", _LISTED) if has else ("fetch_open_orders", None)
        told = await self._client.read(call, symbol, None, limit, lane=lane)
        for found in told:
            if not never_was(found):
                self._report(found)

    # -- cancelling

    async def cancel(self, client_id: str, symbol: str) -> Mapping[str, Any] | None:
        """Take an order off the book; return what the exchange says of it, or None when it does not rest there."""
        try:
            return dict(await self._named("cancel_order", client_id, symbol, lane=Lane.CANCEL))
        except NotThere:
            return None

    async def _named(self, call: str, client_id: str, symbol: str, *, lane: Lane) -> Any:
        params = {self._client.quirks.client_id: client_id}
        if protects(client_id):
            params |= self._client.part.conditional
        if call == "cancel_order":
            return await self._client.change(call, None, symbol, params, lane=lane)
        return await self._client.read(call, None, symbol, params, lane=lane)

    # -- asking

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return what the exchange knows of an order, or None when it proves absent."""
        self._market(symbol)
        if not self._can.reads_order:
            return await self._searched(client_id, symbol)
        try:
            found = await self._named("fetch_order", client_id, symbol, lane=Lane.GRID)
        except NotThere:
            return None
        if never_was(found) and self._own.exchange_id(client_id) is None:
            return None
        return await self._triggered(self._report(found), found)

    async def _searched(self, client_id: str, symbol: str) -> OrderReport | None:
        """Look for an order where an exchange lists orders only."""
        for name, call in _LISTS.items():
            if self._client.ccxt.has.get(name):
                for found in await self._client.read(call, symbol, lane=Lane.GRID):
                    if found.get("clientOrderId") == client_id:
                        return self._report(found)
        return None

    async def _triggered(self, report: OrderReport, found: Mapping[str, Any]) -> OrderReport:
        """Return a conditional order as what its trigger made of it, where it was triggered."""
        exchange_id = triggered_id(self._client, found)
        if not exchange_id:
            return report
        self._own.alias(report.client_id, report.symbol, exchange_id)
        placed = await self._client.read("fetch_order", exchange_id, report.symbol, lane=Lane.GRID)
        return self._report({**placed, "clientOrderId": report.client_id, "triggerPrice": report.price})

    async def open_orders(self, symbol: str) -> list[OrderReport]:
        """Return all resting orders of the account on a market, conditional ones included."""
        self._market(symbol)
        found = await self._client.read("fetch_open_orders", symbol, lane=Lane.BOOKS)
        if conditional := self._client.part.conditional:
            found += await self._client.read("fetch_open_orders", symbol, None, None, conditional, lane=Lane.BOOKS)
        return [self._report(order) for order in found]

    async def client_ids(self, symbol: str, placed: Mapping[str, Millis]) -> dict[str, str]:
        """Return what orders of the exchange, by number with the instant each traded, were called by who placed them.

        Those that are remembered cost nothing; of the others, many are found with one question for the list.
        """
        found = {each: self._own.client_id(symbol, each) for each in placed}
        known = {each: name for each, name in found.items() if name is not None}
        unknown = placed.keys() - known.keys()
        if len(unknown) > _FEW and self._client.ccxt.has.get("fetchOrders") is True:
            for since in (None, min(placed[each] for each in unknown)):
                known |= await self._names(symbol, since)
                if len(placed.keys() - known.keys()) <= _FEW:
                    break
        return known | {each: await self.client_id(symbol, each) for each in placed.keys() - known.keys()}

    async def _names(self, symbol: str, since: Millis | None) -> dict[str, str]:
        """Return what the newest orders of a market were called, or the first ones since an instant, by number.

        Nothing else of them is remembered: most are over, and those that are not would have to make room for them.
        """
        told = await self._client.read("fetch_orders", symbol, since, _LISTED, lane=Lane.BOOKS)
        names: dict[str, str] = {}
        for found in told:
            if not never_was(found):
                exchange_id = str(found["id"])
                known = self._own.client_id(symbol, exchange_id)
                names[exchange_id] = str(found.get("clientOrderId") or "") if known is None else known
                if known is None:
                    self._own.name(symbol, exchange_id, names[exchange_id])
        return names

    async def client_id(self, symbol: str, exchange_id: str, lane: Lane = Lane.BOOKS) -> str:
        """Return what an order of the exchange was called by whoever placed it, or an empty text."""
        if self._own.client_id(symbol, exchange_id) is None:
            await self._listed(symbol)
        known = self._own.client_id(symbol, exchange_id)
        if known is not None or not self._can.reads_order:
            return known or ""
        try:
            found = await self._client.read("fetch_order", exchange_id, symbol, lane=lane)
        except NotThere:
            return ""
        return self._report(found).client_id

    def _report(self, found: Mapping[str, Any]) -> OrderReport:
        symbol, exchange_id = str(found["symbol"]), str(found["id"])
        size = self._size(symbol)
        # Of a triggered conditional order the exchange knows two names; the first one is ours.
        client_id = self._own.client_id(symbol, exchange_id) or str(found.get("clientOrderId") or "")
        status = _STATUS.get(str(found.get("status")), OrderStatus.OPEN)
        report = OrderReport(
            client_id=client_id,
            exchange_id=exchange_id,
            symbol=symbol,
            side=Side(found["side"]),
            price=decimal(found.get("price")) or decimal(found.get("triggerPrice")) or decimal(found.get("average")),
            quantity=decimal(found.get("amount")) * size,
            filled=decimal(found.get("filled")) * size,
            status=status,
        )
        if client_id:
            self._own.learn(client_id, symbol, exchange_id, watched=status is OrderStatus.OPEN, filled=report.filled)
        return report

    def _size(self, symbol: str) -> Decimal:
        return contract_size(self._client.ccxt.markets[symbol])


def protects(client_id: str) -> bool:
    """Return whether a client id is that of a stop that waits on the exchange."""
    key = parse_client_id(client_id, installation_of(client_id) or "")
    return key is not None and key.slot == PROTECTION


def triggered_id(client: Client, found: Mapping[str, Any]) -> str:
    """Return the number of the order that the trigger of a conditional order placed, or an empty text."""
    info = found.get("info") or {}
    told = next((info[name] for name in client.part.triggered_ids if info.get(name)), "")
    return "" if str(told) == "0" else str(told)


def over(found: Mapping[str, Any]) -> bool:
    """Return whether an order of ccxt ended without being filled wholly."""
    return found.get("status") in _OVER


def never_was(found: Mapping[str, Any]) -> bool:
    """Return whether an order was accepted and thrown out at once, which counts as refused."""
    thrown_out = found.get("postOnly") and found.get("status") == "expired"
    return bool(thrown_out or found.get("status") == "rejected") and not decimal(found.get("filled"))
