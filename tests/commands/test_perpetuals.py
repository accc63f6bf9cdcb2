"""What a perpetual shows beyond spot, on a bot's card and in its results."""

from __future__ import annotations

import itertools
from datetime import UTC
from decimal import Decimal

import msgspec
import pytest

from commands.cards import bot_card, profit_fields, stop_buttons
from commands.perpetuals import bot_fields, funding_part, held, plan_fields
from commands.pictures import pnl_series
from commands.results import pnl_card
from data.grids import Direction, MarginMode
from data.market import MarketKind
from engine.views import BotView, Danger
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import value
from tests.commands.worlds import NOW, bot_view, market, plan_of, spec, ticker

D = Decimal


def perpetual_bot(funding: str = "0") -> BotView:
    quoted = msgspec.structs.replace(market("BTC"), kind=MarketKind.PERPETUAL)
    grid = spec(direction=Direction.SHORT, leverage=3, margin=MarginMode.ISOLATED)
    bot = bot_view(1, grid, quoted)
    assert bot.profit is not None
    change = bot.profit.change + D(funding)
    books = msgspec.structs.replace(bot.profit, funding=D(funding), change=change)
    return msgspec.structs.replace(bot, profit=books)


def test_a_bot_shows_how_it_trades_and_how_near_its_end_is() -> None:
    bot = perpetual_bot()
    card = bot_card(bot, NOW, UTC)
    assert value(card, "Position") == "short, leverage 3, isolated margin"
    assert [each.label for each in bot_fields(bot)] == ["Position"]
    near = bot_card(msgspec.structs.replace(bot, danger=Danger.REDUCING), NOW, UTC)
    assert value(near, "Liquidation") == "so near that the position may only become smaller"
    assert len(near.fields) <= 25


def test_spot_says_nothing_of_it() -> None:
    assert bot_fields(bot_view(1)) == []
    assert plan_fields(plan_of(spec(), market("BTC"), ticker("BTC/USDT"))) == []


def test_funding_is_a_part_of_the_result_where_there_was_any() -> None:
    paid = perpetual_bot("-2.50")
    assert paid.profit is not None
    (made,) = [each.value for each in profit_fields(paid.profit, "USDT") if each.label == "Made of"]
    assert made.endswith(", -2.50 funding")
    assert funding_part(D(0)) == ""
    desk = FakeDesk(paid)
    card = pnl_card([paid], pnl_series(desk, [paid], 0, NOW, "x"), "all")
    assert card.note.startswith("Total = grid profit + unpaired − fees + funding")


def test_a_position_is_named_by_its_side_and_worth() -> None:
    bot = perpetual_bot()
    assert bot.profit is not None
    for base, words in ((D("-0.02"), "short 0.02 BTC, 1220.00 USDT"), (D("0.02"), "long 0.02 BTC, 1220.00 USDT")):
        moved = msgspec.structs.replace(bot, profit=msgspec.structs.replace(bot.profit, base=base))
        assert value(bot_card(moved, NOW, UTC), "Holds") == words
    assert held(bot.market, D(0)) == "no position"
    assert [each.label for each in stop_buttons("1", perpetual=True)] == ["Stop, close", "Stop, keep"]


@pytest.mark.parametrize(("direction", "slope"), [("long", 1), ("neutral", 0), ("short", -1)])
def test_the_first_mix_of_a_short_grid_loses_as_price_rises(direction: str, slope: int) -> None:
    bot = perpetual_bot()
    bot = msgspec.structs.replace(bot, spec=msgspec.structs.replace(bot.spec, direction=Direction(direction)))
    series = pnl_series(FakeDesk(bot), [bot], 0, NOW, "x")
    changes = [after - before for before, after in itertools.pairwise(series.hold_initial_mix)]
    prices = [after - before for before, after in itertools.pairwise(series.buy_and_hold)]
    assert any(prices)
    assert all(
        (change > 0) - (change < 0) == slope * ((moved > 0) - (moved < 0))
        for change, moved in zip(changes, prices, strict=True)
    )
