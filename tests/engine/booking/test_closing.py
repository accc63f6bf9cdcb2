"""Closing orders that come to nothing: refused in a crash, for lack of base, or met by the account's own bid."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.decisions import Rule
from data.events import (
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
    Reconciled,
    RejectReason,
    StopBot,
    TickerMoved,
)
from data.grids import Direction
from data.market import Ticker
from data.orders import Draft, Purpose
from data.values import ZERO, Side
from engine.outcome import Outcome
from engine.state import PAUSES, freeze, thaw
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SYMBOL
from tests.engine.perpetual_desk import Desk as PerpetualDesk
from tests.engine.test_core import Desk

D = Decimal
FILTER, SHORT = RejectReason.FILTER, RejectReason.INSUFFICIENT_BALANCE


class Stopping(Desk):
    """A bot on spot whose closing sale is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.step(StopBot(at=NOW, by="t", bot=1, sell=True))
        for identity in tuple(self.bot.live):
            self.step(OrderCancelled(at=NOW, client_id=identity))

    def step(self, event: Event) -> Outcome:
        """Take an event."""
        return self.engine.step(event)

    def pass_by(self, millis: int, price: str = "99") -> Outcome:
        """Let time pass, and then the price move."""
        self.now += millis
        last = D(price)
        return self.step(TickerMoved(at=self.now, ticker=Ticker(SYMBOL, last, last, last, self.now)))

    @property
    def closing(self) -> Draft:
        """Return the closing sale."""
        (order,) = self.engine.state.live_orders(self.bot)
        assert order.draft.purpose is Purpose.CLOSE
        return order.draft

    def refuse(self, reason: RejectReason = FILTER, available: Decimal | None = None) -> Outcome:
        """Reject the closing sale."""
        return self.step(
            OrderRejected(
                at=self.now, client_id=self.closing.client_id, reason=reason, message="no", available=available
            )
        )

    def find_nobody(self) -> Outcome:
        """End the closing sale without a trade, as self-trade prevention does."""
        identity = self.closing.client_id
        self.step(OrderAccepted(at=self.now, client_id=identity, exchange_id=identity))
        return self.step(OrderCancelled(at=self.now, client_id=identity, filled=ZERO))


@pytest.mark.parametrize("how", ["refused", "found nobody"])
def test_a_closing_sale_that_came_to_nothing_is_tried_again_after_ever_longer_pauses(how: str) -> None:
    desk, held = Stopping(), D("5.140")
    for pause in (*PAUSES, PAUSES[-1]):
        assert desk.closing.quantity == held
        outcome = desk.refuse() if how == "refused" else desk.find_nobody()
        assert (outcome.approved, desk.bot.live, desk.bot.status) == ((), [], BotStatus.STOPPING)
        if pause:
            assert desk.pass_by(pause - 1).sequence == 0, "it is not tried at every tick"
        again = desk.pass_by(1)
        assert [(each.draft.purpose, each.draft.quantity) for each in again.approved] == [(Purpose.CLOSE, held)]
        assert again.decisions[0].rule is Rule.REPLACE_ORDER


def test_many_ticks_at_one_instant_send_two_closing_orders_at_most() -> None:
    desk = PerpetualDesk(Direction.LONG)
    desk.engine.step(StopBot(at=NOW, by="t", bot=1, sell=True))
    desk.clear()
    sent = []
    for tick in range(100):
        for draft in desk.drafts(Purpose.CLOSE):
            sent.append(draft.client_id)
            desk.engine.step(OrderAccepted(at=NOW, client_id=draft.client_id, exchange_id=draft.client_id))
            desk.engine.step(OrderCancelled(at=NOW, client_id=draft.client_id, filled=ZERO))
        desk.tick(D(100) - D(tick) / 100)
    assert (len(sent), len(desk.drafts(Purpose.PROTECT))) == (2, 1), "and the position stays guarded"


def test_an_initial_order_that_meets_the_account_s_own_orders_is_not_sent_at_every_tick() -> None:
    desk = Desk(fill_initial=False)
    for _ in range(20):
        for order in desk.engine.state.live_orders(desk.bot):
            desk.engine.step(OrderCancelled(at=NOW, client_id=order.draft.client_id, filled=ZERO))
        desk.tick("100")
    assert (desk.bot.failures, desk.bot.status) == (2, BotStatus.STARTING)


def test_a_closing_sale_that_trades_begins_with_short_pauses_again() -> None:
    desk = Stopping()
    for pause in PAUSES[:4]:
        desk.refuse()
        desk.pass_by(pause)
    desk.fill(desk.closing, D(3))
    desk.step(OrderCancelled(at=desk.now, client_id=desk.closing.client_id))
    assert desk.pass_by(0).approved[0].draft.quantity == D("2.140"), "what found somebody waits for no pause"
    desk.refuse()
    assert len(desk.pass_by(0).approved) == 1


