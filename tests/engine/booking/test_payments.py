"""Money that moves by other ways than trading, and fees paid in a third asset."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.advice import Advice, OrdersAdvised, TradingState, TradingStateAdvised
from data.events import (
    AdvicePosted,
    BalanceMoved,
    EngineStarted,
    OrderCancelled,
    OrderFilled,
    StopBot,
)
from data.limits import RiskLimits
from data.orders import Draft, Fill, Purpose, RefusalCode
from data.values import ONE, ZERO, Mode, Side
from engine.outcome import Outcome
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SYMBOL
from tests.engine.test_core import Desk

D = Decimal


def status(desk: Desk) -> BotStatus:
    return desk.bot.status


def marked() -> Desk:
    """Return a desk whose engine knows a peak of 1200 and a day that began at 1000."""
    desk = Desk()
    marks = TradingStateAdvised(state=TradingState.ACTIVE, peak_equity=D(1_200), day_start_equity=D(1_000), day=19_000)
    advice = Advice(agent="risk", what=marks, confidence=ONE, reason="", evidence={}, expires_at=NOW + 1)
    desk.engine.step(AdvicePosted(at=NOW, advice=advice))
    return desk


def moved(amount: str, identity: str = "1", asset: str = "USDT", mode: Mode = Mode.SHADOW) -> BalanceMoved:
    return BalanceMoved(at=NOW, id=identity, mode=mode, asset=asset, amount=D(amount))


def marks(desk: Desk) -> tuple[Decimal, Decimal, Decimal]:
    state = desk.engine.state
    return state.peak_equity, state.day_start_equity, state.transferred


def test_deposits_and_withdrawals_move_what_equity_is_measured_against() -> None:
    desk = marked()
    assert desk.engine.step(moved("300")).sequence > 0
    assert marks(desk) == (D(1_500), D(1_300), D(300))
    assert desk.engine.step(moved("300")).sequence == 0, "told twice"
    desk.engine.step(moved("-400", "2"))
    assert marks(desk) == (D(1_100), D(900), D(-100))


def test_base_that_moves_counts_at_its_price() -> None:
    desk = marked()
    desk.engine.step(moved("2", asset="AAA"))
    assert marks(desk) == (D(1_400), D(1_200), D(200))
    desk.engine.step(moved("5", "2", asset="ZZZ"))
    assert marks(desk) == (D(1_400), D(1_200), D(200)), "what has no price is in no equity"


def test_money_of_another_account_moves_no_mark() -> None:
    desk = marked()
    assert desk.engine.step(moved("300", mode=Mode.PRODUCTION)).sequence > 0
    assert marks(desk) == (D(1_200), D(1_000), ZERO)


def filled_with_coin(desk: Desk, draft: Draft, quantity: Decimal, fee: str) -> Outcome:
    """Execute an order whose fee is taken in a third asset."""
    desk.trades += 1
    fill = Fill(
        trade_id=f"coin{desk.trades}",
        client_id=draft.client_id,
        symbol=SYMBOL,
        side=draft.side,
        price=draft.price,
        quantity=quantity,
        fee=D(fee) / 500,
        fee_asset="BNB",
        fee_quote=D(fee),
        maker=True,
        at=NOW,
    )
    return desk.engine.step(OrderFilled(at=NOW, fill=fill))


def test_a_fee_in_a_third_asset_costs_the_bot_and_leaves_its_quote_on_the_account() -> None:
    desk = Desk()
    draft, books = desk.order(0, Side.BUY), desk.bot.books
    account = books.cash
    filled_with_coin(desk, draft, draft.quantity, "3.5")
    assert books.cash == account - draft.quantity * draft.price - D("3.5")
    assert books.fees_elsewhere == D("3.5")
    assert books.cash + books.fees_elsewhere == account - draft.quantity * draft.price
    assert books.identity_error(D(97)) == ZERO


def test_fees_in_a_third_asset_do_not_starve_a_bid() -> None:
    desk = Desk()
    offer = desk.order(9, Side.SELL)
    paid = filled_with_coin(desk, offer, offer.quantity, "150")
    assert desk.bot.bid > desk.bot.books.cash
    assert (len(paid.approved), paid.refused) == (1, ())


def test_what_is_bought_after_a_sale_ended_a_bot_is_sold_too() -> None:
    desk = Desk()
    bid = desk.order(0, Side.BUY)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    for client_id in tuple(desk.bot.live):
        closing = desk.engine.step(OrderCancelled(at=NOW, client_id=client_id))
    desk.fill(closing.approved[0].draft)
    assert status(desk) is BotStatus.STOPPED
    late = desk.fill(bid)
    assert status(desk) is BotStatus.STOPPING
    assert [each.draft.purpose for each in late.approved] == [Purpose.CLOSE]
    desk.fill(late.approved[0].draft)
    assert (status(desk), desk.bot.books.base) == (BotStatus.STOPPED, ZERO)


def test_a_slot_too_small_to_go_on_grows_by_the_smallest_order() -> None:
    desk = Desk()
    slot = desk.bot.slots[0]
    filters = msgspec.structs.replace(MARKET.filters, min_notional=slot.capacity * slot.lower * D("0.9"))
    desk.bot.market = msgspec.structs.replace(desk.bot.market, filters=filters)
    bid = desk.order(0, Side.BUY)
    half = (bid.quantity / 2).quantize(filters.quantity_step)
    desk.fill(bid, half)
    # What it earned by then pays for the larger order.
    desk.bot.books.cash += bid.notional
    outcome = desk.engine.step(OrderCancelled(at=NOW, client_id=bid.client_id))
    (again,) = [each.draft for each in outcome.approved]
    assert again.side is Side.BUY
    assert again.notional >= filters.min_notional
    assert slot.capacity == half + again.quantity
    desk.fill(again)
    assert desk.order(0, Side.SELL).quantity == slot.capacity


def test_a_slot_too_small_to_go_on_waits_for_the_money_to_grow() -> None:
    desk = Desk()
    slot = desk.bot.slots[0]
    filters = msgspec.structs.replace(MARKET.filters, min_notional=slot.capacity * slot.lower * D("0.9"))
    desk.bot.market = msgspec.structs.replace(desk.bot.market, filters=filters)
    bid = desk.order(0, Side.BUY)
    desk.fill(bid, (bid.quantity / 2).quantize(filters.quantity_step))
    outcome = desk.engine.step(OrderCancelled(at=NOW, client_id=bid.client_id))
    assert [each.code for each in outcome.refused] == [RefusalCode.ABOVE_BOT_BUDGET]
    desk.bot.books.cash += bid.notional
    advice = Advice(agent="grid", what=OrdersAdvised(bot=1), confidence=ONE, reason="", evidence={}, expires_at=NOW)
    again = desk.engine.step(AdvicePosted(at=NOW, advice=advice))
    assert [each.draft.side for each in again.approved] == [Side.BUY]


def test_the_account_that_marks_belong_to_is_the_engine_s_first() -> None:
    desk = marked()
    limits = RiskLimits(armed=(Mode.PRODUCTION, Mode.SHADOW), stale_millis=1 << 50)
    desk.engine.step(EngineStarted(at=NOW, version="t", limits=limits))
    desk.engine.step(moved("300"))
    assert marks(desk) == (D(1_200), D(1_000), ZERO)
    desk.engine.step(moved("300", "2", mode=Mode.PRODUCTION))
    assert marks(desk) == (D(1_500), D(1_300), D(300))
