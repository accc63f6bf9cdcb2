"""Slots whose line the price has crossed: tried again as makers, then as takers if that still earns."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec
import pytest

from data.advice import TradingState
from data.decisions import Rule
from data.events import OrderAccepted, OrderCancelled, OrderRejected, RejectReason, SetTradingState
from data.market import FeeAsset, Market
from data.orders import Draft, OrderStatus, OrderType
from data.values import ONE, ZERO, Side
from engine.grid.slots import Slot, violations
from engine.outcome import Outcome
from engine.rules.decision import TAKER_AFTER
from tests.engine.fake_exchange import MARKET, NOW, SPEC
from tests.engine.live import living
from tests.engine.test_core import Desk

D = Decimal
FINE = msgspec.structs.replace(SPEC, levels=41)
"""Lines half a unit apart: slot 19 buys at 99.5 for 100, slot 20 sells at 100.5 what cost 100."""

CROSSING = {Side.BUY: (19, "99.4"), Side.SELL: (20, "100.6")}
"""The slot next to the price, and a price on the wrong side of its line."""


def market(taker: str, asset: FeeAsset = FeeAsset.QUOTE) -> Market:
    fees = msgspec.structs.replace(MARKET.fees, taker=D(taker), asset=asset)
    return msgspec.structs.replace(MARKET, fees=fees)


def reject(desk: Desk, draft: Draft) -> Outcome:
    return desk.engine.step(
        OrderRejected(at=NOW, client_id=draft.client_id, reason=RejectReason.WOULD_TAKE, message="")
    )


def crossed(desk: Desk, side: Side, times: int) -> None:
    """Let the order beside the price be rejected ``times`` in a row, each retry again, with the price across its line.

    Every rejection but the last is followed by the tick that retries it.
    """
    slot, price = CROSSING[side]
    draft = desk.order(slot, side)
    for number in range(times):
        rejected = reject(desk, draft)
        assert rejected.approved == (), "nothing is sent into the same book again"
        assert [decision.rule for decision in rejected.decisions] == [Rule.PRICE_CROSSED]
        if number < times - 1:
            retried = desk.tick(price)
            assert [decision.rule for decision in retried.decisions] == [Rule.REPLACE_ORDER]
            (again,) = [each.draft for each in retried.approved]
            assert (again.slot, again.side, again.type) == (slot, side, OrderType.LIMIT_MAKER)
            assert (again.price, again.quantity) == (draft.price, draft.quantity)
            draft = again


@pytest.mark.parametrize("side", Side)
def test_a_rejected_slot_is_tried_again_at_the_next_tick_under_a_new_id(side: Side) -> None:
    desk = Desk(FINE)
    slot, price = CROSSING[side]
    first = desk.order(slot, side)
    crossed(desk, side, 1)
    (again,) = [each.draft for each in desk.tick(price).approved]
    assert again.type is OrderType.LIMIT_MAKER
    assert again.client_id != first.client_id
    assert desk.tick(price).sequence == 0, "it is on its way; ticks are quiet again"


@pytest.mark.parametrize("side", Side)
def test_a_slot_that_is_crossed_for_good_takes_at_its_line(side: Side) -> None:
    desk = Desk(FINE)
    slot, price = CROSSING[side]
    line = desk.order(slot, side).price
    crossed(desk, side, TAKER_AFTER)
    (taking,) = [each.draft for each in desk.tick(price).approved]
    assert (taking.slot, taking.side, taking.type, taking.price) == (slot, side, OrderType.LIMIT, line)
    paired = desk.fill(taking)
    assert [each.draft.side for each in paired.approved] == [Side.SELL if side is Side.BUY else Side.BUY]
    assert [each.draft.type for each in paired.approved] == [OrderType.LIMIT_MAKER]
    assert desk.bot.slots[slot].crossed == 0
    assert violations(desk.bot.slots) == []
    assert desk.bot.books.identity_error(D(price)) == ZERO


@pytest.mark.parametrize(
    ("side", "asset", "taker", "earns"),
    [
        # By hand, with 0.1 % as maker: 100 · 0.999 > 99.5 · (1 + t), and 100.5 · (1 - t) > 100 · 1.001 to sell.
        (Side.BUY, FeeAsset.QUOTE, "0.00402", True),
        (Side.BUY, FeeAsset.QUOTE, "0.00403", False),
        (Side.SELL, FeeAsset.QUOTE, "0.00398", True),
        (Side.SELL, FeeAsset.QUOTE, "0.00399", False),
        # Each fill paid in what it receives: upper · 0.999 · (1 - t) > lower.
        (Side.BUY, FeeAsset.RECEIVED, "0.00400", True),
        (Side.BUY, FeeAsset.RECEIVED, "0.00401", False),
        (Side.SELL, FeeAsset.RECEIVED, "0.00397", True),
        (Side.SELL, FeeAsset.RECEIVED, "0.00398", False),
    ],
)
def test_a_slot_takes_only_if_it_still_earns(side: Side, asset: FeeAsset, taker: str, earns: bool) -> None:
    desk = Desk(FINE, market=market(taker, asset))
    slot, price = CROSSING[side]
    crossed(desk, side, TAKER_AFTER)
    outcome = desk.tick(price)
    assert [each.draft.type for each in outcome.approved] == ([OrderType.LIMIT] if earns else [])
    assert outcome.refused == ()
    assert desk.bot.slots[slot].waiting is not earns
    assert not desk.bot.slots[slot].blocked


@pytest.mark.parametrize("side", Side)
def test_a_slot_that_would_not_earn_waits_for_the_price_to_come_back(side: Side) -> None:
    desk = Desk(FINE, market=market("0.0045"))
    slot, price = CROSSING[side]
    crossed(desk, side, TAKER_AFTER)
    assert [desk.tick(price).sequence for _ in range(5)] == [0] * 5, "waiting leaves nothing in the journal"
    (back,) = [each.draft for each in desk.tick("100").approved]
    assert (back.slot, back.side, back.type) == (slot, side, OrderType.LIMIT_MAKER)


def test_an_order_that_came_to_rest_starts_the_count_anew() -> None:
    desk = Desk(FINE)
    slot, price = CROSSING[Side.BUY]
    crossed(desk, Side.BUY, TAKER_AFTER - 1)
    (rests,) = [each.draft for each in desk.tick(price).approved]
    desk.engine.step(OrderAccepted(at=NOW, client_id=rests.client_id, exchange_id="1"))
    desk.engine.step(OrderCancelled(at=NOW, client_id=rests.client_id))
    crossed(desk, Side.BUY, TAKER_AFTER)
    assert desk.bot.slots[slot].crossed == TAKER_AFTER


def test_a_slot_does_not_retry_what_the_trading_state_forbids() -> None:
    desk = Desk(FINE)
    _, price = CROSSING[Side.BUY]
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.REDUCING))
    for request in tuple(desk.bot.live):
        if desk.engine.state.orders[request].status is OrderStatus.CANCELLING:
            desk.engine.step(OrderCancelled(at=NOW, client_id=request))
    offer = desk.order(20, Side.SELL)
    reject(desk, offer)
    bought = [each.draft.side for each in desk.tick(price).approved]
    assert bought == [Side.SELL]


def test_a_bid_that_waits_is_not_forgotten_for_the_offer_beside_it() -> None:
    desk = Desk(FINE, market=market("0.0045"))
    slot, price = CROSSING[Side.BUY]
    bid = desk.order(slot, Side.BUY)
    half = desk.fill(bid, bid.quantity - D("0.1"))
    (offer,) = [each.draft for each in half.approved]
    desk.engine.step(OrderCancelled(at=NOW, client_id=bid.client_id))
    crossed(desk, Side.BUY, TAKER_AFTER)
    desk.engine.step(OrderCancelled(at=NOW, client_id=offer.client_id))
    assert [each.draft.side for each in desk.tick(price).approved] == [Side.SELL]
    assert desk.bot.slots[slot].waiting, "the bid would not earn and still wants to be tried when price is back"
    assert [each.draft.side for each in desk.tick("100").approved] == [Side.BUY]


async def test_on_an_exchange_a_crossed_bid_is_bought_by_the_fourth_order() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        bid = next(order.draft for order in live.runner.engine.state.live_orders(live.bot) if order.draft.slot == 4)
        before, slot = len(live.exchange.submits), live.bot.slots[4]
        live.exchange.faults = ["held"]
        live.exchange.matching.cancel(bid.client_id, NOW)
        live.exchange.stream()
        await live.until(lambda: len(live.exchange.submits) == before + 1)
        # The order is on its way while the price falls through its line, and arrives too late to rest.
        live.exchange.price(bid.price - ONE / 2)
        live.exchange.gate.set()
        for number in range(1, TAKER_AFTER + 1):
            await live.until(partial(rejected, slot, number))
            assert len(live.exchange.submits) == before + number
            live.exchange.price(bid.price - ONE / 2)
        await live.until(lambda: slot.held > ZERO)
        await live.settle()
        bought = live.exchange.history[-1]
        assert (bought.side, bought.maker, bought.quantity) == (Side.BUY, False, bid.quantity)
        assert bought.price == live.exchange.quote.ask < bid.price
        assert live.exchange.submits[before + TAKER_AFTER] == bought.client_id
        resting = [order.draft for order in live.runner.engine.state.live_orders(live.bot) if order.draft.slot == 4]
        assert [(draft.side, draft.quantity) for draft in resting] == [(Side.SELL, bid.quantity)]


def rejected(slot: Slot, times: int) -> bool:
    return slot.crossed == times
