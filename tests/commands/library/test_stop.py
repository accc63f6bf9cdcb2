"""/stop."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.reply import Card, Failure
from data.events import StopBot
from data.grids import Direction
from data.market import MarketKind, Ticker
from data.orders import RefusalCode, Refused
from engine.exchanges.base import MarketUnknown
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, market, spec


async def test_selling_shows_what_at_which_price_and_with_what_result() -> None:
    proposal = await Stage(desk=FakeDesk(bot_view(1))).proposal("/stop 1 sell")
    card = proposal.card
    assert card.title == "Stop Bot 1 BTC/USDT and sell 0.0078 BTC?"
    assert value(card, "Sells") == "0.0078 BTC at 60999.99, about 475.80 USDT"
    assert value(card, "Fee") == "0.48 USDT"
    assert value(card, "Total then") == "+2.77 USDT (+0.28 %)"
    assert value(card, "Cancels") == "8 orders"
    assert (card.mode, proposal.confirm.danger) == ("shadow", True)


@pytest.mark.parametrize(("word", "sell"), [("sell", True), ("keep", False)])
async def test_confirming_stops_and_says_so(word: str, sell: bool) -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    receipt = await stage.confirmed(f"/stop {word}")
    assert isinstance(receipt, Card)
    assert receipt.title.startswith("Stopping Bot 1 BTC/USDT")
    (control,) = stage.desk.asked
    assert isinstance(control, StopBot)
    assert (control.bot, control.sell) == (1, sell)


async def test_without_a_word_both_ways_are_shown() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1))).card("/stop 1")
    assert value(card, "Bot 1 BTC/USDT, sell") == "+2.77 USDT (+0.28 %)"
    assert value(card, "Bot 1 BTC/USDT, keep") == "0.0078 BTC at 60999.99, about 475.80 USDT"
    assert lines(card) == ["/stop 1 sell", "/stop 1 keep"]


async def test_a_fill_between_plan_and_tap_asks_again_when_selling() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    proposal = await stage.proposal("/stop 1 sell")
    bot = bot_view(1)
    assert bot.profit is not None
    stage.desk.put(msgspec.structs.replace(bot, profit=msgspec.structs.replace(bot.profit, base=Decimal("0.01"))))
    again = await stage.proposal(proposal.confirm.line)
    assert "0.01 BTC" in again.card.title


async def test_a_moved_price_asks_again_when_selling() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    proposal = await stage.proposal("/stop 1 sell")
    stage.desk.tickers["BTC/USDT"] = Ticker("BTC/USDT", Decimal(60000), Decimal(60001), Decimal(60000), stage.desk.now)
    assert "price moved" in (await stage.proposal(proposal.confirm.line)).card.note


async def test_all_bots_stop_with_one_confirmation() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")), bot_view(3, status=BotStatus.STOPPED)))
    receipt = await stage.confirmed("/stop all keep")
    assert isinstance(receipt, Card)
    assert receipt.title == "Stopping 2 bots, keeping what is held"
    assert [each.bot for each in stage.desk.asked if isinstance(each, StopBot)] == [1, 2]
    assert len({each.plan for each in stage.desk.asked if isinstance(each, StopBot)}) == 2


async def test_an_exchange_that_is_away_never_keeps_a_bot_running() -> None:
    desk = FakeDesk(bot_view(1))
    desk.available = False
    assert (await Stage(desk=desk).proposal("/stop 1 sell")).card.title.startswith("Stop Bot 1")
    unseen = msgspec.structs.replace(bot_view(1), ticker=None)
    for bot in (unseen, msgspec.structs.replace(unseen, profit=None)):
        desk.put(bot)
        card = (await Stage(desk=desk).proposal("/stop 1 sell")).card
        assert value(card, "Total then") == "not known: there is no price"
        assert value(card, "Sells") == "0.0078 BTC"


async def test_which_bot_is_asked_when_there_are_two() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))).card("/stop")
    assert lines(card) == ["/stop 1", "/stop 2"]
    kept = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))).card("/stop keep")
    assert lines(kept) == ["/stop 1 keep", "/stop 2 keep"]


async def test_a_stopped_bot_cannot_be_stopped() -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1, status=BotStatus.STOPPED))).failure("/stop 1 sell")
    assert failure.problem == "Bot 1 BTC/USDT is stopped."


@pytest.mark.parametrize("line", ["/stop", "/stop all sell"])
async def test_without_bots_there_is_nothing_to_stop(line: str) -> None:
    assert (await Stage().failure(line)).problem == "There is no running bot."


async def test_what_the_engine_says_no_to_is_not_done() -> None:
    stage = Stage(desk=FakeDesk(bot_view(1)))
    proposal = await stage.proposal("/stop 1 keep")
    stage.desk.problem = "the bot is already stopping"
    assert await stage.one(proposal.confirm.line) == Failure(problem="the bot is already stopping")


async def test_orders_that_risk_refused_are_named_in_the_receipt() -> None:
    bot = bot_view(1)
    stage = Stage(desk=FakeDesk(bot))
    stage.desk.refused = (Refused(draft=bot.orders[0].draft, code=RefusalCode.PRICE_STALE, facts={}),)
    receipt = await stage.confirmed("/stop 1 sell")
    assert isinstance(receipt, Card)
    assert "Risk refused 1 order: the last price of the market is too old." in receipt.note


class Shrunk(FakeDesk):
    """Stands before an exchange that no longer lists bitcoin."""

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices of what is listed."""
        if symbol.startswith("BTC"):
            raise MarketUnknown(symbol)
        return await super().ticker(symbol)


@pytest.mark.parametrize(("line", "stopped"), [("/stop 1 keep", [1]), ("/stop all keep", [1, 2])])
async def test_a_bot_whose_market_is_gone_can_be_let_go(line: str, stopped: list[int]) -> None:
    gone = msgspec.structs.replace(bot_view(1), ticker=None, profit=None)
    stage = Stage(desk=Shrunk(gone, bot_view(2, spec("ETH/USDT"))))
    receipt = await stage.confirmed(line)
    assert isinstance(receipt, Card)
    assert [control.bot for control in stage.desk.asked if isinstance(control, StopBot)] == stopped


async def test_what_cannot_be_sold_now_is_said_before_it_is_tried() -> None:
    stage = Stage(desk=Shrunk(bot_view(1)))
    card = (await stage.proposal("/stop 1 sell")).card
    assert value(card, "Market").startswith("closed at the exchange: nothing can be sold now.")
    assert "Market" not in [each.label for each in (await stage.proposal("/stop 1 keep")).card.fields]


async def test_a_short_position_is_bought_back_at_the_ask() -> None:
    bot = bot_view(
        1, spec(direction=Direction.SHORT), msgspec.structs.replace(market("BTC"), kind=MarketKind.PERPETUAL)
    )
    assert bot.profit is not None
    bot = msgspec.structs.replace(bot, profit=msgspec.structs.replace(bot.profit, base=Decimal("-0.01")))
    proposal = await Stage(desk=FakeDesk(bot)).proposal("/stop 1 sell")
    card = proposal.card
    assert card.title == "Stop Bot 1 BTC/USDT and close short 0.01 BTC?"
    assert value(card, "Closes") == "short 0.01 BTC at 61000.01, about 610.00 USDT"
    assert value(card, "Fee") == "0.61 USDT"
    assert proposal.confirm.label == "Stop and close"
