"""/trail."""

from __future__ import annotations

from decimal import Decimal

import pytest

from commands.reply import Card
from data.events import SetTrailing
from data.grids import Direction, GridSpec
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, spec


def stage(bot: GridSpec | None = None) -> Stage:
    return Stage(desk=FakeDesk(bot_view(1, bot or spec())))


async def test_without_limits_it_says_how_the_grid_follows() -> None:
    card = await stage().card("/trail 1")
    assert (value(card, "Up to"), value(card, "Down to")) == ("it stays", "it stays")


async def test_following_is_confirmed_first_and_can_be_undone() -> None:
    here = stage()
    card = (await here.proposal("/trail 1 up=72000 down=50000")).card
    assert (value(card, "Up to"), value(card, "Down to")) == ("72000.00", "50000.00")
    assert value(card, "Each step down").startswith("realises a loss of up to")
    receipt = await here.confirmed("/trail 1 up=72000")
    assert isinstance(receipt, Card)
    assert lines(receipt)[0] == "/trail 1 up=none down=none"
    (control,) = here.desk.asked
    assert isinstance(control, SetTrailing)
    assert (control.up, control.down) == (Decimal(72000), None)


async def test_following_no_longer_takes_one_tap() -> None:
    here = stage(spec(trail_up=Decimal(72000), trail_down=Decimal(50000)))
    card = await here.card("/trail 1 up=none down=none")
    assert value(card, "Up to") == "it stays"
    (control,) = here.desk.asked
    assert isinstance(control, SetTrailing)
    assert (control.up, control.down) == (None, None)


@pytest.mark.parametrize(
    ("line", "field"),
    [("/trail 1 up=abc", "up"), ("/trail 1 up=60000", "up"), ("/trail 1 down=62000", "down"), ("/trail 1 up=-1", "up")],
)
async def test_a_limit_that_makes_no_sense_is_refused(line: str, field: str) -> None:
    reply = await stage().failure(line)
    assert reply.field == field


@pytest.mark.parametrize(
    ("direction", "costly"),
    [("long", ["Each step down"]), ("short", ["Each step up"]), ("neutral", ["Each step up", "Each step down"])],
)
async def test_a_step_against_what_is_held_costs(direction: str, costly: list[str]) -> None:
    card = (await stage(spec(direction=Direction(direction))).proposal("/trail 1 up=72000 down=50000")).card
    assert [each.label for each in card.fields if each.label.startswith("Each step")] == costly
