"""From the parameters of a new spot order to an order: what the type needs, precision and every filter."""

from __future__ import annotations

from decimal import Decimal

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Order
from tests.servers.binance.parameters import Call, mandatory
from tests.servers.binance.symbols import Spec
from tests.servers.binance.words import ZERO, Refusal, fits

TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
NEEDS = frozenset({"symbol", "side", "type"})
MAY = frozenset(
    {
        "timeInForce",
        "quantity",
        "quoteOrderQty",
        "price",
        "newClientOrderId",
        "stopPrice",
        "newOrderRespType",
        "selfTradePreventionMode",
    }
)
_TAKES: dict[str, tuple[str, ...]] = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "LIMIT_MAKER": ("quantity", "price"),
    "MARKET": (),
    "STOP_LOSS": ("quantity", "stopPrice"),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "TAKE_PROFIT": ("quantity", "stopPrice"),
    "TAKE_PROFIT_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
}
_CONDITIONAL = ("timeInForce", "quantity", "price", "stopPrice", "quoteOrderQty")


def read_order(call: Call, spec: Spec, number: int, client_id: str, now: int) -> Order:
    """Return the order that a call asks for, not yet checked against the market."""
    kind = call.choice("type", TYPES)
    side = call.side()
    _check_presence(call, kind)
    quantity, price = _number(call, "quantity"), _number(call, "price")
    stop_price, budget = _number(call, "stopPrice"), _number(call, "quoteOrderQty")
    mode = call.choice("selfTradePreventionMode", (*spec.self_trade_modes, "NONE"), spec.self_trade)
    return Order(
        id=number,
        client_id=call.client_id("newClientOrderId", client_id),
        account=call.account,
        symbol=spec.symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price,
        time_in_force=call.choice("timeInForce", ("GTC", "IOC", "FOK"), "GTC"),
        stop_price=stop_price,
        budget=budget,
        self_trade=mode,
        time=now,
        updated=now,
        working=kind not in STOPS,
        details={"assets": (spec.base, spec.quote), "locked": ZERO},
    )


def _check_presence(call: Call, kind: str) -> None:
    takes = _TAKES[kind]
    for name in takes:
        if name not in call:
            raise mandatory(name)
    if kind == "MARKET":
        if ("quantity" in call) is ("quoteOrderQty" in call):
            raise mandatory("quantity")
        takes = ("quantity", "quoteOrderQty")
    for name in _CONDITIONAL:
        if name in call and name not in takes:
            raise Refusal(-1106, f"Parameter '{name}' sent when not required.")


def _number(call: Call, name: str) -> Decimal:
    if name not in call:
        return ZERO
    value = call.decimal(name)
    if -value.normalize().as_tuple().exponent > 8:  # type: ignore[operator]
        raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
    if not value:
        raise Refusal(-1013, f"Invalid {'price' if 'rice' in name else 'quantity'}.")
    return value


def check_filters(order: Order, market: Market, orders: int, stops: int) -> None:
    """Refuse an order that a filter of its symbol forbids, given the account's open orders there."""
    spec = market.spec
    if not spec.trading:
        raise Refusal(-1013, "Market is closed.")
    for failed, name in (
        (_price_fails(order, spec), "PRICE_FILTER"),
        (_far_away(order, market), "PERCENT_PRICE_BY_SIDE"),
        (_lot_fails(order, spec), "LOT_SIZE"),
        (_market_lot_fails(order, spec), "MARKET_LOT_SIZE"),
        (_notional_fails(order, market), "NOTIONAL"),
        (orders >= spec.max_orders, "MAX_NUM_ORDERS"),
        (not order.working and stops >= spec.max_algo_orders, "MAX_NUM_ALGO_ORDERS"),
    ):
        if failed:
            raise Refusal(-1013, f"Filter failure: {name}")


def _price_fails(order: Order, spec: Spec) -> bool:
    prices = [price for price in (order.price, order.stop_price) if price]
    return any(not spec.min_price <= price <= spec.max_price or not fits(price, spec.tick) for price in prices)


def _far_away(order: Order, market: Market) -> bool:
    if not order.price or not market.last:
        return False
    spec, average = market.spec, market.last
    up, down = (spec.bid_up, spec.bid_down) if order.side == "BUY" else (spec.ask_up, spec.ask_down)
    return not average * down <= order.price <= average * up


def _lot_fails(order: Order, spec: Spec) -> bool:
    if not order.quantity:
        return False
    return not spec.min_quantity <= order.quantity <= spec.max_quantity or not fits(order.quantity, spec.step)


def _market_lot_fails(order: Order, spec: Spec) -> bool:
    if order.price or not order.quantity:
        return False
    inside = spec.market_min_quantity <= order.quantity <= spec.market_max_quantity
    return not inside or not fits(order.quantity, spec.market_step)


def _notional_fails(order: Order, market: Market) -> bool:
    notional = order.budget or order.quantity * (order.price or order.stop_price or market.last)
    return notional < market.spec.min_notional or bool(order.price and notional > market.spec.max_notional)
