"""Conditional orders: taken without a margin check, triggered by mark or last price, then an ordinary order."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tests.servers.binance.orders import Order
from tests.servers.binance.usdm_member import Conditional, Member
from tests.servers.binance.words import Refusal

if TYPE_CHECKING:
    from tests.servers.binance.usdm_engine import Futures


def accept(futures: Futures, member: Member, conditional: Conditional) -> Conditional:
    """Let a conditional order wait, or refuse it."""
    waiting = list(member.waiting())
    if any(other.client_id == conditional.client_id for other in waiting):
        raise Refusal(-4116, "ClientOrderId is duplicated.")
    same = [other for other in waiting if other.symbol == conditional.symbol]
    if len(same) >= futures.contracts[conditional.symbol].spec.max_algo_orders:
        raise Refusal(-4045, "Reach max stop order limit.")
    if conditional.close and any(_alike(other, conditional) for other in same):
        raise Refusal(
            -4130, "An open stop or take profit order with GTE and closePosition in the direction is existing."
        )
    if conditional.met(_price(futures, conditional)):
        raise Refusal(-2021, "Order would immediately trigger.")
    conditional.id = next(futures.conditional_numbers)
    conditional.created = conditional.updated = futures.now()
    member.conditionals[conditional.id] = conditional
    futures.announce_conditional(member, conditional)
    return conditional


def withdraw(futures: Futures, member: Member, conditional: Conditional) -> Conditional:
    """Cancel a conditional order that waits."""
    _turn(futures, member, conditional, "CANCELED")
    return conditional


def fire(futures: Futures) -> bool:
    """Trigger one conditional order whose price is there; return whether there was one."""
    for member in futures.members.values():
        for conditional in member.waiting():
            if conditional.met(_price(futures, conditional)):
                _trigger(futures, member, conditional)
                return True
    return False


def follow(futures: Futures, member: Member, order: Order) -> None:
    """Tell of the conditional order behind an order: once when it is in the book, once when it ended there."""
    conditional = order.details.get("conditional")
    if not isinstance(conditional, Conditional) or order.open or conditional.status != "TRIGGERED":
        return
    _turn(futures, member, conditional, "FINISHED")


def _alike(one: Conditional, other: Conditional) -> bool:
    kind = one.type.startswith("STOP") == other.type.startswith("STOP")
    return one.close and one.side == other.side and kind


def _price(futures: Futures, conditional: Conditional) -> Decimal:
    if conditional.working_type == "MARK_PRICE":
        return futures.marks[conditional.symbol]
    return futures.markets[conditional.symbol].last


def _turn(futures: Futures, member: Member, conditional: Conditional, status: str, reason: str = "") -> None:
    conditional.status, conditional.updated, conditional.reason = status, futures.now(), reason
    futures.announce_conditional(member, conditional)


def _trigger(futures: Futures, member: Member, conditional: Conditional) -> None:
    conditional.triggered = futures.now()
    held = member.account.positions[conditional.symbol].quantity * (-1 if conditional.side == "BUY" else 1)
    if conditional.close and held <= 0:
        _turn(futures, member, conditional, "EXPIRED")
        return
    _turn(futures, member, conditional, "TRIGGERING")
    if futures.triggers_stick:
        return
    order = _order(futures, member, conditional)
    if conditional.close:
        order.quantity = held
    try:
        futures.place(member, order)
    except Refusal as refusal:
        _turn(futures, member, conditional, "REJECTED", refusal.message)
        return
    conditional.order = order
    _turn(futures, member, conditional, "TRIGGERED")
    follow(futures, member, order)


def _order(futures: Futures, member: Member, conditional: Conditional) -> Order:
    number = next(futures.numbers)
    return Order(
        id=number,
        client_id=conditional.client_id if futures.triggered_keep_client_id else f"Lb{number}",
        account=member.name,
        symbol=conditional.symbol,
        side=conditional.side,
        type=conditional.becomes,
        quantity=conditional.quantity,
        price=conditional.price,
        time_in_force=conditional.time_in_force,
        self_trade=conditional.self_trade,
        reduce_only=conditional.reduce_only or conditional.close,
        time=futures.now(),
        updated=futures.now(),
        details={"conditional": conditional, "close": conditional.close},
    )
