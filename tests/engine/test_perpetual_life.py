"""Single steps in the life of a grid on a perpetual whose outcome a person would ask about."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.advice import TradingState
from data.decisions import Rule
from data.events import (
    EngineStarted,
    FundingPaid,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PauseBot,
    RejectReason,
    SetStopLoss,
    SetTradingState,
    StartBot,
    StopBot,
    StopReason,
    TickerMoved,
)
from data.grids import Direction, GridSpec, Trigger, TriggerKind
from data.limits import RiskLimits
from data.market import Market
from data.orders import Draft, Fill, OrderStatus, OrderType, Purpose, RefusalCode, Refused
from data.values import ZERO, Mode, Side
from engine.core import Engine
from engine.outcome import Outcome
from engine.protection import liquidations
from engine.risk import check
from engine.views import BotStatus, Danger
from tests.engine.futures import GRID, MARKET, SYMBOL, quote

D = Decimal
NOW = 1_700_000_000_000
LIMITS = RiskLimits(stale_millis=1 << 50)


class Desk:
    """An engine with one bot on a perpetual at 100, and the shortest way to say what happened to it."""

    def __init__(
        self, direction: Direction, *, complete: bool = True, market: Market = MARKET, **changes: object
    ) -> None:
        self.engine = Engine(LIMITS)
        self.engine.step(EngineStarted(at=NOW, version="t", limits=LIMITS))
        self.trades = 0
        self.tick(100)
        spec: GridSpec = msgspec.structs.replace(GRID, direction=direction, **changes)
        self.started = self.engine.step(StartBot(at=NOW, by="t", spec=spec, market=market))
        assert self.started.problem == ""
        self.bot = self.engine.state.bots[1]
        if complete:
            for draft in self.drafts(Purpose.INITIAL):
                self.fill(draft)

    def tick(self, price: Decimal | int | str, mark: Decimal | int | str | None = None) -> Outcome:
        """Move the price."""
        ticker = quote(price, NOW, None if mark is None else D(mark))
        return self.engine.step(TickerMoved(at=NOW, ticker=ticker))

    def drafts(self, purpose: Purpose) -> list[Draft]:
        """Return the live orders of one purpose that are not being cancelled."""
        live = self.engine.state.live_orders(self.bot)
        return [o.draft for o in live if o.draft.purpose is purpose and o.status is not OrderStatus.CANCELLING]

    def fill(self, draft: Draft, quantity: Decimal | None = None, price: Decimal | None = None) -> Outcome:
        """Execute an order."""
        self.trades += 1
        size, at = quantity or draft.quantity, price or draft.price
        fill = Fill(
            trade_id=str(self.trades),
            client_id=draft.client_id,
            symbol=SYMBOL,
            side=draft.side,
            price=at,
            quantity=size,
            fee=ZERO,
            fee_asset="USDT",
            fee_quote=ZERO,
            maker=True,
            at=NOW,
        )
        outcome = self.engine.step(OrderFilled(at=NOW, fill=fill))
        assert self.bot.books.identity_error(D(97)) == ZERO
        return outcome

    def order(self, slot: int, side: Side) -> Draft:
        """Return the resting order of a slot."""
        return next(draft for draft in self.drafts(Purpose.GRID) if (draft.slot, draft.side) == (slot, side))

    def clear(self) -> None:
        """Let the exchange carry out every cancel asked for."""
        for order in list(self.engine.state.orders.values()):
            if order.status is OrderStatus.CANCELLING:
                self.engine.step(OrderCancelled(at=NOW, client_id=order.draft.client_id))

    def sides(self) -> tuple[int, int]:
        """Return how many bids and offers rest."""
        sides = [draft.side for draft in self.drafts(Purpose.GRID)]
        return sides.count(Side.BUY), sides.count(Side.SELL)


# -- starts


def test_a_long_grid_buys_what_its_offers_sell() -> None:
    desk = Desk(Direction.LONG)
    assert desk.bot.books.base == 5 * desk.bot.slots[0].capacity
    assert desk.sides() == (5, 5)
    assert desk.bot.status is BotStatus.RUNNING


def test_a_neutral_grid_starts_flat_and_trades_on_both_sides() -> None:
    desk = Desk(Direction.NEUTRAL)
    assert desk.drafts(Purpose.INITIAL) == []
    assert (desk.bot.status, desk.bot.books.base, desk.sides()) == (BotStatus.RUNNING, ZERO, (5, 5))
    size = desk.bot.slots[0].capacity
    desk.fill(desk.order(5, Side.SELL))
    assert desk.bot.books.base == -size
    desk.fill(desk.order(5, Side.BUY))
    assert desk.bot.books.base == ZERO
    assert desk.bot.books.equity(D(100)) == 1_000 + 2 * size
    desk.fill(desk.order(5, Side.SELL))
    assert desk.bot.books.grid_profit == 2 * size, "from its second sale on, a slot's sales are of what the grid bought"


def test_a_short_grid_sells_what_its_bids_buy_back() -> None:
    desk = Desk(Direction.SHORT, complete=False)
    (initial,) = desk.drafts(Purpose.INITIAL)
    size = desk.bot.slots[0].capacity
    assert (initial.side, initial.quantity, initial.reduce_only) == (Side.SELL, 5 * size, False)
    assert (desk.bot.status, desk.sides()) == (BotStatus.STARTING, (0, 5))
    desk.fill(initial, 2 * size)
    assert (desk.sides(), desk.bot.status) == ((2, 5), BotStatus.STARTING), "bids come with what was sold"
    desk.fill(initial, 3 * size, D("99.9"))
    assert (desk.sides(), desk.bot.status) == ((5, 5), BotStatus.RUNNING)
    assert desk.bot.books.base == -5 * size
    assert desk.bot.books.entry == (2 * D(100) + 3 * D("99.9")) / 5


def test_the_rest_of_an_initial_sale_that_was_taken_off_is_sold_at_the_next_tick() -> None:
    desk = Desk(Direction.SHORT, complete=False)
    (initial,) = desk.drafts(Purpose.INITIAL)
    desk.fill(initial, D(1))
    desk.engine.step(OrderCancelled(at=NOW, client_id=initial.client_id))
    again = [each.draft for each in desk.tick(100).approved if each.draft.purpose is Purpose.INITIAL]
    assert [(each.side, each.quantity) for each in again] == [(Side.SELL, initial.quantity - 1)]


def test_an_initial_sale_is_not_sent_again_at_a_price_nobody_confirmed() -> None:
    desk = Desk(Direction.SHORT, complete=False)
    (initial,) = desk.drafts(Purpose.INITIAL)
    desk.engine.step(OrderUnknown(at=NOW, client_id=initial.client_id))
    desk.tick(97)
    assert desk.engine.step(OrderAbsent(at=NOW, client_id=initial.client_id)).approved == ()
    assert desk.bot.stop_reason is StopReason.FAILED_START


def test_a_perpetual_is_traded_by_one_bot_of_a_mode() -> None:
    desk = Desk(Direction.NEUTRAL)
    spec = msgspec.structs.replace(GRID, direction=Direction.NEUTRAL)
    second = desk.engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET))
    assert second.problem.startswith("symbol: AAA/USDT:USDT: bot 1 trades this perpetual")
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    assert desk.engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET)).problem == ""


# -- ends


@pytest.mark.parametrize(("direction", "side"), [(Direction.LONG, Side.SELL), (Direction.SHORT, Side.BUY)])
def test_a_stopping_bot_closes_its_position_and_its_guard_leaves_last(direction: Direction, side: Side) -> None:
    desk = Desk(direction)
    base = abs(desk.bot.books.base)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    assert len(desk.drafts(Purpose.PROTECT)) == 1
    desk.clear()
    (closing,) = desk.drafts(Purpose.CLOSE)
    assert (closing.side, closing.quantity, closing.reduce_only) == (side, base, True)
    assert len(desk.drafts(Purpose.PROTECT)) == 1
    desk.fill(closing, base / 2)
    desk.fill(closing, base / 2)
    assert desk.drafts(Purpose.PROTECT) == []
    assert desk.bot.status is BotStatus.STOPPING
    desk.clear()
    books = desk.bot.books
    assert (desk.bot.status, books.base, books.baseline, books.lot_cost) == (BotStatus.STOPPED, ZERO, ZERO, ZERO)
    assert books.realised == books.equity(D(5)) - books.invested


def test_a_closing_order_that_finds_no_position_waits_until_asked_again() -> None:
    desk = Desk(Direction.LONG)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    (closing,) = desk.drafts(Purpose.CLOSE)
    reason = RejectReason.REDUCE_ONLY
    desk.engine.step(OrderRejected(at=NOW, client_id=closing.client_id, reason=reason, message=""))
    assert desk.bot.close_blocked
    assert desk.drafts(Purpose.CLOSE) == []


def test_what_is_bought_after_the_end_is_sold() -> None:
    desk = Desk(Direction.NEUTRAL)
    bid = desk.order(4, Side.BUY)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    late = desk.fill(bid)
    assert [(each.draft.purpose, each.draft.side) for each in late.approved] == [(Purpose.CLOSE, Side.SELL)]
    desk.fill(late.approved[0].draft)
    assert (desk.bot.status, desk.bot.books.base) == (BotStatus.STOPPED, ZERO)


def test_exits_of_a_short_grid_fire_on_the_other_side() -> None:
    stop = Trigger(TriggerKind.PRICE, D(115))
    desk = Desk(Direction.SHORT, stop_loss=stop, take_profit=Trigger(TriggerKind.PRICE, D(85)))
    assert desk.tick(95).sequence == 0
    assert desk.tick(116).decisions[0].rule is Rule.STOP_LOSS
    other = Desk(Direction.SHORT, stop_loss=stop, take_profit=Trigger(TriggerKind.PRICE, D(85)))
    assert other.tick(84).decisions[0].rule is Rule.TAKE_PROFIT


def test_a_percent_loss_fires_above_for_a_short_position() -> None:
    desk = Desk(Direction.SHORT, stop_loss=Trigger(TriggerKind.PERCENT, D(5)))
    loss = D(50) / -desk.bot.books.base
    assert desk.tick(100 + loss - D("0.01")).sequence == 0
    assert desk.tick(100 + loss).decisions[0].rule is Rule.STOP_LOSS


def test_a_percent_loss_that_funding_made_fires_without_a_position() -> None:
    desk = Desk(Direction.NEUTRAL, stop_loss=Trigger(TriggerKind.PERCENT, D(5)))
    assert desk.tick(101).sequence == 0
    desk.engine.step(FundingPaid(at=NOW, id="1", symbol=SYMBOL, mode=Mode.SHADOW, amount=D(-50)))
    assert desk.tick(101).decisions[0].rule is Rule.STOP_LOSS


# -- funding


def test_funding_is_booked_once_to_the_bot_that_held_the_position() -> None:
    desk = Desk(Direction.LONG)
    paid = FundingPaid(at=NOW, id="7", symbol=SYMBOL, mode=Mode.SHADOW, amount=D("-1.25"))
    cash = desk.bot.books.cash
    first = desk.engine.step(paid)
    assert (first.sequence > 0, first.bot, first.decisions, first.approved) == (True, 1, (), ())
    assert desk.engine.step(paid).sequence == 0
    assert (desk.bot.books.cash, desk.bot.books.funding) == (cash - D("1.25"), D("-1.25"))
    assert desk.bot.books.identity_error(D(77)) == ZERO
    for other in ({"mode": Mode.TESTNET}, {"symbol": "BBB/USDT:USDT"}, {"at": NOW - 1}):
        assert desk.engine.step(msgspec.structs.replace(paid, id="8", **other)).sequence == 0


# -- the ladder


def near(desk: Desk, distance: str) -> Decimal:
    """Return the price that is so far above the liquidation of a long position, in parts of that price."""
    held = liquidations(desk.bot).held
    assert held is not None
    return held / (1 - D(distance))


def test_a_falling_mark_price_first_tells_then_reduces_then_closes() -> None:
    desk = Desk(Direction.LONG, leverage=10)
    for slot in (4, 3, 2, 1, 0):
        desk.fill(desk.order(slot, Side.BUY))
    desk.tick(95, near(desk, "0.31"))
    assert desk.bot.danger is Danger.SAFE
    told = desk.tick(95, near(desk, "0.29"))
    assert (told.decisions[0].rule, desk.bot.danger) == (Rule.LIQUIDATION_NEAR, Danger.NEAR)
    assert desk.tick(95, near(desk, "0.28")).sequence == 0, "it is said once"
    reduced = desk.tick(95, near(desk, "0.14"))
    assert (reduced.decisions[0].rule, desk.bot.danger) == (Rule.LIQUIDATION_NEAR, Danger.REDUCING)
    desk.fill(desk.order(0, Side.SELL))
    assert desk.sides()[0] == 0, "nothing is bought again"
    closed = desk.tick(95, near(desk, "0.07"))
    assert (closed.decisions[0].rule, desk.bot.stop_reason) == (Rule.LIQUIDATION_NEAR, StopReason.LIQUIDATION_NEAR)


def test_the_danger_ends_only_some_way_off() -> None:
    desk = Desk(Direction.LONG, leverage=10)
    for slot in (4, 3, 2, 1, 0):
        desk.fill(desk.order(slot, Side.BUY))
    desk.tick(95, near(desk, "0.14"))
    assert desk.bot.danger is Danger.REDUCING
    assert desk.tick(95, near(desk, "0.17")).sequence == 0
    freed = desk.tick(95, near(desk, "0.19"))
    assert (freed.decisions[0].rule, desk.bot.danger) == (Rule.LIQUIDATION_FAR, Danger.NEAR)
    assert desk.tick(95, near(desk, "0.35")).sequence == 0
    assert (desk.tick(95, near(desk, "0.37")).sequence > 0, desk.bot.danger) == (True, Danger.SAFE)


def test_a_position_near_liquidation_takes_growing_orders_off() -> None:
    desk = Desk(Direction.LONG, leverage=10)
    desk.engine.step(FundingPaid(at=NOW, id="1", symbol=SYMBOL, mode=Mode.SHADOW, amount=D(-200)))
    desk.tick(95, near(desk, "0.14"))
    assert desk.bot.danger is Danger.REDUCING
    assert desk.sides() == (0, 5)


def test_reducing_keeps_the_nearest_orders_that_make_the_position_smaller() -> None:
    desk = Desk(Direction.NEUTRAL)
    for slot in (4, 3):
        desk.fill(desk.order(slot, Side.BUY))
    assert desk.sides() == (3, 7)
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.REDUCING))
    assert sorted(draft.slot for draft in desk.drafts(Purpose.GRID)) == [3, 4]
    desk.clear()
    desk.fill(desk.order(3, Side.SELL))
    assert [draft.slot for draft in desk.drafts(Purpose.GRID)] == [4]
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    assert desk.sides() == (4, 6)


# -- the protective stop


def test_the_stop_changes_sides_with_the_position() -> None:
    desk = Desk(Direction.NEUTRAL)
    assert desk.drafts(Purpose.PROTECT) == []
    desk.fill(desk.order(4, Side.BUY))
    (below,) = desk.drafts(Purpose.PROTECT)
    low = liquidations(desk.bot).low
    assert low is not None
    assert (below.side, below.type, below.reduce_only) == (Side.SELL, OrderType.STOP_MARKET, True)
    assert low < below.price < desk.bot.lines[0]
    assert below.client_id == "bt-1-1-ps1"
    desk.fill(desk.order(5, Side.SELL))
    assert desk.drafts(Purpose.PROTECT) == []
    desk.clear()
    desk.fill(desk.order(6, Side.SELL))
    (above,) = desk.drafts(Purpose.PROTECT)
    high = liquidations(desk.bot).high
    assert high is not None
    assert above.side is Side.BUY
    assert desk.bot.lines[-1] < above.price < high


def test_the_stop_follows_a_stop_loss_at_a_price() -> None:
    desk = Desk(Direction.LONG)
    (before,) = desk.drafts(Purpose.PROTECT)
    desk.engine.step(SetStopLoss(at=NOW, by="t", bot=1, trigger=Trigger(TriggerKind.PRICE, D("85.55"))))
    (after,) = desk.drafts(Purpose.PROTECT)
    assert (after.price, after.client_id) == (D("85.55"), "bt-1-1-ps2")
    assert before.client_id != after.client_id


def test_a_paused_bot_stays_guarded() -> None:
    desk = Desk(Direction.LONG)
    desk.engine.step(PauseBot(at=NOW, by="t", bot=1))
    assert len(desk.drafts(Purpose.PROTECT)) == 1
    assert desk.sides() == (0, 0)


def test_a_stop_that_is_gone_is_laid_again_at_the_next_tick() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    assert desk.engine.step(OrderCancelled(at=NOW, client_id=guard.client_id)).approved == ()
    assert [each.draft.client_id for each in desk.tick(100).approved] == ["bt-1-1-ps2"]


def test_a_stop_that_fires_ends_the_bot_however_much_it_closes() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    desk.fill(desk.order(4, Side.BUY))
    base = desk.bot.books.base
    assert base > guard.quantity
    fired = desk.fill(guard, base, guard.price)
    assert fired.decisions[0].rule is Rule.STOP_LOSS
    assert (desk.bot.stop_reason, desk.bot.books.base) == (StopReason.STOP_LOSS, ZERO)
    desk.clear()
    assert desk.bot.status is BotStatus.STOPPED
    assert desk.engine.state.orders == {}


def test_a_stop_that_was_reached_before_it_was_laid_closes_at_once() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    reason = RejectReason.WOULD_TAKE
    outcome = desk.engine.step(OrderRejected(at=NOW, client_id=guard.client_id, reason=reason, message=""))
    assert outcome.decisions[0].rule is Rule.STOP_LOSS
    desk.clear()
    assert [draft.side for draft in desk.drafts(Purpose.CLOSE)] == [Side.SELL]


# -- the gate


def refused(desk: Desk, draft: Draft, **changes: object) -> RefusalCode | None:
    """Return why risk refuses a draft with ``changes``; None when it passes."""
    verdict = check(desk.engine.state, LIMITS, msgspec.structs.replace(draft, **changes), NOW)
    return verdict.code if isinstance(verdict, Refused) else None


def test_no_order_does_more_than_its_purpose() -> None:
    desk = Desk(Direction.LONG)
    base = desk.bot.books.base
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    (closing,), (guard,) = desk.drafts(Purpose.CLOSE), desk.drafts(Purpose.PROTECT)
    desk.engine.step(OrderCancelled(at=NOW, client_id=closing.client_id))
    assert refused(desk, closing) is None
    assert refused(desk, closing, quantity=base + D("0.001")) is RefusalCode.NOT_HELD
    assert refused(desk, closing, side=Side.BUY) is RefusalCode.NOT_HELD
    assert refused(desk, guard) is None
    assert refused(desk, guard, side=Side.BUY) is RefusalCode.NOT_HELD
    assert refused(desk, guard, purpose=Purpose.INITIAL, side=Side.BUY, slot=-1) is RefusalCode.NOT_HELD


def test_margin_is_counted_over_position_and_resting_orders() -> None:
    desk = Desk(Direction.NEUTRAL)
    bid = desk.order(0, Side.BUY)
    desk.engine.step(OrderCancelled(at=NOW, client_id=desk.order(1, Side.BUY).client_id))
    free = desk.bot.books.equity(D(100)) * desk.bot.spec.leverage - desk.bot.bid
    fits = (free / bid.price).quantize(D("0.001"), "ROUND_FLOOR")
    assert refused(desk, bid, quantity=fits) is None
    assert refused(desk, bid, quantity=fits + D("0.001")) is RefusalCode.ABOVE_BOT_BUDGET


def test_only_so_many_stops_wait() -> None:
    desk = Desk(Direction.LONG)
    (guard,) = desk.drafts(Purpose.PROTECT)
    full = msgspec.structs.replace(MARKET.filters, max_stops=1)
    desk.bot.market = msgspec.structs.replace(MARKET, filters=full)
    assert refused(desk, guard) is RefusalCode.TOO_MANY_ORDERS


def test_an_order_that_proved_absent_is_judged_again_before_it_is_sent_again() -> None:
    desk = Desk(Direction.NEUTRAL)
    bid = desk.order(0, Side.BUY)
    desk.engine.state.person_state = TradingState.HALTED
    outcome = desk.engine.step(OrderAbsent(at=NOW, client_id=bid.client_id))
    assert (outcome.approved, [each.code for each in outcome.refused]) == ((), [RefusalCode.TRADING_HALTED])
    assert bid.client_id not in desk.engine.state.orders
    desk.engine.step(SetTradingState(at=NOW, by="t", state=TradingState.ACTIVE))
    assert desk.order(0, Side.BUY).client_id != bid.client_id


def test_an_accepted_order_counts_as_before() -> None:
    desk = Desk(Direction.SHORT)
    offer = desk.order(9, Side.SELL)
    desk.engine.step(OrderAccepted(at=NOW, client_id=offer.client_id, exchange_id="1"))
    assert desk.engine.state.orders[offer.client_id].status is OrderStatus.OPEN
