"""Futures orders and what happens to them, as JSON."""

from __future__ import annotations

from decimal import Decimal

from tests.servers.binance.orders import Order
from tests.servers.binance.symbols import Spec
from tests.servers.binance.usdm_account import Account, coins
from tests.servers.binance.usdm_member import Conditional, Deal
from tests.servers.binance.words import ZERO, Json

EXPIRIES = {"self trade": "1", "immediate": "2", "knocked out": "4", "liquidated": "5", "no counterparty": "9"}


def digits(step: Decimal) -> int:
    """Return how many decimals a step has."""
    return max(0, -int(step.as_tuple().exponent))


def at(value: Decimal, step: Decimal) -> str:
    """Write a number with the decimals of a step, and nothing as ``0``."""
    return f"{value:.{digits(step)}f}" if value else "0"


def size(value: Decimal, spec: Spec) -> str:
    """Write a quantity."""
    return f"{value:.{digits(spec.step)}f}"


def asked(order: Order) -> Decimal:
    """Return the quantity an order was sent with, before a smaller position cut it."""
    quantity = order.details.get("asked", order.quantity)
    assert isinstance(quantity, Decimal)
    return quantity


def average(order: Order) -> Decimal:
    """Return the mean price of what was traded."""
    return order.turnover / order.executed if order.executed else ZERO


def order_json(order: Order, spec: Spec) -> Json:
    """Write an order as every call on orders answers it."""
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": f"{order.price:.{digits(spec.tick)}f}",
        "avgPrice": f"{average(order):.5f}",
        "origQty": size(asked(order), spec),
        "executedQty": size(order.executed, spec),
        "cumQuote": f"{order.turnover:.5f}",
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.self_trade,
        "goodTillDate": 0,
        "priceProtect": False,
        "origType": order.details.get("born", order.type),
        "time": order.time,
        "updateTime": order.updated,
    }


def answered(order: Order, spec: Spec) -> Json:
    """Write an order as placing and cancelling answer it."""
    body = order_json(order, spec)
    del body["time"]
    return body | {"cumQty": body["executedQty"]}


def deal_json(deal: Deal, spec: Spec) -> Json:
    """Write an execution."""
    fill = deal.fill
    return {
        "symbol": fill.order.symbol,
        "id": fill.trade_id,
        "orderId": fill.order.id,
        "side": fill.order.side,
        "price": f"{fill.price:.{digits(spec.tick)}f}",
        "qty": size(fill.quantity, spec),
        "realizedPnl": coins(deal.realised),
        "quoteQty": coins(fill.price * fill.quantity),
        "commission": coins(deal.fee),
        "commissionAsset": spec.quote,
        "time": fill.time,
        "positionSide": "BOTH",
        "buyer": fill.order.side == "BUY",
        "maker": fill.maker,
    }


def order_event(order: Order, spec: Spec, execution: str, now: int, deal: Deal | None = None) -> Json:
    """Write ORDER_TRADE_UPDATE."""
    body: Json = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": size(asked(order), spec),
        "p": at(order.price, spec.tick),
        "ap": at(average(order), Decimal("0.00001")),
        "sp": "0",
        "x": execution,
        "X": order.status,
        "i": order.id,
        "l": size(deal.fill.quantity, spec) if deal else "0",
        "z": at(order.executed, spec.step),
        "L": at(deal.fill.price, spec.tick) if deal else "0",
        "n": coins(deal.fee) if deal else "0",
        "N": spec.quote,
        "T": deal.fill.time if deal else order.updated,
        "t": deal.fill.trade_id if deal else 0,
        "b": "0",
        "a": "0",
        "m": deal.fill.maker if deal else False,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": order.details.get("born", order.type),
        "ps": "BOTH",
        "cp": order.details.get("close", False),
        "rp": coins(deal.realised) if deal else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": order.self_trade,
        "pm": "NONE",
        "gtd": 0,
        "er": EXPIRIES.get(order.reason, "0"),
    }
    return {"e": "ORDER_TRADE_UPDATE", "T": order.updated, "E": now, "o": body}


