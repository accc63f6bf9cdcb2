"""Orders that the exchange denies knowing: one that was told of before may rest all the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data.events import OrderAbsent, OrderAccepted, OrderCancelled, OrderUnknown
from data.grids import Direction
from data.orders import OrderStatus, Purpose
from data.values import ZERO, Side
from tests.engine.perpetual_desk import NOW, Desk

D = Decimal


def denied(desk: Desk, client_id: str) -> tuple[list[str], list[str]]:
    """Deny an order and return what is asked off the book and what is placed."""
    outcome = desk.engine.step(OrderAbsent(at=NOW, client_id=client_id))
    return [each.client_id for each in outcome.cancels], [each.draft.client_id for each in outcome.approved]


@pytest.mark.parametrize("told", ["accepted", "filled in part", "both"])
def test_an_order_that_was_told_of_is_taken_off_before_its_denial_makes_room_for_another(told: str) -> None:
    desk = Desk(Direction.LONG)
    bid = desk.order(4, Side.BUY)
    desk.engine.step(OrderUnknown(at=NOW, client_id=bid.client_id))
    if told != "filled in part":
        desk.engine.step(OrderAccepted(at=NOW, client_id=bid.client_id, exchange_id="77"))
    if told != "accepted":
        desk.fill(bid, D("0.5"))
    rests = desk.bot.slots[4].buying
    assert denied(desk, bid.client_id) == ([bid.client_id], [])
    assert (desk.engine.state.orders[bid.client_id].status, desk.bot.slots[4].buying) == (OrderStatus.CANCELLING, rests)
    ended = desk.engine.step(OrderCancelled(at=NOW, client_id=bid.client_id))
    (again,) = [each.draft for each in ended.approved if each.draft.side is Side.BUY]
    assert (again.slot, again.quantity, desk.bot.slots[4].buying) == (4, rests, rests)


def test_an_order_that_fills_while_it_is_denied_is_not_bought_twice() -> None:
    desk = Desk(Direction.LONG)
    bid = desk.order(4, Side.BUY)
    desk.engine.step(OrderAccepted(at=NOW, client_id=bid.client_id, exchange_id="77"))
    denied(desk, bid.client_id)
    desk.fill(bid)
    assert (desk.bot.slots[4].held, desk.bot.slots[4].buying) == (bid.quantity, ZERO)


def test_a_denial_after_the_cancel_is_believed() -> None:
    desk = Desk(Direction.LONG)
    bid = desk.order(4, Side.BUY)
    desk.engine.step(OrderAccepted(at=NOW, client_id=bid.client_id, exchange_id="77"))
    denied(desk, bid.client_id)
    cancels, placed = denied(desk, bid.client_id)
    assert (cancels, placed) == ([], [desk.order(4, Side.BUY).client_id])
    assert bid.client_id not in desk.engine.state.orders


def test_a_denial_is_not_believed_of_an_order_whose_trades_are_still_owed() -> None:
    desk = Desk(Direction.LONG)
    bid = desk.order(4, Side.BUY)
    desk.engine.step(OrderAccepted(at=NOW, client_id=bid.client_id, exchange_id="77"))
    desk.engine.step(OrderCancelled(at=NOW, client_id=bid.client_id, filled=D("0.5")))
    assert denied(desk, bid.client_id) == ([], [])
    desk.fill(bid, D("0.5"))
    assert bid.client_id not in desk.engine.state.orders
    assert (desk.bot.slots[4].held, desk.bot.slots[4].buying) == (D("0.5"), bid.quantity - D("0.5"))


def test_a_stop_that_is_denied_is_laid_again_once_it_is_surely_gone() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    desk.engine.step(OrderAccepted(at=NOW, client_id=guard.client_id, exchange_id="77"))
    assert denied(desk, guard.client_id) == ([guard.client_id], [])
    _, placed = denied(desk, guard.client_id)
    assert placed == [draft.client_id for draft in desk.drafts(Purpose.PROTECT)] != []
