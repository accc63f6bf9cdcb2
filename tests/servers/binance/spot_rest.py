"""The private side of spot REST: orders, trades, the account."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.servers.binance.limits import Limits
from tests.servers.binance.orders import Order
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest
from tests.servers.binance.spot import Spot
from tests.servers.binance.spot_account import SpotAccount
from tests.servers.binance.spot_check import MAY, NEEDS, read_order
from tests.servers.binance.spot_words import cancelled_json, order_json, placed_json
from tests.servers.binance.words import ZERO, Json, Refusal, eight

DAY = 86_400_000
_NAMES = {"orderId", "origClientOrderId"}
_PERIOD = {"startTime", "endTime", "limit"}
_RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


class SpotRest:
    """The private calls below ``/api/v3``."""

    def __init__(self, spot: Spot, rest: Rest, limits: Limits) -> None:
        self._spot = spot
        self._limits = limits
        order, add = "/api/v3/order", partial(rest.add, limits=limits, right="spot")
        add("POST", order, self.place, needs=NEEDS, may=MAY, order=True)
        add("POST", f"{order}/test", self.place_test, needs=NEEDS, may=MAY | {"computeCommissionRates"})
        cancel_may = _NAMES | {"newClientOrderId", "cancelRestrictions"}
        add("DELETE", order, self.cancel, needs={"symbol"}, may=cancel_may)
        add("DELETE", "/api/v3/openOrders", self.cancel_all, needs={"symbol"})
        replace_may = MAY | {"cancelNewClientOrderId", "cancelOrigClientOrderId", "cancelOrderId", "cancelRestrictions"}
        replace = f"{order}/cancelReplace"
        add("POST", replace, self.replace, needs=NEEDS | {"cancelReplaceMode"}, may=replace_may, order=True)
        self._add_reading(rest)

    def _add_reading(self, rest: Rest) -> None:
        add, one = partial(rest.add, limits=self._limits, right="read"), {"symbol"}
        add("GET", "/api/v3/order", self.order, needs=one, may=_NAMES, weight=4)
        add("GET", "/api/v3/openOrders", self.open_orders, may=one, weight=_weigh_open)
        add("GET", "/api/v3/allOrders", self.all_orders, needs=one, may={"orderId", *_PERIOD}, weight=20)
        may = {"orderId", "fromId", *_PERIOD}
        add("GET", "/api/v3/myTrades", self.trades, needs=one, may=may, weight=_weigh_trades)
        add("GET", "/api/v3/account", self.account, may={"omitZeroBalances"}, weight=20)
        add("GET", "/api/v3/account/commission", self.commission, needs=one, weight=20)
        add("GET", "/api/v3/rateLimit/order", self.order_limits, weight=40)

    # -- orders

    def place(self, call: Call) -> Json:
        """Take a new order."""
        account = self._account(call)
        order = self._read(call)
        known = len(account.trades)
        self._spot.place(order)
        kind = "FULL" if order.type in {"LIMIT", "MARKET"} else "ACK"
        kind = call.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), kind)
        fills = [each.in_order() for each in account.trades[known:] if each.fill.order is order]
        return placed_json(order, fills, kind)

    def place_test(self, call: Call) -> Json:
        """Check an order and forget it."""
        self._spot.place(self._read(call), test=True)
        return {}

    def cancel(self, call: Call) -> Json:
        """Take an open order back."""
        symbol = self._spot.market(call.text("symbol")).spec.symbol
        order = self._named(call, symbol, "orderId", "origClientOrderId")
        return self._cancel(call, order, call.client_id("newClientOrderId", self._spot.client_id()))

    def cancel_all(self, call: Call) -> list[Json]:
        """Take every open order of a symbol back."""
        orders = self._account(call).open(self._spot.market(call.text("symbol")).spec.symbol)
        if not orders:
            raise Refusal(-2011, "Unknown order sent.")
        return [self._cancel(call, order, self._spot.client_id()) for order in orders]

    def replace(self, call: Call) -> Json:
        """Take an order back and place another in its stead, both or, as the call wants it, one of them."""
        mode = call.choice("cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
        new = self._read(call)
        told: Json = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
        try:
            old = self._named(call, new.symbol, "cancelOrderId", "cancelOrigClientOrderId")
            cancel_id = call.client_id("cancelNewClientOrderId", self._spot.client_id())
            told["cancelResponse"] = self._cancel(call, old, cancel_id)
        except Refusal as refusal:
            told |= {"cancelResult": "FAILURE", "cancelResponse": refusal.body}
        if told["cancelResult"] == "SUCCESS" or mode == "ALLOW_FAILURE":
            try:
                self._spot.place(new)
                told |= {"newOrderResult": "SUCCESS", "newOrderResponse": placed_json(new, [], "RESULT")}
            except Refusal as refusal:
                told |= {
                    "newOrderResult": "FAILURE",
                    "newOrderResponse": {"code": refusal.code, "msg": refusal.message},
                }
        results = [told["cancelResult"], told["newOrderResult"]]
        if results != ["SUCCESS", "SUCCESS"]:
            partly = "SUCCESS" in results
            text = "Order cancel-replace partially failed." if partly else "Order cancel-replace failed."
            raise Refusal(-2021 if partly else -2022, text, 409 if partly else 400, data=told)
        return told

    def _cancel(self, call: Call, order: Order | None, cancel_id: str) -> Json:
        if not self._account(call).can_trade:
            raise Refusal(-2011, "This account may not place or cancel orders.")
        if order is None or not order.open:
            raise Refusal(-2011, "Unknown order sent.")
        wanted = call.choice("cancelRestrictions", ("", *_RESTRICTIONS), "")
        if wanted and order.status != _RESTRICTIONS[wanted]:
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        self._spot.cancel(order, cancel_id)
        return cancelled_json(order, cancel_id)

    def _read(self, call: Call) -> Order:
        spot = self._spot
        spec = spot.market(call.text("symbol")).spec
        return read_order(call, spec, spot.next_order_id(), spot.client_id(), spot.now())

    def _named(self, call: Call, symbol: str, number: str, client_id: str) -> Order | None:
        if number not in call and client_id not in call:
            text = f"Param '{client_id}' or '{number}' must be sent, but both were empty/null!"
            raise Refusal(-1102, text)
        wanted = call.integer(number) if number in call else None
        name = call.client_id(client_id) if client_id in call else None
        return self._account(call).find(symbol, wanted, name)

    # -- reading

    def order(self, call: Call) -> Json:
        """Tell one order."""
        found = self._named(call, self._spot.market(call.text("symbol")).spec.symbol, "orderId", "origClientOrderId")
        if found is None:
            raise Refusal(-2013, "Order does not exist.")
        return order_json(found)

    def open_orders(self, call: Call) -> list[Json]:
        """Tell the open orders of one market or of all."""
        symbol = self._spot.market(call.text("symbol")).spec.symbol if "symbol" in call else None
        return [order_json(order) for order in self._account(call).open(symbol)]

    def all_orders(self, call: Call) -> list[Json]:
        """Tell orders of a market, open or not."""
        symbol = self._spot.market(call.text("symbol")).spec.symbol
        first, since, until, limit = call.integer("orderId", 0), *self._period(call)
        orders = [order for order in self._account(call).orders.values() if order.symbol == symbol]
        found = [order for order in orders if order.id >= first and since <= order.time <= until]
        found = found[:limit] if {"orderId", "startTime"} & call.params.keys() else found[-limit:]
        return [order_json(order) for order in found]

    def trades(self, call: Call) -> list[Json]:
        """Tell the account's trades in a market."""
        symbol = self._spot.market(call.text("symbol")).spec.symbol
        first, since, until, limit = call.integer("fromId", 0), *self._period(call)
        number = call.integer("orderId", 0)
        found = [
            trade
            for trade in self._account(call).trades
            if trade.symbol == symbol
            and trade.fill.trade_id >= first
            and since <= trade.fill.time <= until
            and number in {0, trade.fill.order.id}
        ]
        found.sort(key=lambda trade: trade.fill.trade_id)
        found = found[:limit] if {"fromId", "startTime"} & call.params.keys() else found[-limit:]
        return [trade.to_json() for trade in found]

    @staticmethod
    def _period(call: Call) -> tuple[int, int, int]:
        since, until = call.integer("startTime", 0), call.integer("endTime", 1 << 62)
        if {"startTime", "endTime"} <= call.params.keys() and until - since > DAY:
            raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
        return since, until, call.integer("limit", 500, least=1, most=1_000)

    def account(self, call: Call) -> Json:
        """Tell balances and rates."""
        account = self._account(call)
        rates = {"maker": eight(account.maker), "taker": eight(account.taker), "buyer": eight(ZERO)}
        balances = [{"asset": a, "free": eight(f), "locked": eight(locked)} for a, f, locked in account.balances()]
        return {
            "makerCommission": int(account.maker * 10_000),
            "takerCommission": int(account.taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {**rates, "seller": eight(ZERO)},
            "canTrade": account.can_trade,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": account.updated,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": 354_937_868,
        }

    def commission(self, call: Call) -> Json:
        """Tell the fee rates of a market."""
        symbol, account = self._spot.market(call.text("symbol")).spec.symbol, self._account(call)
        none = {name: eight(ZERO) for name in ("maker", "taker", "buyer", "seller")}
        rates = {**none, "maker": eight(account.maker), "taker": eight(account.taker)}
        discount: dict[str, Any] = {"enabledForAccount": account.burns_bnb, "enabledForSymbol": True}
        return {
            "symbol": symbol,
            "standardCommission": rates,
            "specialCommission": none,
            "taxCommission": none,
            "discount": {**discount, "discountAsset": "BNB", "discount": "0.75000000"},
        }

    def order_limits(self, call: Call) -> list[dict[str, str | int]]:
        """Tell the order limits and how much of them is used."""
        return self._limits.order_counts(call.account)

    def _account(self, call: Call) -> SpotAccount:
        return self._spot.account(call.account)


def _weigh_open(params: dict[str, str]) -> int:
    return 6 if "symbol" in params else 80


def _weigh_trades(params: dict[str, str]) -> int:
    return 5 if "orderId" in params else 20
