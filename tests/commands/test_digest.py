"""The summary of the day: which bots it counts, what it adds up, and when there is nothing to say."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.digest import digest
from commands.notice import Lane, Notice
from data.market import Market
from data.values import Millis
from engine.views import BotStatus, BotView
from tests.commands.fake_desk import FakeDesk
from tests.commands.worlds import DAY, HOUR, NOW, bot_view, market, spec

EUR: Market = msgspec.structs.replace(market("ETH"), symbol="ETH/EUR", quote="EUR")


def stopped(number: int, at: Millis) -> BotView:
    return msgspec.structs.replace(bot_view(number, status=BotStatus.STOPPED), stopped_at=at)


def booked(view: BotView, **books: Decimal) -> BotView:
    assert view.profit is not None
    return msgspec.structs.replace(view, profit=msgspec.structs.replace(view.profit, **books))


def of_day(desk: FakeDesk) -> Notice:
    notice = digest(desk, NOW)
    assert notice is not None
    return notice


def shown(notice: Notice) -> list[tuple[str, str]]:
    return [(field.label, field.value) for field in notice.card.fields]


def test_one_bot_of_one_currency() -> None:
    notice = of_day(FakeDesk(bot_view(1)))
    assert notice.card.title == "Day's summary: 1 bot"
    assert shown(notice) == [
        ("Total since start", "+3.25 USDT"),
        ("Grid profit, before fees", "+6.30 USDT"),
        ("Fees", "-1.20 USDT"),
        ("Fills in 24 hours", "8"),
    ]


def test_it_is_quiet_and_the_least_urgent_of_all() -> None:
    notice = of_day(FakeDesk(bot_view(1)))
    assert (notice.lane, notice.silent, notice.key, notice.bot, notice.at) == (Lane.DIGEST, True, "digest", 0, NOW)
    assert notice.mode is notice.card.mode
    assert [button.line for button in notice.card.buttons] == ["/pnl", "/bots"]


def test_currencies_are_never_added_together() -> None:
    lost = booked(bot_view(3, spec(), EUR), change=Decimal("-7.50"), grid_profit=Decimal(2), fees=Decimal("0.5"))
    gained = booked(bot_view(2), change=Decimal(10), grid_profit=Decimal(12), fees=Decimal(1))
    notice = of_day(FakeDesk(bot_view(1), gained, lost))
    assert notice.card.title == "Day's summary: 3 bots"
    assert [value for _, value in shown(notice)] == [
        "-7.50 EUR", "+2.00 EUR", "-0.50 EUR", "+13.25 USDT", "+18.30 USDT", "-2.20 USDT", "24",
    ]  # fmt: skip


@pytest.mark.parametrize(("at", "count"), [(NOW - DAY, 2), (NOW - DAY - 1, 1)])
def test_what_stopped_within_the_day_still_counts(at: Millis, count: int) -> None:
    title = of_day(FakeDesk(bot_view(1), stopped(2, at))).card.title
    assert title == ("Day's summary: 2 bots" if count == 2 else "Day's summary: 1 bot")


def test_a_bot_without_a_price_has_no_books_to_add() -> None:
    priceless = msgspec.structs.replace(bot_view(2), profit=None)
    assert of_day(FakeDesk(bot_view(1), priceless)).card.title == "Day's summary: 1 bot"
    assert digest(FakeDesk(priceless), NOW) is None


def test_a_day_without_bots_has_no_summary() -> None:
    assert digest(FakeDesk(), NOW) is None
    assert digest(FakeDesk(stopped(1, NOW - DAY - HOUR)), NOW) is None


def test_fills_of_yesterday_are_not_counted_again() -> None:
    desk = FakeDesk(bot_view(1))
    first, *others = desk.filled[1]
    old = msgspec.structs.replace(first, at=NOW - DAY - 1)
    desk.filled[1] = (old, *others)
    assert shown(of_day(desk))[-1] == ("Fills in 24 hours", "7")
    desk.filled[1] = ()
    assert shown(of_day(desk))[-1] == ("Fills in 24 hours", "0")