def account_event(account: Account, reason: str, symbols: list[str], now: int, change: Decimal = ZERO) -> Json:
    """Write ACCOUNT_UPDATE with the positions of some markets; ``change`` is what neither trades nor fees explain."""
    positions = [account.positions[symbol] for symbol in symbols]
    return {
        "e": "ACCOUNT_UPDATE",
        "T": now,
        "E": now,
        "a": {
            "B": [
                {
                    "a": account.asset,
                    "wb": coins(account.wallet),
                    "cw": coins(account.cross),
                    "bc": coins(change) if change else "0",
                }
            ],
            "P": [
                {
                    "s": position.contract.symbol,
                    "pa": at(position.quantity, position.contract.spec.step),
                    "ep": at(position.entry, Decimal("0.00000001")),
                    "bep": at(position.entry, Decimal("0.00000001")),
                    "cr": coins(position.realised),
                    "up": coins(position.profit),
                    "mt": "isolated" if position.isolated else "cross",
                    "iw": coins(position.wallet) if position.isolated else "0",
                    "ps": "BOTH",
                    "ma": account.asset,
                }
                for position in positions
            ],
            "m": reason,
        },
    }


def margin_call(account: Account, symbols: list[str], now: int) -> Json:
    """Write MARGIN_CALL for the positions in danger."""
    return {
        "e": "MARGIN_CALL",
        "E": now,
        "cw": coins(account.cross),
        "p": [
            {
                "s": position.contract.symbol,
                "ps": "BOTH",
                "pa": at(position.quantity, position.contract.spec.step),
                "mt": position.margin,
                "iw": coins(position.wallet),
                "mp": coins(position.mark),
                "up": coins(position.profit),
                "mm": coins(position.maintenance),
            }
            for position in map(account.positions.__getitem__, symbols)
        ],
    }


def conditional_json(conditional: Conditional, spec: Spec) -> Json:
    """Write a conditional order as the calls on it answer."""
    order = conditional.order
    return {
        "algoId": conditional.id,
        "clientAlgoId": conditional.client_id,
        "algoType": "CONDITIONAL",
        "orderType": conditional.type,
        "symbol": conditional.symbol,
        "side": conditional.side,
        "positionSide": conditional.position_side,
        "timeInForce": conditional.time_in_force,
        "quantity": size(conditional.quantity, spec),
        "algoStatus": conditional.status,
        "actualOrderId": str(order.id) if order else "",
        "actualPrice": f"{average(order) if order else ZERO:.5f}",
        "actualType": order.type if order else "",
        "actualQty": size(order.executed if order else ZERO, spec),
        "triggerPrice": f"{conditional.trigger:.{digits(spec.tick)}f}",
        "price": f"{conditional.price:.{digits(spec.tick)}f}",
        "icebergQuantity": None,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
        "selfTradePreventionMode": conditional.self_trade,
        "workingType": conditional.working_type,
        "priceMatch": "NONE",
        "closePosition": conditional.close,
        "priceProtect": conditional.protect,
        "reduceOnly": conditional.reduce_only,
        "createTime": conditional.created,
        "updateTime": conditional.updated,
        "triggerTime": conditional.triggered,
        "goodTillDate": 0,
    }


def conditional_event(conditional: Conditional, spec: Spec, now: int) -> Json:
    """Write ALGO_UPDATE; what became of it in the book is told only once it is there."""
    order = conditional.order
    body: Json = {
        "caid": conditional.client_id,
        "aid": conditional.id,
        "at": "CONDITIONAL",
        "o": conditional.type,
        "s": conditional.symbol,
        "S": conditional.side,
        "ps": conditional.position_side,
        "f": conditional.time_in_force,
        "q": at(conditional.quantity, spec.step),
        "X": conditional.status,
        "ai": str(order.id) if order else "",
        "tp": at(conditional.trigger, spec.tick),
        "p": at(conditional.price, spec.tick),
        "V": conditional.self_trade,
        "wt": conditional.working_type,
        "pm": "NONE",
        "cp": conditional.close,
        "pP": conditional.protect,
        "R": conditional.reduce_only,
        "tt": conditional.triggered,
        "gtd": 0,
    }
    if order:
        done = conditional.status == "FINISHED"
        body["ap"] = at(average(order), Decimal("0.00001")) if done else "0"
        body["aq"] = at(order.executed, spec.step) if done else "0"
        body["act"] = order.type
    if conditional.reason:
        body["rm"] = conditional.reason
    return {"e": "ALGO_UPDATE", "T": conditional.updated, "E": now, "o": body}
