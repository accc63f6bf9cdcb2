"""Faults of the live adapter that once were: each had a way to lose word of an order, or of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace as replaced

from data.events import OrderAccepted
from data.market import MarketKind
from data.values import Side
from engine.accounts.execution import ARRIVAL_SECONDS
from engine.clock import ManualClock, SystemClock
from engine.exchanges.base import Accepted
from engine.exchanges.ccxt_client import Client
from engine.exchanges.faults import Unavailable
from engine.exchanges.pacing import Lane
from engine.exchanges.tasks import persist
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import HASTY, Perpetual, Spot, branch_of, opened, rest, restored
from tests.servers.binance.symbols import Spec
from tests.servers.calling import until

ID = "bt-1-1-0b1"
MINUTES = 5 * 60_000


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Spot]:
    async with opened(Spot(tmp_path)) as made:
        yield made


class NoticesMarks(Perpetual):
    """Notices at once when marks stand still."""

    habits = replaced(HASTY, mark_silence_seconds=0.3)


def cut_user_streams(venue: LiveVenue) -> None:
    users = venue.server.users if isinstance(venue, Spot) else venue.server.usdm.users
    for peer in list(users.sockets.peers):
        peer.cut()


async def test_an_order_that_filled_in_part_before_a_restart_is_told_to_be_cancelled(venue: LiveVenue) -> None:
    venue.server.clock_offset = -MINUTES
    await rest(venue, quantity="2")
    await venue.touch(ID)
    venue.server.clock_offset = 0
    await venue.restart()
    (report,) = await venue.exchange.open_orders(venue.symbol)
    assert 0 < report.filled < report.quantity
    await venue.exchange.cancel(ID, venue.symbol)
    await venue.inbox.until(lambda: venue.inbox.cancelled(ID) or None)


async def test_an_order_on_a_market_nobody_knew_of_does_not_end_the_user_stream(spot: Spot) -> None:
    await rest(spot)
    spot.server.spot.list(Spec(symbol="NEWUSDT", base="NEW", quote="USDT"), "100.00", "100.01")
    spot.server.spot.place_foreign("NEWUSDT", "BUY", "0.1", "90")
    await spot.inbox.until(lambda: any(isinstance(each, OrderAccepted) for each in spot.inbox.events) or None)
    cut_user_streams(spot)
    await spot.inbox.until(lambda: restored(spot.inbox) or None)
    await spot.through(ID)


async def test_a_position_on_a_market_nobody_knew_of_hides_none_of_the_others(tmp_path: Path) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        await rest(venue)
        await venue.through(ID)
        usdm = venue.server.usdm
        known = usdm.contracts["BTCUSDT"]
        usdm.list(replace(known, spec=replace(known.spec, symbol="NEWUSDT", base="NEW")), "100.00", "100.01")
        usdm.place_foreign("NEWUSDT", "BUY", "0.1")
        assert [each.symbol for each in await venue.exchange.positions()] == [venue.symbol]


async def test_a_position_that_others_change_has_the_books_compared(tmp_path: Path) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        await rest(venue)
        await venue.through(ID)
        before = restored(venue.inbox)
        venue.server.usdm.place_foreign("BTCUSDT", "SELL", "1", reduce_only=True)
        await venue.inbox.until(lambda: restored(venue.inbox) > before or None)


async def test_a_mark_price_that_stands_still_is_asked_for_while_quotes_move(tmp_path: Path) -> None:
    async with opened(NoticesMarks(tmp_path)) as venue:
        await venue.exchange.subscribe(frozenset({venue.symbol}))
        await venue.ticked(venue.symbol)
        streams = venue.server.usdm.streams
        await streams.until(lambda: streams.heard("btcusdt@markPrice@1s"))
        for peer in streams.peers:
            peer.silent = any("markPrice" in name for name in peer.streams)
        venue.server.usdm.set_mark("BTCUSDT", "98.5")
        for step in range(20):
            venue.move(venue.symbol, Decimal(98) + step, Decimal(99) + step)
            await asyncio.sleep(0.05)
        assert venue.inbox.tickers(venue.symbol)[-1].ticker.mark == Decimal("98.5")


async def test_work_that_trips_over_one_message_goes_on() -> None:
    clock, attempts = ManualClock(0), 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        raise KeyError("what nobody expected")

    working = asyncio.create_task(persist(attempt, clock))
    for _ in range(3):
        await asyncio.sleep(0.01)
        clock.advance(5_000)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert attempts > 1


@pytest.mark.parametrize("kind", list(MarketKind))
def test_an_order_that_may_still_arrive_is_not_yet_absent(kind: MarketKind) -> None:
    window = Client("binance", kind, clock=SystemClock()).ccxt.options["recvWindow"]
    assert window / 1000 < ARRIVAL_SECONDS


async def test_orders_behind_many_trades_are_found_with_one_question(venue: LiveVenue) -> None:
    """One question for each would keep all others waiting for minutes where a busy account is compared."""
    names, price = [f"bt-1-1-{number}b1" for number in range(12)], await venue.near(Side.BUY)
    for number, name in enumerate(names):
        answer = await venue.exchange.submit(venue.order(name, Side.BUY, price - number, "0.1"))
        assert isinstance(answer, Accepted)
    await venue.through(names[-1])
    await venue.restart()
    before = len(venue.server.calls)
    told = await venue.exchange.fills(venue.symbol, 0)
    asked = venue.server.calls[before:]
    assert {fill.client_id for fill in told} == set(names)
    assert [each for each in asked if each.endswith("/order")] == []
    assert len([each for each in asked if each.endswith("/allOrders")]) == 1


async def test_a_question_that_waits_for_its_turn_shuts_no_cancel_out_once_the_exchange_is_well_again(
    venue: LiveVenue,
) -> None:
    """It was the one probe of an exchange that had failed, and for a minute at worst nobody else might ask."""
    await rest(venue)
    account = branch_of(venue.exchange).account
    await account.pace.turn(Lane.CANCEL, venue.limits.weight * 7 // 10)
    for _ in range(5):
        with pytest.raises(Unavailable), account.breaker.watching():
            raise Unavailable("down")
    await account.clock.sleep(1)
    chart = asyncio.ensure_future(venue.exchange.candles(venue.symbol, "1m", 5))
    await until(lambda: account.pace.waiting == 1)
    await venue.exchange.cancel(ID, venue.symbol)
    assert await venue.exchange.open_orders(venue.symbol) == []
    assert not chart.done()
    chart.cancel()
