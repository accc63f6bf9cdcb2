"""Faults of the pure core that a review found: each test is the shortest way there."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.decisions import Rule
from data.events import (
    ArmMode,
    BalanceMoved,
    DisarmMode,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    RecentreBot,
    RejectReason,
    SetOutOfRange,
    SetStopLoss,
    SetTradingState,
    SetTrailing,
    StartBot,
    StopReason,
    TickerMoved,
)
from data.grids import Direction, GridSpec, OutOfRange, Recentring, Spacing, Trigger, TriggerKind
from data.market import Ticker
from data.orders import Draft, OrderStatus, Purpose
from data.values import ZERO, Mode, Side
from engine.core import Engine
from engine.outcome import Outcome
from engine.recording import entry_of, rebuild
from engine.rules.protection import liquidations
from engine.rules.recentring import around
from engine.rules.trailing import DOWN, next_line
from engine.state import freeze
from engine.views import BotStatus, Danger
from tests.engine.fake_exchange import MARKET as SPOT_MARKET
from tests.engine.fake_exchange import SPEC
from tests.engine.fake_exchange import SYMBOL as SPOT
from tests.engine.futures import MARKET
from tests.engine.perpetual_desk import LIMITS, NOW, Desk
from tests.engine.test_core import Desk as SpotDesk

D = Decimal
RECENTRE = RecentreBot(at=NOW, by="t", bot=1, lower=D(85), upper=D(105))


def test_a_position_too_small_for_an_order_of_the_grid_has_its_stop() -> None:
    filters = msgspec.structs.replace(MARKET.filters, min_quantity=D("0.1"))
    desk = Desk(Direction.NEUTRAL, market=msgspec.structs.replace(MARKET, filters=filters))
    desk.fill(desk.order(4, Side.BUY), quantity=D("0.01"))
    assert [stop.quantity for stop in desk.drafts(Purpose.PROTECT)] == [D("0.01")]


def test_a_position_that_found_nobody_to_close_it_with_is_not_taken_into_the_new_grid() -> None:
    desk = Desk(Direction.LONG)
    held = desk.bot.books.base
    desk.engine.step(RECENTRE)
    desk.clear()
    (close,) = desk.drafts(Purpose.CLOSE)
    desk.engine.step(OrderCancelled(at=NOW, client_id=close.client_id))
    assert (desk.bot.version, desk.bot.books.base) == (1, held), "it waits for a price"
    desk.tick(99)
    assert [draft.quantity for draft in desk.drafts(Purpose.CLOSE)] == [held]


def test_a_closed_position_whose_new_grid_cannot_be_laid_ends_the_bot() -> None:
    desk = Desk(Direction.LONG)
    desk.engine.step(RECENTRE)
    desk.clear()
    (close,) = desk.drafts(Purpose.CLOSE)
    desk.fill(close, price=D(2))
    assert (desk.bot.status, desk.bot.stop_reason) == (BotStatus.STOPPING, StopReason.FAILED_START)
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    assert desk.sides() == (0, 0), "offers without a position would open a short one"


def test_disarming_closes_what_a_perpetual_had_entered_before_its_start_was_over() -> None:
    desk = Desk(Direction.LONG, complete=False)
    engine, bot = desk.engine, desk.bot
    engine.state.limits = msgspec.structs.replace(LIMITS, armed=(Mode.PRODUCTION,))
    engine.step(ArmMode(at=NOW, by="t", mode=Mode.PRODUCTION, cap=D(100_000)))
    bot.spec = msgspec.structs.replace(bot.spec, mode=Mode.PRODUCTION)
    (initial,) = desk.drafts(Purpose.INITIAL)
    desk.fill(initial, quantity=D(1))
    engine.step(DisarmMode(at=NOW, by="t", mode=Mode.PRODUCTION))
    engine.step(OrderCancelled(at=NOW, client_id=initial.client_id))
    desk.clear()
    assert [draft.quantity for draft in desk.drafts(Purpose.CLOSE)] == [D(1)]


def test_the_danger_of_a_narrow_grid_is_over_once_price_is_back_in_it() -> None:
    desk = Desk(Direction.LONG, lower=D(98), upper=D(102), levels=5, leverage=10)
    for slot in (1, 0):
        desk.fill(desk.order(slot, Side.BUY))
    liquidation = liquidations(desk.bot).held
    assert liquidation is not None
    near = liquidation / D("0.85")
    desk.tick(near - D("0.1"))
    assert desk.bot.danger is Danger.REDUCING
    desk.tick(near + D("0.4"))
    assert desk.bot.danger is Danger.REDUCING, "on the edge it does not chatter"
    desk.tick(max(D("100.1"), near + D("0.6")))
    assert desk.bot.danger is not Danger.REDUCING


def test_a_grid_that_trailed_as_far_as_it_may_can_still_be_recentred() -> None:
    spec = GridSpec(
        symbol=SPOT,
        lower=D(95),
        upper=D(105),
        levels=11,
        spacing=Spacing.ARITHMETIC,
        investment=D(5_000),
        trail_up=D(110),
        trail_down=D(80),
    )
    moved = around(spec, D(120), D("0.01"))
    assert (moved.upper, moved.trail_up, moved.trail_down) == (D(125), None, D(80))
    assert around(spec, D(100), D("0.01")).trail_up == D(110)


def test_a_money_transfer_is_worth_the_same_when_the_journal_is_told_again() -> None:
    engine, again, entries = Engine(LIMITS), Engine(LIMITS), []

    def step(event: Event) -> None:
        outcome = engine.step(event)
        if outcome.durable:
            entries.append(entry_of(outcome, engine.state))

    def tick(price: int) -> None:
        step(TickerMoved(at=NOW, ticker=Ticker(SPOT, D(price), D(price), D(price), NOW)))

    tick(100)
    step(StartBot(at=NOW, by="t", spec=SPEC, market=SPOT_MARKET))
    tick(101)
    step(BalanceMoved(at=NOW, id="1", mode=Mode.SHADOW, asset="AAA", amount=D(2)))
    assert engine.state.transferred == D(202)
    rebuild(again, entries)
    assert freeze(again.state) == freeze(engine.state)


def test_orders_of_another_account_take_no_room_on_a_market() -> None:
    desk = SpotDesk()
    other = msgspec.structs.replace(desk.bot, id=2, spec=msgspec.structs.replace(desk.bot.spec, mode=Mode.TESTNET))
    other.live = [f"bt-2-1-{number}b1" for number in range(300)]
    desk.engine.state.bots[2] = other
    outcome = desk.fill(desk.order(4, Side.BUY))
    assert outcome.refused == ()


def test_the_rest_of_an_initial_order_that_no_order_may_be_small_enough_for_is_bid_for_instead() -> None:
    desk = SpotDesk(fill_initial=False)
    initial = desk.initial
    desk.fill(initial, initial.quantity - desk.bot.market.filters.quantity_step)
    desk.engine.step(OrderCancelled(at=NOW, client_id=initial.client_id))
    desk.tick("100")
    assert (desk.bot.status, desk.bot.awaiting) == (BotStatus.RUNNING, ZERO)


def test_limits_of_trailing_are_measured_against_where_the_grid_has_come() -> None:
    desk = SpotDesk(msgspec.structs.replace(SPEC, trail_up=D(150), investment=D(5_000)))
    for slot in range(5, 10):
        desk.fill(desk.order(slot, Side.SELL))
    desk.tick("130")
    for identity in tuple(desk.bot.live):
        desk.engine.step(OrderCancelled(at=NOW, client_id=identity))
    assert desk.bot.lines[0] > D(100)
    back = desk.engine.step(SetTrailing(at=NOW, by="t", bot=1, up=None, down=D(95)))
    assert back.problem == ""
    assert "there already" in desk.engine.step(SetTrailing(at=NOW, by="t", bot=1, up=D(120), down=None)).problem


def test_a_grid_without_a_highest_line_is_not_told_to_recentre() -> None:
    spec = msgspec.structs.replace(SPEC, infinity=True, spacing=Spacing.GEOMETRIC, investment=D(5_000))
    desk = SpotDesk(spec)
    event = SetOutOfRange(at=NOW, by="t", bot=1, policy=OutOfRange.RECENTRE)
    assert desk.engine.step(event).problem.startswith("infinity")
    assert desk.bot.spec.out_of_range is OutOfRange.HOLD


def test_reducing_rests_no_more_orders_than_the_market_has_room_for() -> None:
    filters = msgspec.structs.replace(MARKET.filters, max_orders=8)
    desk = Desk(Direction.LONG, market=msgspec.structs.replace(MARKET, filters=filters), levels=21)
    assert 0 < desk.bot.window < 8
    outcome = desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.REDUCING))
    desk.clear()
    assert outcome.refused == ()
    assert len(desk.drafts(Purpose.GRID)) <= desk.bot.window
    assert not any(slot.blocked for slot in desk.bot.slots)


def test_a_short_grid_whose_stop_lies_above_follows_a_falling_price() -> None:
    stop = Trigger(TriggerKind.PRICE, D(130))
    desk = Desk(Direction.SHORT, trail_down=D(60), stop_loss=stop)
    assert next_line(desk.bot, DOWN) == D(88)


def test_an_exit_is_reached_although_an_order_waits_for_its_price() -> None:
    desk = SpotDesk(msgspec.structs.replace(SPEC, stop_loss=Trigger(TriggerKind.PRICE, D(80))), fill_initial=False)
    desk.fill(desk.initial, desk.initial.quantity / 2)
    desk.engine.step(OrderCancelled(at=NOW, client_id=desk.initial.client_id))
    assert desk.bot.waiting
    desk.tick("79")
    assert desk.bot.stop_reason is StopReason.STOP_LOSS


def moved_stop(desk: Desk, price: int) -> Outcome:
    return desk.engine.step(SetStopLoss(at=NOW, by="t", bot=1, trigger=Trigger(TriggerKind.PRICE, D(price))))


def refuse(desk: Desk, draft: Draft, message: str = "one exists") -> Outcome:
    event = OrderRejected(at=NOW, client_id=draft.client_id, reason=RejectReason.OTHER, message=message)
    return desk.engine.step(event)


def test_a_stop_leaves_only_once_its_predecessor_of_the_same_side_is_gone() -> None:
    desk = Desk(Direction.LONG)
    (old,) = desk.drafts(Purpose.PROTECT)
    desk.engine.step(OrderAccepted(at=NOW, client_id=old.client_id, exchange_id="1"))
    moved = moved_stop(desk, 85)
    assert [each.client_id for each in moved.cancels] == [old.client_id]
    assert moved.approved == (), "both travel at once, and the exchange holds one per side"
    assert not any(each.draft.purpose is Purpose.PROTECT for each in moved_stop(desk, 84).approved)
    ended = desk.engine.step(OrderCancelled(at=NOW, client_id=old.client_id))
    assert [each.draft.price for each in ended.approved] == [D(84)]


def test_a_stop_on_the_other_side_waits_for_nobody() -> None:
    desk = Desk(Direction.NEUTRAL)
    desk.fill(desk.order(4, Side.BUY))
    (below,) = desk.drafts(Purpose.PROTECT)
    desk.fill(desk.order(5, Side.SELL), D("0.01"))
    desk.fill(desk.order(6, Side.SELL))
    (above,) = desk.drafts(Purpose.PROTECT)
    assert (below.side, above.side) == (Side.SELL, Side.BUY)
    assert desk.engine.state.orders[below.client_id].status is OrderStatus.CANCELLING


def test_a_stop_refused_while_it_was_to_be_replaced_holds_up_no_other() -> None:
    desk = Desk(Direction.LONG)
    (old,) = desk.drafts(Purpose.PROTECT)
    moved_stop(desk, 85)
    assert [each.draft.price for each in refuse(desk, old).approved] == [D(85)]
    (new,) = desk.drafts(Purpose.PROTECT)
    assert refuse(desk, new).approved == (), "what was refused is not asked again at once"
    assert [each.draft.price for each in moved_stop(desk, 84).approved] == [D(84)], "another one is another question"


def test_a_stop_refused_for_a_position_that_is_gone_leaves_the_next_position_guarded() -> None:
    desk = Desk(Direction.NEUTRAL)
    desk.fill(desk.order(4, Side.BUY))
    (old,) = desk.drafts(Purpose.PROTECT)
    desk.fill(desk.order(4, Side.SELL))
    assert desk.bot.books.base == ZERO
    refuse(desk, old, "nothing is open")
    desk.fill(desk.order(4, Side.BUY))
    assert [draft.side for draft in desk.drafts(Purpose.PROTECT)] == [Side.SELL]


def test_a_recentring_that_does_not_pay_is_not_weighed_again_at_every_tick() -> None:
    hasty = Recentring(distance_percent=ZERO, patience_millis=0, cooldown_millis=0)
    desk = SpotDesk(msgspec.structs.replace(SPEC, out_of_range=OutOfRange.RECENTRE, recentring=hasty))
    desk.tick("80")
    held = desk.tick("80")
    assert held.decisions[0].rule is Rule.RECENTRE_HELD
    assert desk.tick("79.9").sequence == 0


def test_a_position_has_its_stop_even_while_prices_are_stale() -> None:
    desk = Desk(Direction.NEUTRAL)
    desk.engine.state.limits = msgspec.structs.replace(LIMITS, stale_millis=-1)
    desk.fill(desk.order(4, Side.BUY))
    assert len(desk.drafts(Purpose.PROTECT)) == 1, "what it is triggered at follows from the books"
