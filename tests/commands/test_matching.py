"""Finding what a person meant."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from commands.matching import find_bot, find_market, find_markets, one_bot, unavailable
from commands.reply import Card, Failure
from data.market import Market
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from tests.commands.fake_desk import FakeDesk
from tests.commands.worlds import bot_view, market

ALL = [market(base) for base in ("BTC", "ETH", "SOL", "WBTC", "BNB")]


@pytest.mark.parametrize(
    ("query", "first"),
    [("btc", "BTC/USDT"), ("wbt", "WBTC/USDT"), ("ETH-USDT", "ETH/USDT"), ("etj", "ETH/USDT"), ("bnbusd", "BNB/USDT")],
)
def test_the_best_match_comes_first(query: str, first: str) -> None:
    assert find_markets(ALL, query)[0].symbol == first


def test_an_empty_search_matches_everything_and_nonsense_nothing() -> None:
    assert find_markets(ALL, " ") == ALL
    assert find_markets(ALL, "qqqqq") == []


def test_a_bot_needs_to_be_the_only_one_on_its_market() -> None:
    desk = FakeDesk(bot_view(1), bot_view(2))
    assert find_bot(desk, "#2") == desk.bot(2)
    assert find_bot(desk, "BTC/USDT") is None
    assert find_bot(desk, "9") is None


async def test_an_exchange_that_is_away_is_a_failure() -> None:
    desk = FakeDesk()
    desk.available = False
    reply = await find_market(desk, "BTC/USDT", "chart")
    assert reply == unavailable(ExchangeUnavailable("binance did not answer in 10 s"))


class HalfGone(FakeDesk):
    """A desk that knows a market is unlisted but cannot list the others."""

    async def market(self, symbol: str) -> Market:
        """Know nothing."""
        raise MarketUnknown(symbol)

    async def markets(self) -> Sequence[Market]:
        """Fail."""
        raise ExchangeUnavailable("maintenance!")


async def test_without_a_list_the_failure_leads_to_the_markets() -> None:
    reply = await find_market(HalfGone(), "XYZ/USDT", "chart")
    assert isinstance(reply, Failure)
    assert (reply.accepted, reply.buttons) == ("see /markets", ())
    assert unavailable(ExchangeUnavailable("maintenance!")).problem.startswith("The exchange cannot be reached: maint")


def test_asking_which_bot_shows_what_tells_them_apart() -> None:
    unseen = msgspec.structs.replace(bot_view(2), profit=None)
    card = one_bot(FakeDesk(bot_view(1), unseen), None, "/pause {}")
    assert isinstance(card, Card)
    assert card.fields[0].value == "running, inside the range, +3.25 USDT (+0.32 %)"
    assert card.fields[1].value == "running, inside the range"
