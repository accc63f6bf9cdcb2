"""A market whose rules change under its bots: they go on with the new ones, and it is told."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.decisions import Rule
from data.events import MarketChanged
from data.market import Fees, Market
from data.values import ZERO, Mode
from engine.grid.slots import violations
from tests.engine.fake_exchange import MARKET, NOW, SYMBOL
from tests.engine.test_core import Desk

D = Decimal


def with_filters(**changes: object) -> Market:
    return msgspec.structs.replace(MARKET, filters=msgspec.structs.replace(MARKET.filters, **changes))


def changed(desk: Desk, market: Market, mode: Mode = Mode.SHADOW) -> MarketChanged:
    return MarketChanged(at=NOW, symbol=SYMBOL, mode=mode, market=market)


def test_what_is_known_already_and_what_concerns_another_account_changes_nothing() -> None:
    desk = Desk()
    assert desk.engine.step(changed(desk, MARKET)).sequence == 0
    assert desk.engine.step(changed(desk, with_filters(min_notional=D(7)), Mode.TESTNET)).sequence == 0


def test_new_rules_are_adopted_recorded_and_blocked_slots_tried_again() -> None:
    desk = Desk()
    desk.bot.slots[3].blocked = True
    outcome = desk.engine.step(changed(desk, with_filters(min_notional=D("5.5"))))
    (decision,) = [each for each in outcome.decisions if each.rule is Rule.MARKET_CHANGED]
    assert ("filters min_notional", "5 to 5.5") in [(each.name, each.value) for each in decision.inputs]
    assert desk.bot.market.filters.min_notional == D("5.5")
    assert not desk.bot.slots[3].blocked


def test_what_resting_bids_take_follows_the_new_fees() -> None:
    desk = Desk()
    dearer = msgspec.structs.replace(MARKET, fees=Fees(maker=D("0.005"), taker=D("0.01")))
    desk.engine.step(changed(desk, dearer))
    bids = [order for order in desk.engine.state.live_orders(desk.bot) if order.draft.side.value == "buy"]
    assert desk.bot.bid == sum((each.remaining * each.draft.price for each in bids), ZERO) * D("1.005")


def test_lines_move_to_a_new_tick() -> None:
    desk = Desk()
    desk.engine.step(changed(desk, with_filters(price_tick=D(4))))
    assert violations(desk.bot.slots) == []
    assert all(slot.lower in desk.bot.lines for slot in desk.bot.slots)


def test_fewer_orders_than_slots_leave_the_nearest_on_the_book() -> None:
    desk = Desk()
    outcome = desk.engine.step(changed(desk, with_filters(max_orders=8)))
    assert desk.bot.window == 6
    assert len(outcome.cancels) == len(desk.bot.live) - 6
