"""/status."""

from __future__ import annotations

import msgspec

from data.advice import TradingState
from data.values import Mode
from engine.views import BotStatus, RangePosition
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, spec


async def test_one_card_says_it_all_and_the_first_line_fits_a_lock_screen() -> None:
    desk = FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT"), status=BotStatus.PAUSED))
    card = await Stage(desk=desk).card("/status")
    assert card.title.startswith("2 bots, today ")
    assert card.mode == "shadow"
    assert value(card, "Exchange") == "binance, connected"
    assert value(card, "Bots") == "1 running, 1 paused"
    assert value(card, "Equity") == "2006.50 USDT, +6.50 USDT (+0.32 %)"
    assert value(card, "Books checked") == "1 min 5 s ago"
    assert {"/bots", "/pnl", "/balance", "/pause all", "/resume all"} <= set(lines(card))


async def test_today_counts_from_midnight() -> None:
    """Bots started three days ago had 1005 at midnight, half a dollar per six hours after the start."""
    card = await Stage(desk=FakeDesk(bot_view(1))).card("/status")
    assert value(card, "Today") == "-1.75 USDT (-0.17 %)"


async def test_without_bots_it_offers_a_grid() -> None:
    card = await Stage().card("/status")
    assert card.title == "0 bots"
    assert value(card, "Bots") == "none"
    assert "/grid" in lines(card)
    assert "/pause all" not in lines(card)


async def test_trouble_comes_first() -> None:
    desk = FakeDesk(bot_view(1))
    desk.view = msgspec.structs.replace(
        desk.view, trading_state=TradingState.HALTED, trading_state_reason="drawdown 12 % > 10 %"
    )
    card = await Stage(desk=desk).card("/status")
    assert card.title == "Trading is halted"
    assert "/trading" in lines(card)
    assert value(card, "Trading") == "halted: drawdown 12 % > 10 %"
    desk.view = msgspec.structs.replace(desk.view, connected=False, last_reconciled_at=None)
    card = await Stage(desk=desk).card("/status")
    assert card.title == "Not connected to binance"
    assert value(card, "Books checked") == "not yet"


async def test_a_bot_without_a_price_is_not_counted_as_money() -> None:
    desk = FakeDesk(msgspec.structs.replace(bot_view(1), profit=None, ticker=None))
    card = await Stage(desk=desk).card("/status")
    assert card.title == "1 bot"
    assert "Equity" not in [each.label for each in card.fields]


async def test_bots_of_two_modes_are_not_added_up() -> None:
    desk = FakeDesk(bot_view(1), bot_view(2, spec(mode=Mode.TESTNET)))
    card = await Stage(desk=desk).card("/status")
    assert value(card, "shadow USDT: Equity").startswith("1003.25 USDT")
    assert value(card, "testnet USDT: Equity").startswith("1003.25 USDT")


async def test_bots_out_of_range_are_counted() -> None:
    desk = FakeDesk(msgspec.structs.replace(bot_view(1), position=RangePosition.BELOW))
    assert value(await Stage(desk=desk).card("/status"), "Bots") == "1 running, 1 out of range"


async def test_nobody_is_offered_what_they_may_not_do() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1))).card("/status", "vera")
    assert "/bots" in lines(card)
    assert not {"/pause all", "/grid"} & set(lines(card))


async def test_an_engine_for_real_money_that_moves_none_says_so() -> None:
    desk = FakeDesk(bot_view(1))
    desk.view = msgspec.structs.replace(desk.view, mode=Mode.PRODUCTION)
    card = await Stage(desk=desk).card("/status")
    assert (card.mode, card.note) == (Mode.SHADOW, "Orders are simulated. No real money moves.")
    desk.put(bot_view(2, spec(mode=Mode.PRODUCTION)))
    card = await Stage(desk=desk).card("/status")
    assert (card.mode, card.note) == (Mode.PRODUCTION, "Orders go to the exchange. Real money moves.")
