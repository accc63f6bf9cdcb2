"""What a futures order must look like: its parameters read and measured by the filters of its market."""

from __future__ import annotations

import re
from decimal import Decimal

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Order
from tests.servers.binance.parameters import Call, mandatory
from tests.servers.binance.symbols import Spec
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_member import Conditional, Member
from tests.servers.binance.usdm_words import digits
from tests.servers.binance.words import ZERO, Refusal, Side, fits

CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_TIMES = ("GTC", "IOC", "FOK", "GTX")
_BOOLEAN = ("true", "false", "True", "False")


def read_order(futures: Futures, member: Member, call: Call) -> Order:
    """Return the order of a request, not yet placed, or refuse it."""
    market = futures.market(call.text("symbol"))
    side = call.side()
    kind = call.choice("type", ("LIMIT", "MARKET", *CONDITIONAL))
    if kind in CONDITIONAL:
        raise Refusal(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    _check_position_side(member, call)
    limit, reduce_only = kind == "LIMIT", call.flag("reduceOnly")
    quantity = _quantity(call, market.spec, limit=limit)
    time_in_force = _time_in_force(call, limit=limit)
    price = _price(call, "price", market.spec) if limit else ZERO
    if not limit and "price" in call:
        raise Refusal(-1106, "Parameter 'price' sent when not required.")
    number = next(futures.numbers)
    order = Order(
        id=number,
        client_id=_client_id(call, "newClientOrderId", number),
        account=member.name,
        symbol=market.spec.symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price,
        time_in_force=time_in_force,
        self_trade=call.choice(
            "selfTradePreventionMode", ("NONE", *market.spec.self_trade_modes), market.spec.self_trade
        ),
        reduce_only=reduce_only,
        time=futures.now(),
        updated=futures.now(),
    )
    measure(futures, market, order)
    return order


def measure(futures: Futures, market: Market, order: Order) -> None:
    """Refuse an order that the state of its market forbids."""
    spec, mark = market.spec, futures.marks[order.symbol]
    if not spec.trading:
        raise Refusal(-4108, "This contract is on delivering or delivered or closed or pre-trading.")
    if order.price:
        _check_band(order.side, order.price, spec, mark)
    value = order.quantity * (order.price or mark)
    if value < spec.min_notional and not order.reduce_only:
        least = f"{spec.min_notional.normalize():f}"
        raise Refusal(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
    if not order.price and not market.depth("SELL" if order.side == "BUY" else "BUY", 1):
        raise Refusal(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")


def read_conditional(futures: Futures, member: Member, call: Call) -> Conditional:
    """Return the conditional order of a request, not yet accepted, or refuse it."""
    call.choice("algoType", ("CONDITIONAL",))
    market = futures.market(call.text("symbol"))
    side = call.side()
    kind = call.choice("type", CONDITIONAL[:-1])
    _check_position_side(member, call)
    trigger = _price(call, "triggerPrice", market.spec)
    limit, close, reduce_only = not kind.endswith("MARKET"), call.flag("closePosition"), call.flag("reduceOnly")
    if close:
        _check_closing(call, kind)
    if not limit and "price" in call:
        raise Refusal(-1106, "Parameter 'price' sent when not required.")
    return Conditional(
        id=0,
        client_id=_client_id(call, "clientAlgoId", next(futures.numbers)),
        symbol=market.spec.symbol,
        side=side,
        type=kind,
        trigger=trigger,
        quantity=ZERO if close else _quantity(call, market.spec, limit=limit),
        price=_price(call, "price", market.spec) if limit else ZERO,
        time_in_force=call.choice("timeInForce", (*_TIMES, "GTE_GTC"), "GTC"),
        working_type=call.choice("workingType", ("MARK_PRICE", "CONTRACT_PRICE"), "CONTRACT_PRICE"),
        reduce_only=reduce_only,
        close=close,
        protect=call.text("priceProtect", "false").lower() == "true",
        self_trade=call.choice(
            "selfTradePreventionMode", ("NONE", *market.spec.self_trade_modes), market.spec.self_trade
        ),
    )


def _check_closing(call: Call, kind: str) -> None:
    if not kind.endswith("MARKET"):
        raise Refusal(-4136, "Target strategy invalid for orderType " + kind + ",closePosition true")
    if "quantity" in call:
        raise Refusal(-4137, "Quantity must be zero with closePosition equals true")
    if "reduceOnly" in call:
        raise Refusal(-1106, "Parameter 'reduceOnly' sent when not required.")


def _check_position_side(member: Member, call: Call) -> None:
    side = call.choice("positionSide", ("BOTH", "LONG", "SHORT"), "BOTH")
    if (side == "BOTH") == member.hedged:
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    if member.hedged:
        raise Refusal(-1000, "The exchange of the tests holds no hedged positions.", 501)


def _client_id(call: Call, name: str, number: int) -> str:
    if name not in call:
        return f"Lb{number}"
    text = call.text(name)
    if len(text) > 36:
        raise Refusal(-4015, "Client order id length should not be more than 36 chars")
    if not re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", text):
        raise Refusal(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{{1,36}}$'."
        )
    return text


def _time_in_force(call: Call, *, limit: bool) -> str:
    if not limit:
        if "timeInForce" in call:
            raise Refusal(-1106, "Parameter 'timeInForce' sent when not required.")
        return "GTC"
    if not call.text("timeInForce", ""):
        raise mandatory("timeInForce")
    return call.choice("timeInForce", _TIMES)


def _quantity(call: Call, spec: Spec, *, limit: bool) -> Decimal:
    if not call.text("quantity", ""):
        raise mandatory("quantity")
    quantity = call.decimal("quantity")
    if quantity <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    _check_precision(quantity, spec.step)
    least, most = spec.min_quantity, spec.max_quantity
    if not limit:
        least, most = max(least, spec.market_min_quantity), min(most, spec.market_max_quantity)
    if quantity < least:
        raise Refusal(-4004, "Quantity less than min quantity.")
    if quantity > most:
        raise Refusal(-4005, "Quantity greater than max quantity.")
    if not fits(quantity, spec.step, spec.min_quantity):
        raise Refusal(-4023, "Qty not increased by step size.")
    return quantity


def _price(call: Call, name: str, spec: Spec) -> Decimal:
    if not call.text(name, ""):
        raise mandatory(name)
    price = call.decimal(name)
    if price <= 0:
        raise Refusal(-4001, "Price less than 0.")
    _check_precision(price, spec.tick)
    if price < spec.min_price:
        raise Refusal(-4013, "Price less than min price.")
    if price > spec.max_price:
        raise Refusal(-4002, "Price greater than max price.")
    if not fits(price, spec.tick, spec.min_price):
        raise Refusal(-4014, "Price not increased by tick size.")
    return price


def _check_precision(value: Decimal, step: Decimal) -> None:
    if digits(value.normalize()) > digits(step):
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")


def _check_band(side: Side, price: Decimal, spec: Spec, mark: Decimal) -> None:
    if side == "BUY" and price > mark * spec.bid_up:
        raise Refusal(-4016, f"Limit price can't be higher than {mark * spec.bid_up:.{digits(spec.tick)}f}.")
    if side == "SELL" and price < mark * spec.ask_down:
        raise Refusal(-4024, f"Limit price can't be lower than {mark * spec.ask_down:.{digits(spec.tick)}f}.")