def test_what_waits_for_its_pause_is_tried_when_asked_and_after_the_clock_was_set_back() -> None:
    desk = Stopping()
    for pause in PAUSES[:5]:
        desk.refuse()
        desk.pass_by(pause)
    desk.refuse()
    assert desk.pass_by(-3_600_000).approved[0].draft.purpose is Purpose.CLOSE
    desk.refuse()
    asked = desk.step(StopBot(at=desk.now, by="t", bot=1, sell=True))
    assert [each.draft.purpose for each in asked.approved] == [Purpose.CLOSE]


def test_a_person_may_let_go_of_a_bot_whose_closing_sale_waits_for_its_pause() -> None:
    desk = Stopping()
    desk.refuse()
    desk.step(StopBot(at=desk.now, by="t", bot=1, sell=False))
    assert (desk.bot.status, desk.bot.books.base) == (BotStatus.STOPPED, D("5.140"))
    assert desk.pass_by(60_000).sequence == 0


def test_a_closing_sale_that_lacked_base_is_followed_by_one_for_what_the_account_has() -> None:
    desk = Stopping()
    desk.refuse(SHORT, D("5.1349"))
    (again,) = desk.pass_by(0).approved
    assert again.draft.quantity == D("5.134"), "as far as an order can be for it"
    desk.fill(again.draft)
    assert (desk.bot.status, desk.bot.books.base) == (BotStatus.STOPPED, D("0.006"))


def test_what_the_account_has_lasts_for_one_sale_and_the_rest_is_asked_for_whole() -> None:
    desk = Stopping()
    desk.refuse(SHORT, D(3))
    desk.pass_by(0)
    desk.refuse()
    (again,) = desk.pass_by(PAUSES[1]).approved
    assert again.draft.quantity == D(3), "another refusal changes nothing about what is there"
    desk.fill(again.draft)
    assert desk.closing.quantity == D("2.140")
    desk.refuse(SHORT, ZERO)
    assert desk.pass_by(0).approved[0].draft.quantity == D("2.140"), "it may be back by now"
    assert desk.bot.status is BotStatus.STOPPING


@pytest.mark.parametrize("known", [True, False])
def test_what_was_found_missing_by_the_last_comparison_counts_where_the_exchange_does_not_say(known: bool) -> None:
    desk = Stopping()
    gap = {"asset": "AAA", "expected": "5.14", "found": "5.04", "short": "0.1"} if known else {}
    desk.step(
        Reconciled(at=NOW, symbol=SYMBOL, recovered_fills=0, resolved_orders=0, foreign_orders=("other 7",), gap=gap)
    )
    desk.refuse(SHORT)
    assert desk.pass_by(0).approved[0].draft.quantity == (D("5.040") if known else D("5.140"))


def test_one_closing_order_is_for_no_more_than_the_market_and_the_account_allow() -> None:
    desk = Stopping()
    for most, there, expected in (("3", "4", "3"), ("5", "4", "4")):
        filters = msgspec.structs.replace(MARKET.filters, max_market_quantity=D(most))
        desk.bot.market = msgspec.structs.replace(MARKET, filters=filters)
        desk.refuse(SHORT, D(there))
        assert desk.pass_by(PAUSES[-1]).approved[0].draft.quantity == D(expected)


def test_a_checkpoint_keeps_what_a_closing_sale_waits_for() -> None:
    desk = Stopping()
    for pause in PAUSES[:2]:
        desk.refuse(SHORT, D(7))
        desk.pass_by(pause)
    desk.refuse(SHORT, D(7))
    again = thaw(freeze(desk.engine.state)).bots[1]
    assert (again.retry_at, again.failures, again.sellable) == (desk.now + PAUSES[2], 3, D(7))


def test_a_rejection_as_older_versions_wrote_it_says_nothing_about_balances() -> None:
    old = b'{"type":"OrderRejected","at":1,"client_id":"a","reason":"insufficient_balance","message":"m"}'
    event = msgspec.json.decode(old, type=OrderRejected)
    assert event.available is None


def test_a_closing_sale_that_is_denied_leaves_again_for_no_more_than_the_bot_still_holds() -> None:
    desk = Stopping()
    sold = next(each.order.draft for each in desk.engine.state.finished.values() if each.order.draft.side is Side.SELL)
    before = desk.closing
    desk.step(OrderUnknown(at=NOW, client_id=before.client_id))
    desk.fill(sold)
    (again,) = desk.step(OrderAbsent(at=NOW, client_id=before.client_id)).approved
    assert again.draft.client_id == before.client_id
    assert again.draft.quantity <= desk.bot.books.base < before.quantity
    assert desk.bot.offered == again.draft.quantity == desk.closing.quantity
