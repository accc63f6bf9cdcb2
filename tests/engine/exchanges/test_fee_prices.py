"""Fees in a third asset are valued without holding up what happened: by a price, the last one, or the rate paid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from data.events import OrderFilled
from data.orders import Fill
from data.values import Side
from engine.exchanges.base import Accepted
from engine.exchanges.fee_prices import FeePrices
from engine.exchanges.pacing import Lane
from engine.exchanges.public_feed import PublicFeed
from tests.engine.exchanges.live import Spot, branch_of, fills, opened
from tests.engine.exchanges.test_ccxt_live_parts import Scripted

BARS, TICKER = "GET /api/v3/klines", "GET /api/v3/ticker/*"
BNB = Decimal(500)


class Patient(Spot):
    """Waits for answers longer than fills may be held up."""

    timeout_seconds = 10


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Spot]:
    async with opened(Patient(tmp_path)) as venue:
        venue.server.spot.deposit("BNB", "10")
        venue.server.spot.account().burns_bnb = True
        yield venue


async def bids(spot: Spot, many: int, first: int = 1) -> list[str]:
    """Place bids one below the other."""
    names = [f"bt-{number}-1-0b1" for number in range(first, first + many)]
    best = await spot.near(Side.BUY)
    for number, name in enumerate(names, 1):
        answer = await spot.exchange.submit(spot.order(name, Side.BUY, best - number, "1"))
        assert isinstance(answer, Accepted)
    return names


async def fall(spot: Spot, names: list[str], seconds: float) -> list[Fill]:
    """Let the price fall through bids, and return their fills, told within so long."""
    lowest = min(order.price for order in spot.market.resting())
    spot.move(spot.symbol, lowest - 1, lowest - Decimal("0.5"))
    async with asyncio.timeout(seconds):
        await spot.inbox.until(lambda: all(spot.inbox.filled(name) for name in names) or None)
    return [fill for fill in fills(spot.inbox) if fill.client_id in names]


def estimated(fill: Fill) -> Decimal:
    """Return a fee by the rate that the account is told to pay, which no discount makes smaller."""
    return fill.notional * Decimal("0.001")


async def test_bars_that_do_not_come_hold_up_no_fill_and_its_fee_is_taken_from_the_rate(spot: Spot) -> None:
    names = await bids(spot, 12)
    spot.server.faults.add("delay", BARS, count=None, seconds=30.0)
    told = await fall(spot, names, 4)
    assert len(told) == len(names)
    assert all(fill.fee_asset == "BNB" and fill.fee_quote == estimated(fill) for fill in told)
    spot.server.faults.clear()


async def test_an_answer_that_failed_is_asked_for_again(spot: Spot) -> None:
    names = await bids(spot, 1)
    spot.server.faults.add("html", BARS, count=None)
    (first,) = await fall(spot, names, 4)
    assert first.fee_quote == estimated(first)
    spot.server.faults.clear()
    await spot.exchange.fills(spot.symbol, 0)
    (second,) = await fall(spot, await bids(spot, 1, first=2), 4)
    assert second.fee_quote == second.fee * BNB
    again = {fill.client_id: fill.fee_quote for fill in await spot.exchange.fills(spot.symbol, 0)}
    assert again[first.client_id] == first.fee * BNB, "valued as soon as there is a price"


async def test_a_price_of_long_ago_is_better_than_none(spot: Spot) -> None:
    await fall(spot, await bids(spot, 1), 4)
    spot.server.clock_offset = 3_600_000
    await spot.exchange.clock_skew()
    spot.server.faults.add("html", BARS, count=None)
    (told,) = await fall(spot, await bids(spot, 1, first=2), 4)
    assert told.fee_quote == told.fee * BNB
    spot.server.faults.clear()


async def test_charts_that_use_up_their_share_hold_up_no_fill_and_no_comparison(spot: Spot) -> None:
    names = await bids(spot, 2)
    pace = branch_of(spot.exchange).account.pace
    while pace.load < 0.65:
        await pace.turn(Lane.GRID, 100)
    spot.server.faults.add("lose", "user:executionReport", count=1)
    await fall(spot, names, 4)
    async with asyncio.timeout(4):
        assert {fill.client_id for fill in await spot.exchange.fills(spot.symbol, 0)} == set(names)
        assert await spot.exchange.open_orders(spot.symbol) == []
    told = [event.fill.trade_id for event in spot.inbox.events if isinstance(event, OrderFilled)]
    assert len(told) == len(set(told)) == len(names)


# -- one market's prices


MINUTE = 60_000


class Slow(Scripted):
    """A client whose bars come when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.ccxt.markets = {"BNB/USDT": {"symbol": "BNB/USDT"}}
        self.lanes: list[Lane] = []
        self.open = asyncio.Event()

    async def read(self, call: Any, *args: Any, lane: Lane = Lane.DATA, **_: Any) -> Any:
        self.lanes.append(lane)
        await self.open.wait()
        _symbol, _timeframe, since, _limit = args
        return [[since, str(500 + since // MINUTE), "900", "1", "2", "3"]]


@pytest.fixture
async def slow() -> AsyncIterator[tuple[Slow, FeePrices]]:
    client = Slow()
    prices = FeePrices(PublicFeed(client))
    yield client, prices
    await prices.close()


def at_once(asking: Coroutine[Any, Any, Decimal | None]) -> Decimal | None:
    """Return an answer that must be there without any waiting."""
    try:
        asking.send(None)
    except StopIteration as done:
        return cast("Decimal | None", done.value)
    asking.close()
    raise AssertionError("it waited")


async def test_a_minute_is_asked_for_once_and_before_charts(slow: tuple[Slow, FeePrices]) -> None:
    client, prices = slow
    client.open.set()
    told = await asyncio.gather(*(prices.near("BNB", "USDT", 3 * MINUTE + second) for second in range(0, 60_000, 999)))
    assert set(told) == {Decimal(503)}
    assert client.lanes == [Lane.STOP]


async def test_a_price_of_some_minutes_ago_is_used_at_once_and_the_newer_one_asked_for_beside(
    slow: tuple[Slow, FeePrices],
) -> None:
    client, prices = slow
    client.open.set()
    await prices.near("BNB", "USDT", 0)
    client.open.clear()
    assert at_once(prices.near("BNB", "USDT", 5 * MINUTE)) == Decimal(500)
    client.open.set()
    await asyncio.wait(prices._asking.values())
    assert at_once(prices.near("BNB", "USDT", 5 * MINUTE)) == Decimal(505)


async def test_while_an_answer_is_late_nobody_waits_for_one(slow: tuple[Slow, FeePrices]) -> None:
    client, prices = slow
    assert await prices.near("BNB", "USDT", 0) is None
    for minute in range(100):
        assert at_once(prices.near("BNB", "USDT", minute * MINUTE)) is None
    assert len(client.lanes) == 1
    client.open.set()
    await asyncio.wait(prices._asking.values())
    assert at_once(prices.near("BNB", "USDT", 0)) == Decimal(500)
    assert prices.last("BNB", "USDT", 1_000 * MINUTE) == Decimal(500)
    assert await prices.near("BNB", "USDT", 1_000 * MINUTE) == Decimal(1_500), "it was too far away"
