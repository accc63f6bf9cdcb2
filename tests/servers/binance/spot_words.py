"""How spot writes orders, trades and accounts in JSON, in answers and in user events."""

from __future__ import annotations

from decimal import Decimal

from tests.servers.binance.orders import Fill, Order
from tests.servers.binance.words import ZERO, Json, eight


def order_json(order: Order) -> Json:
    """Return an order as GET order tells it."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": eight(order.price),
        "origQty": eight(order.quantity),
        "executedQty": eight(order.executed),
        "cummulativeQuoteQty": eight(order.turnover),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "stopPrice": eight(order.stop_price),
        "icebergQty": eight(ZERO),
        "time": order.time,
        "updateTime": order.updated,
        "isWorking": order.working,
        "workingTime": order.working_time,
        "origQuoteOrderQty": eight(order.budget),
        "selfTradePreventionMode": order.self_trade,
        **_prevented(order),
    }


def placed_json(order: Order, fills: list[Json], kind: str) -> Json:
    """Return the answer to a new order, as ACK, RESULT or FULL."""
    answer: Json = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": order.updated,
    }
    if kind == "ACK":
        return answer
    answer |= _body(order) | {"workingTime": order.working_time}
    if order.stop_price:
        answer["stopPrice"] = eight(order.stop_price)
    if kind == "FULL":
        answer["fills"] = fills
        if order.spared:
            answer["preventedMatches"] = order.spared
    return answer | {"selfTradePreventionMode": order.self_trade, **_prevented(order)}


def cancelled_json(order: Order, client_id: str) -> Json:
    """Return the answer to a cancel; the client id there is the cancel's own."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": client_id,
        "transactTime": order.updated,
        **_body(order),
        "selfTradePreventionMode": order.self_trade,
    }


def _body(order: Order) -> Json:
    return {
        "price": eight(order.price),
        "origQty": eight(order.quantity),
        "executedQty": eight(order.executed),
        "origQuoteOrderQty": eight(order.budget),
        "cummulativeQuoteQty": eight(order.turnover),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def _prevented(order: Order) -> Json:
    if not order.prevented:
        return {}
    return {"preventedMatchId": order.prevention, "preventedQuantity": eight(order.prevented)}


def execution(order: Order, kind: str, number: int, now: int, *, cancel_id: str = "", reason: str = "NONE") -> Json:
    """Return an executionReport of an order; a fill is laid over it."""
    event: Json = {
        "e": "executionReport",
        "E": now,
        "s": order.symbol,
        "c": cancel_id or order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": eight(order.quantity),
        "p": eight(order.price),
        "P": eight(order.stop_price),
        "F": eight(ZERO),
        "g": -1,
        "C": order.client_id if cancel_id else "",
        "x": kind,
        "X": order.status,
        "r": reason,
        "i": order.id,
        "l": eight(ZERO),
        "z": eight(order.executed),
        "L": eight(ZERO),
        "n": "0",
        "N": None,
        "T": order.updated,
        "t": -1,
        "I": number,
        "w": order.open and order.working,
        "m": False,
        "M": False,
        "O": order.time,
        "Z": eight(order.turnover),
        "Y": eight(ZERO),
        "Q": eight(order.budget),
        "V": order.self_trade,
    }
    if order.working_time >= 0:
        event["W"] = order.working_time
    if kind == "TRADE_PREVENTION":
        event |= {"v": order.prevention, "A": eight(order.prevented), "B": eight(order.prevented)}
    return event


def filled(fill: Fill, commission: Decimal, asset: str) -> Json:
    """Return what an executionReport adds for a fill."""
    return {
        "l": eight(fill.quantity),
        "L": eight(fill.price),
        "Y": eight(fill.turnover),
        "n": eight(commission),
        "N": asset,
        "t": fill.trade_id,
        "m": fill.maker,
        "M": True,
    }
