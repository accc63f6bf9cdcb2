"""/recentre."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from commands.reply import Card
from data.events import RecentreBot
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, value
from tests.commands.worlds import bot_view, spec


def stage() -> Stage:
    return Stage(desk=FakeDesk(bot_view(1, spec())))


async def test_the_plan_shows_old_and_new_range_and_what_is_realised() -> None:
    card = (await stage().proposal("/recentre 1 60000 70000 25")).card
    assert value(card, "New range") == "60000.00 – 70000.00 USDT"
    assert value(card, "Lines") == "25"
    assert value(card, "Books are closed at") == "+3.25 USDT (+0.32 %)"
    assert value(card, "Fees").startswith("about ")


async def test_without_a_range_the_price_is_in_the_middle() -> None:
    here = stage()
    receipt = await here.confirmed("/recentre 1")
    assert isinstance(receipt, Card)
    (control,) = here.desk.asked
    assert isinstance(control, RecentreBot)
    assert (control.lower + control.upper) / 2 == Decimal(61000)


async def test_a_range_that_makes_no_grid_is_refused() -> None:
    reply = await stage().failure("/recentre 1 70000 60000")
    assert reply.field == "upper"


async def test_a_bot_whose_market_was_not_seen_has_no_books_to_close() -> None:
    here = Stage(desk=FakeDesk(msgspec.structs.replace(bot_view(1, spec()), profit=None)))
    assert "not been seen" in (await here.failure("/recentre 1")).problem
