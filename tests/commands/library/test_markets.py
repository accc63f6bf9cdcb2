"""/markets."""

from __future__ import annotations

import pytest

from data.market import Ticker
from engine.exchanges.base import ExchangeUnavailable
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines


async def test_without_a_search_the_favourites_come_with_price_fee_and_smallest_order() -> None:
    table = await Stage().table("/markets")
    assert table.rows == (
        ("BTC/USDT", "61000.00", "0.10 %", "5.00 USDT"),
        ("ETH/USDT", "3050.00", "0.10 %", "5.00 USDT"),
    )
    assert lines(table)[:2] == ["/chart BTC/USDT", "/grid BTC/USDT"]


@pytest.mark.parametrize("search", ["sol", "SOL/USDT", "solusdt", "slo", "solusd"])
async def test_spelling_need_not_be_exact(search: str) -> None:
    table = await Stage().table(f"/markets {search}")
    assert table.rows[0][0] == "SOL/USDT"


async def test_no_match_is_a_failure_with_a_way_back() -> None:
    failure = await Stage().failure("/markets zzzzqq")
    assert (failure.field, failure.value) == ("search", "zzzzqq")
    assert lines(failure) == ["/markets"]


async def test_an_exchange_that_is_away_is_said() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "does not answer" in (await Stage(desk=desk).failure("/markets")).problem


class Priceless(FakeDesk):
    """A desk that lists markets but has no prices."""

    async def ticker(self, symbol: str) -> Ticker:
        """Fail."""
        raise ExchangeUnavailable(symbol)


async def test_a_missing_price_does_not_hide_the_market() -> None:
    table = await Stage(desk=Priceless()).table("/markets eth")
    assert table.rows[0][:2] == ("ETH/USDT", "–")
