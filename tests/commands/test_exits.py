"""What an exit would realise."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.exits import Exit, change_at, lowers_risk
from data.grids import Direction, Trigger, TriggerKind
from data.market import MarketKind
from data.values import ONE, ZERO
from engine.views import BotView, Profit
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines
from tests.commands.worlds import bot_view, market, spec


def books(bot: BotView) -> Profit:
    """Return a bot's books."""
    assert bot.profit is not None
    return bot.profit


def test_at_the_present_price_only_the_fee_of_selling_is_lost() -> None:
    bot = bot_view(1)
    fee = books(bot).base * books(bot).mark * bot.market.fees.taker
    assert change_at(bot, books(bot), books(bot).mark) == books(bot).change - fee


def test_upwards_every_full_slot_is_sold_on_its_own_line() -> None:
    bot = bot_view(1)
    cash = sum((slot.held * slot.upper * (ONE - Decimal("0.001")) for slot in bot.slots), books(bot).cash)
    assert change_at(bot, books(bot), Decimal(99999)) == cash - books(bot).invested


def test_downwards_every_empty_slot_is_bought_and_all_is_sold_at_the_level() -> None:
    bot, level = bot_view(1), Decimal(50000)
    empty = [slot for slot in bot.slots if not slot.held]
    spent = sum((slot.capacity * slot.lower * (ONE + Decimal("0.001")) for slot in empty), ZERO)
    base = books(bot).base + sum((slot.capacity for slot in empty), ZERO)
    expected = books(bot).cash - spent + base * level * (ONE - Decimal("0.001")) - books(bot).invested
    assert change_at(bot, books(bot), level) == expected


@pytest.mark.parametrize(
    ("before", "after", "lower"),
    [
        (None, "10", True),
        ("10", "5", True),
        ("5", "10", False),
        ("5", None, False),
        ("10", "p58000", True),
        ("1", "p50000", False),
        ("p57000", "p58000", True),
        ("p58000", "p57000", False),
    ],
)
def test_a_stop_loss_lowers_risk_exactly_when_less_can_be_lost(before: str, after: str, lower: bool) -> None:
    assert lowers_risk(Exit.STOP_LOSS, bot_view(1), level(before), level(after)) is lower


def test_a_take_profit_never_counts_as_lowering_risk() -> None:
    assert not lowers_risk(Exit.TAKE_PROFIT, bot_view(1), None, level("5"))


def test_without_books_nothing_is_known_to_lower_risk() -> None:
    bot = msgspec.structs.replace(bot_view(1), profit=None)
    assert not lowers_risk(Exit.STOP_LOSS, bot, None, level("5"))


def level(text: str | None) -> Trigger | None:
    """Read ``5`` as a percentage and ``p58000`` as a price."""
    if text is None:
        return None
    kind = TriggerKind.PRICE if text.startswith("p") else TriggerKind.PERCENT
    return Trigger(kind, Decimal(text.removeprefix("p")))


def short_bot(direction: Direction = Direction.SHORT) -> BotView:
    """Return a bot that began by selling: what its full slots bought back, its empty ones are still short of."""
    quoted = msgspec.structs.replace(market("BTC"), kind=MarketKind.PERPETUAL)
    bot = bot_view(1, spec(direction=direction, leverage=2), quoted)
    base = -sum((slot.capacity - slot.held for slot in bot.slots), ZERO)
    cash = books(bot).equity - base * books(bot).mark
    return msgspec.structs.replace(bot, profit=msgspec.structs.replace(books(bot), base=base, cash=cash))


def test_a_short_position_loses_as_price_rises_and_pays_the_fee_of_buying_back() -> None:
    bot, fee = short_bot(), Decimal("0.001")
    now = books(bot)
    assert change_at(bot, now, now.mark) == now.change + now.base * now.mark * fee
    full = [slot for slot in bot.slots if slot.held]
    sold = sum((slot.held * slot.upper * (ONE - fee) for slot in full), ZERO)
    base = now.base - sum((slot.held for slot in full), ZERO)
    level = Decimal(70000)
    assert change_at(bot, now, level) == now.cash + sold + base * level * (ONE + fee) - now.invested


@pytest.mark.parametrize(
    ("line", "accepted"),
    [("/tp 1 65000", "a price below 61000.00"), ("/sl 1 57000", "a price above 61000.00")],
)
async def test_the_exits_of_a_short_grid_lie_on_the_other_sides(line: str, accepted: str) -> None:
    stage = Stage(desk=FakeDesk(short_bot()))
    assert (await stage.failure(line)).accepted == accepted
    assert "/tp 1 57370.50" in lines(await stage.card("/tp 1"))
    assert "/sl 1 64690.50" in lines(await stage.card("/sl 1"))
    plan = (await stage.proposal("/tp 1 57000")).card
    assert plan.note == "When the level is reached the bot stops and closes its position at the market."
    assert "stop loss is now" in (await stage.card("/sl 1 66000")).title


async def test_one_price_is_no_exit_of_a_neutral_grid() -> None:
    stage = Stage(desk=FakeDesk(short_bot(Direction.NEUTRAL)))
    failure = await stage.failure("/sl 1 50000")
    assert failure.problem.startswith("A neutral grid may lose on either side")
    assert not any(each[-1].isdigit() for each in lines(await stage.card("/sl 1")) if each.startswith("/sl"))
