"""/bots."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from data.events import StopReason
from engine.views import BotStatus, RangePosition
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, spec, ticker


async def test_the_list_shows_every_bot_and_a_button_for_each_active_one() -> None:
    desk = FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT"), status=BotStatus.STOPPED))
    table = await Stage(desk=desk).table("/bots")
    assert table.rows[0] == ("1", "BTC/USDT", "shadow", "running", "+3.25 USDT (+0.32 %)", "50 %")
    assert table.rows[1][3:] == ("stopped", "+3.25 USDT (+0.32 %)", "–")
    assert lines(table) == ["/bots 1", "/grid"]


async def test_out_of_range_is_a_word_instead_of_a_share() -> None:
    above = msgspec.structs.replace(
        bot_view(1), position=RangePosition.ABOVE, ticker=ticker("BTC/USDT", Decimal(70000))
    )
    table = await Stage(desk=FakeDesk(above)).table("/bots")
    assert table.rows[0][-1] == "above the range"


async def test_a_stopping_bot_can_be_stopped_but_not_paused() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1, status=BotStatus.STOPPING))).card("/bots 1")
    assert "/stop 1 sell" in lines(card)
    assert "/pause 1" not in lines(card)


async def test_an_empty_list_says_so() -> None:
    table = await Stage().table("/bots")
    assert table.rows == ()
    assert table.empty == "There is no bot yet."
    assert lines(table) == ["/grid"]


@pytest.mark.parametrize("line", ["/bots 1", "/bots #1", "/bots BTC/USDT", "/bots btcusdt"])
async def test_a_bot_is_found_by_number_or_market(line: str) -> None:
    card = await Stage(desk=FakeDesk(bot_view(1))).card(line)
    assert card.title == "Bot 1 BTC/USDT +3.25 USDT (+0.32 %)"
    assert card.mode == "shadow"
    assert value(card, "Made of") == "+6.30 grid profit, -1.85 unpaired, -1.20 fees"
    assert value(card, "Status") == "running, inside the range, 8 open orders"
    assert value(card, "Stop loss") == "none"
    assert {"/pnl 1", "/chart 1", "/orders 1", "/pause 1", "/tp 1", "/sl 1", "/stop 1 sell"} <= set(lines(card))


async def test_buttons_fit_the_state() -> None:
    paused = await Stage(desk=FakeDesk(bot_view(1, status=BotStatus.PAUSED))).card("/bots 1")
    assert "/resume 1" in lines(paused)
    assert "/pause 1" not in lines(paused)
    over = msgspec.structs.replace(bot_view(1, status=BotStatus.STOPPED), stop_reason=StopReason.STOP_LOSS)
    stopped = await Stage(desk=FakeDesk(over)).card("/bots 1")
    assert value(stopped, "Status") == "stopped: stop loss"
    assert not {"/stop 1 sell", "/tp 1", "/pause 1"} & set(lines(stopped))


async def test_before_the_first_price_the_card_says_that_books_follow() -> None:
    card = await Stage(desk=FakeDesk(msgspec.structs.replace(bot_view(1), profit=None, ticker=None))).card("/bots 1")
    assert card.title == "Bot 1 BTC/USDT running"
    assert "not been seen" in card.note


async def test_an_unknown_bot_names_the_known_ones() -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1), bot_view(3))).failure("/bots 7")
    assert (failure.field, failure.value, failure.accepted) == ("bot", "7", "a number: 1, 3")
    assert lines(failure) == ["/bots 1", "/bots 3"]


async def test_a_market_with_two_bots_does_not_choose_for_the_person() -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1), bot_view(3))).failure("/bots BTC/USDT")
    assert lines(failure) == ["/bots 1", "/bots 3"]
