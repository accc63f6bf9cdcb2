"""Futures REST on orders: place, ask, cancel, the conditional ones, executions, the countdown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.servers.binance.limits import Limits
from tests.servers.binance.orders import Order
from tests.servers.binance.parameters import Call, mandatory
from tests.servers.binance.rest import Rest
from tests.servers.binance.usdm_checks import read_conditional, read_order
from tests.servers.binance.usdm_conditionals import accept, withdraw
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_member import Conditional, Member
from tests.servers.binance.usdm_words import answered, conditional_json, deal_json, order_json
from tests.servers.binance.words import Json, Refusal

WEEK = 604_800_000
_NAMES = {"orderId", "origClientOrderId"}
_PERIOD = {"startTime", "endTime", "limit"}
_COMMON = {
    "positionSide",
    "timeInForce",
    "quantity",
    "price",
    "reduceOnly",
    "newOrderRespType",
    "selfTradePreventionMode",
}
_ORDER = _COMMON | {"newClientOrderId"}
_CONDITIONAL = _COMMON | {"clientAlgoId", "workingType", "priceProtect", "closePosition"}
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


class UsdmOrders:
    """The calls below ``/fapi/v1`` that deal with orders."""

    def __init__(self, futures: Futures, rest: Rest, limits: Limits) -> None:
        self._futures = futures
        self._limits = limits
        algo, one = "/fapi/v1/algoOrder", {"symbol"}
        self._add_plain(partial(rest.add, limits=limits, right="futures"), "/fapi/v1/order")
        self._add_reading(partial(rest.add, limits=limits, right="read"))
        add = partial(rest.add, limits=limits, right="futures")
        needs = {"symbol", "side", "type", "algoType", "triggerPrice"}
        add("POST", algo, self.place_conditional, needs=needs, may=_CONDITIONAL, order=True, weight=0)
        add("DELETE", algo, self.cancel_conditional, may={"algoId", "clientAlgoId", "symbol"})
        add("DELETE", "/fapi/v1/algoOpenOrders", self.cancel_conditionals, needs=one)
        add = partial(rest.add, limits=limits, right="read")
        add("GET", algo, self.conditional, may={"algoId", "clientAlgoId", "symbol"})
        add("GET", "/fapi/v1/openAlgoOrders", self.conditionals, may={"symbol", "algoType", "algoId"})
        add(
            "GET",
            "/fapi/v1/allAlgoOrders",
            self.all_conditionals,
            needs=one,
            may={"algoId", "page", *_PERIOD},
            weight=5,
        )

    def _add_plain(self, add: Callable[..., None], order: str) -> None:
        needs, one = {"symbol", "side", "type"}, {"symbol"}
        add("POST", order, self.place, needs=needs, may=_ORDER, order=True, weight=0)
        add("POST", f"{order}/test", self.place_test, needs=needs, may=_ORDER)
        add("DELETE", order, self.cancel, needs=one, may=_NAMES)
        add("DELETE", "/fapi/v1/allOpenOrders", self.cancel_all, needs=one)
        add("POST", "/fapi/v1/countdownCancelAll", self.count_down, needs=one | {"countdownTime"}, weight=10)

    def _add_reading(self, add: Callable[..., None]) -> None:
        one, trades = {"symbol"}, {"orderId", "fromId", *_PERIOD}
        add("GET", "/fapi/v1/order", self.order, needs=one, may=_NAMES)
        add("GET", "/fapi/v1/openOrder", self.open_order, needs=one, may=_NAMES)
        add("GET", "/fapi/v1/openOrders", self.open_orders, may=one, weight=_weigh_open)
        add("GET", "/fapi/v1/allOrders", self.all_orders, needs=one, may={"orderId", *_PERIOD}, weight=5)
        add("GET", "/fapi/v1/userTrades", self.trades, needs=one, may=trades, weight=5)
        add("GET", "/fapi/v1/forceOrders", self.liquidations, may=one | {"autoCloseType", *_PERIOD}, weight=20)

    # -- orders

    def place(self, call: Call) -> Json:
        """Take a new order."""
        kind = call.choice("newOrderRespType", ("ACK", "RESULT"), "ACK")
        member = self._member(call)
        order = read_order(self._futures, member, call)
        acknowledged = self._answered(order)
        self._futures.place(member, order)
        return acknowledged if kind == "ACK" else self._answered(order)

    def place_test(self, call: Call) -> Json:
        """Check an order and forget it."""
        read_order(self._futures, self._member(call), call)
        return {}

    def order(self, call: Call) -> Json:
        """Tell an order."""
        order = self._named(call)
        if order is None:
            raise Refusal(-2013, "Order does not exist.")
        return self._json(order)

    def open_order(self, call: Call) -> Json:
        """Tell an open order."""
        order = self._named(call)
        if order is None or not order.open:
            raise Refusal(-2013, "Order does not exist.")
        return self._json(order)

    def open_orders(self, call: Call) -> list[Json]:
        """Tell the open orders."""
        return [self._json(order) for order in self._member(call).open_orders(self._symbol(call))]

    def all_orders(self, call: Call) -> list[Json]:
        """Tell the orders of a market, open or not."""
        symbol, first = self._symbol(call), call.integer("orderId", 0)
        since, until = self._period(call)
        orders = self._member(call).orders.values()
        found = [order for order in orders if order.symbol == symbol and order.id >= first]
        found = [order for order in found if since <= order.time <= until]
        return [self._json(order) for order in found[-call.integer("limit", 500, least=1, most=1_000) :]]

    def cancel(self, call: Call) -> Json:
        """Take an open order back."""
        order = self._named(call)
        if order is None or not order.open:
            raise Refusal(-2011, "Unknown order sent.")
        return self._answered(self._futures.cancel(self._member(call), order))

    def cancel_all(self, call: Call) -> Json:
        """Take every open order of a market back."""
        symbol = self._futures.market(call.text("symbol")).spec.symbol
        self._futures.cancel_all(self._member(call), symbol)
        return dict(_DONE)

    def count_down(self, call: Call) -> Json:
        """Cancel the orders of a market once the time is over, unless called again; 0 stops it."""
        symbol = self._futures.market(call.text("symbol")).spec.symbol
        wait, member = call.integer("countdownTime"), self._member(call)
        member.countdowns.pop(symbol, None)
        if wait:
            member.countdowns[symbol] = self._futures.now() + wait
        return {"symbol": symbol, "countdownTime": str(wait)}

    def trades(self, call: Call) -> list[Json]:
        """Tell the account's executions in a market."""
        symbol, limit = self._symbol(call), call.integer("limit", 500, least=1, most=1_000)
        spec = self._futures.market(call.text("symbol")).spec
        deals = [deal for deal in self._member(call).deals if deal.fill.order.symbol == symbol]
        if "orderId" in call:
            deals = [deal for deal in deals if deal.fill.order.id == call.integer("orderId")]
        if "fromId" in call:
            deals = [deal for deal in deals if deal.fill.trade_id >= call.integer("fromId")][:limit]
        else:
            since, until = self._period(call)
            deals = [deal for deal in deals if since <= deal.fill.time <= until]
            deals = deals[:limit] if "startTime" in call else deals[-limit:]
        return [deal_json(deal, spec) for deal in deals]

    def liquidations(self, call: Call) -> list[Json]:
        """Tell the orders by which the exchange closed positions."""
        symbol, orders = self._symbol(call), self._member(call).orders.values()
        found = [order for order in orders if "liquidation" in order.details and symbol in {None, order.symbol}]
        return [self._json(order) for order in found[-call.integer("limit", 50, least=1, most=100) :]]

    # -- conditional orders

    def place_conditional(self, call: Call) -> Json:
        """Take a new conditional order."""
        member = self._member(call)
        return self._conditional_json(accept(self._futures, member, read_conditional(self._futures, member, call)))

    def conditional(self, call: Call) -> Json:
        """Tell a conditional order."""
        conditional = self._named_conditional(call)
        if conditional is None:
            raise Refusal(-2013, "Order does not exist.")
        return self._conditional_json(conditional)

    def conditionals(self, call: Call) -> list[Json]:
        """Tell the conditional orders that wait."""
        return [self._conditional_json(each) for each in self._member(call).waiting(self._symbol(call))]

    def all_conditionals(self, call: Call) -> list[Json]:
        """Tell the conditional orders of a market, waiting or not."""
        symbol = self._symbol(call)
        since, until = self._period(call)
        everyone = self._member(call).conditionals.values()
        found = [each for each in everyone if each.symbol == symbol and since <= each.created <= until]
        return [self._conditional_json(each) for each in found[-call.integer("limit", 500, least=1, most=1_000) :]]

    def cancel_conditional(self, call: Call) -> Json:
        """Take a conditional order back."""
        conditional = self._named_conditional(call)
        if conditional is None or not conditional.open:
            raise Refusal(-2011, "Unknown order sent.")
        withdraw(self._futures, self._member(call), conditional)
        return {"algoId": conditional.id, "clientAlgoId": conditional.client_id, "code": "200", "msg": "success"}

    def cancel_conditionals(self, call: Call) -> Json:
        """Take every conditional order of a market back."""
        member = self._member(call)
        for conditional in member.waiting(self._futures.market(call.text("symbol")).spec.symbol):
            withdraw(self._futures, member, conditional)
        return dict(_DONE)

    # -- who and what is meant

    def _member(self, call: Call) -> Member:
        self._futures.pass_time()
        return self._futures.member(call.account)

    def _symbol(self, call: Call) -> str | None:
        return self._futures.market(call.text("symbol")).spec.symbol if "symbol" in call else None

    def _named(self, call: Call) -> Order | None:
        symbol = self._futures.market(call.text("symbol")).spec.symbol
        number = call.integer("orderId") if "orderId" in call else None
        if number is None and "origClientOrderId" not in call:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return self._member(call).find(symbol, number, call.text("origClientOrderId", ""))

    def _named_conditional(self, call: Call) -> Conditional | None:
        known = self._member(call).conditionals
        if "algoId" in call:
            return known.get(call.integer("algoId"))
        if "clientAlgoId" not in call:
            raise mandatory("algoId")
        name = call.text("clientAlgoId")
        return next((each for each in reversed(known.values()) if each.client_id == name), None)

    def _period(self, call: Call) -> tuple[int, int]:
        since, until = call.integer("startTime", 0), call.integer("endTime", 1 << 62)
        if {"startTime", "endTime"} <= call.params.keys() and until - since > WEEK:
            raise Refusal(-1127, "Lookup interval is too big.")
        if "startTime" in call and "endTime" not in call:
            until = since + WEEK
        return since, until

    def _json(self, order: Order) -> Json:
        return order_json(order, self._futures.contracts[order.symbol].spec)

    def _answered(self, order: Order) -> Json:
        return answered(order, self._futures.contracts[order.symbol].spec)

    def _conditional_json(self, conditional: Conditional) -> Json:
        return conditional_json(conditional, self._futures.contracts[conditional.symbol].spec)


def _weigh_open(params: dict[str, str]) -> int:
    return 1 if "symbol" in params else 40
