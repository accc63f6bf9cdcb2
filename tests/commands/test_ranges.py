"""Ranges out of what a market did."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.ranges import MAX_LINES, MIN_LINES, GridRange, propose_ranges
from data.market import Candle, Fees
from engine.exchanges.base import ExchangeUnavailable
from tests.commands.fake_desk import FakeDesk
from tests.commands.worlds import NOW, market

STEP = Decimal("0.005")


async def proposed(price: Decimal, desk: FakeDesk | None = None) -> tuple[GridRange, ...]:
    """Return the ranges for bitcoin at ``price``, whatever its candles say."""
    return await propose_ranges(desk or FakeDesk(), market("BTC"), price, STEP)


async def test_lines_are_as_far_apart_as_wanted() -> None:
    for each in await proposed(Decimal(61000)):
        step = (each.upper / each.lower) ** (Decimal(1) / (each.levels - 1)) - 1
        assert abs(step - STEP) < STEP / 10


@given(price=st.decimals("0.02", "500000", places=2))
async def test_price_is_always_inside_and_lines_are_sensible(price: Decimal) -> None:
    for each in await proposed(price):
        assert Decimal(0) < each.lower < price < each.upper
        assert MIN_LINES <= each.levels <= MAX_LINES
        assert each.lower % market("BTC").filters.price_tick == 0


async def test_expensive_fees_widen_the_step() -> None:
    dear = msgspec.structs.replace(market("BTC"), fees=Fees(maker=Decimal("0.01"), taker=Decimal("0.01")))
    ranges = await propose_ranges(FakeDesk(), dear, Decimal(61000), STEP)
    assert all(each.levels <= 8 for each in ranges)


async def test_an_exchange_without_candles_gives_ranges_around_the_price() -> None:
    desk = FakeDesk()
    desk.available = False
    with pytest.raises(ExchangeUnavailable):
        await desk.candles("BTC/USDT", "1h", 1)
    narrow, _medium, wide = await proposed(Decimal(61000), desk)
    assert narrow.source == "3 % around the price: there are no past prices"
    assert (wide.lower, wide.upper) == (Decimal(51850), Decimal(70150))


class Calm(FakeDesk):
    """A desk whose market has not moved at all."""

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return one flat bar."""
        price = self.tickers[symbol].last
        return [Candle(NOW, price, price, price, price, Decimal(1))]


async def test_a_calm_market_gets_ranges_that_leave_room_and_says_so() -> None:
    narrow, medium, wide = await proposed(Decimal(61000), Calm())
    assert narrow.source.endswith("last 24 hours, at least 2 % to either side")
    assert (narrow.lower, medium.lower, wide.lower) == (Decimal(59780), Decimal(58560), Decimal(56120))


async def test_no_range_is_offered_twice() -> None:
    desk = FakeDesk()
    desk.no_candles = True
    (only,) = await proposed(Decimal("0.02"), desk)
    assert (only.label, only.lower, only.upper) == ("Narrow", Decimal("0.01"), Decimal("0.03"))
