"""What the live adapter hears of its orders, and how it makes up for what it does not hear."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from data.events import BalanceMoved
from data.values import Mode, Side
from engine.exchanges.base import Accepted
from engine.exchanges.ccxt_live import CcxtExchange
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, fills, opened, rest, restored

ID = "bt-1-1-0b1"


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Spot]:
    async with opened(Spot(tmp_path)) as made:
        yield made


def users(venue: LiveVenue) -> object:
    return venue.server.users if isinstance(venue, Spot) else venue.server.usdm.users


async def test_a_fill_is_told_by_stream_and_answer_alike(venue: LiveVenue) -> None:
    await rest(venue)
    await venue.through(ID)
    assert fills(venue.inbox) == await venue.exchange.fills(venue.symbol, 0)


async def test_a_fill_during_an_outage_is_made_up_for_once(venue: LiveVenue) -> None:
    price = await rest(venue)
    sockets = users(venue).sockets  # type: ignore[attr-defined]
    sockets.accepting = False
    for peer in list(sockets.peers):
        peer.cut()
    venue.move(venue.symbol, price - 1, price - Decimal("0.5"))
    await venue.inbox.until(lambda: venue.inbox.filled(ID) or None)
    sockets.accepting = True
    await venue.inbox.until(lambda: restored(venue.inbox) or None)
    assert len(fills(venue.inbox)) == len(await venue.exchange.fills(venue.symbol, 0))
    later = venue.order("bt-1-1-1b1", Side.BUY, price - 2)
    assert isinstance(await venue.exchange.submit(later), Accepted)
    await venue.through("bt-1-1-1b1")


async def test_a_stream_that_cannot_open_leaves_nothing_to_complain_about(venue: LiveVenue) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    await venue.exchange.subscribe(frozenset({venue.symbol}))
    await venue.server.maintain()
    await asyncio.sleep(0.8)  # some attempts to connect
    await venue.server.maintain(closed=False)
    await venue.inbox.until(lambda: restored(venue.inbox) or None)
    gc.collect()
    assert not complaints


async def test_a_subscription_that_ends_is_renewed(venue: LiveVenue) -> None:
    await rest(venue)
    users(venue).expire()  # type: ignore[attr-defined]
    await venue.inbox.until(lambda: restored(venue.inbox) or None)
    await venue.through(ID)


async def test_a_fill_that_the_stream_lost_is_found_and_the_stream_replaced(venue: LiveVenue) -> None:
    await rest(venue)
    event = "user:executionReport" if isinstance(venue, Spot) else "user:ORDER_TRADE_UPDATE"
    venue.server.faults.add("silence", event)
    await venue.through(ID)
    await venue.inbox.until(lambda: restored(venue.inbox) or None)
    assert venue.inbox.filled(ID) == 1


async def test_a_new_stream_is_not_blamed_for_fills_that_came_before_it(venue: LiveVenue) -> None:
    price = await rest(venue)
    await venue.through(ID)
    await venue.restart()
    assert isinstance(await venue.exchange.submit(venue.order("bt-1-1-1b1", Side.BUY, price - 2)), Accepted)
    await venue.inbox.until(lambda: venue.inbox.filled(ID) == 2 or None)  # told again: it may have been missed
    peers = list(users(venue).sockets.peers)  # type: ignore[attr-defined]
    await asyncio.sleep(2 * venue.habits.probe_seconds)
    assert list(users(venue).sockets.peers) == peers  # type: ignore[attr-defined]
    assert not restored(venue.inbox)


@pytest.mark.parametrize("fault", ["duplicate", "reorder", "garble", "cut", "lose"])
async def test_every_fill_is_told_once(spot: Spot, fault: str) -> None:
    await rest(spot, quantity="2")
    spot.server.faults.add(fault, "user:executionReport")  # type: ignore[arg-type]
    await spot.touch(ID)
    await spot.through(ID)
    assert len(fills(spot.inbox)) == len(await spot.exchange.fills(spot.symbol, 0)) == 2


async def test_a_fee_in_a_third_asset_is_valued_in_quote(spot: Spot) -> None:
    spot.server.spot.deposit("BNB", "10")
    spot.server.spot.account().burns_bnb = True
    await rest(spot)
    await spot.through(ID)
    (told,) = fills(spot.inbox)
    assert told.fee_asset == "BNB"
    assert told.fee_quote == told.fee * 500
    assert [told] == await spot.exchange.fills(spot.symbol, 0)


async def test_money_that_comes_is_told(venue: LiveVenue) -> None:
    if isinstance(venue, Spot):
        venue.server.spot.deposit("USDT", "12.5")
    else:
        venue.server.usdm.deposit(Decimal("12.5"))
    told = await venue.inbox.until(
        lambda: [each for each in venue.inbox.events if isinstance(each, BalanceMoved)] or None
    )
    assert [(each.asset, each.amount, each.mode) for each in told] == [("USDT", Decimal("12.5"), Mode.PRODUCTION)]


async def test_a_stale_price_is_asked_for(spot: Spot) -> None:
    await spot.exchange.subscribe(frozenset({spot.symbol}))
    await spot.ticked(spot.symbol)
    await spot.server.streams.until(lambda: spot.server.streams.heard("btcusdt@bookTicker"))
    spot.server.streams.mute()
    spot.move(spot.symbol, Decimal(90), Decimal(91))
    await spot.inbox.until(lambda: spot.inbox.tickers(spot.symbol)[-1].ticker.bid == 90 or None)
    await spot.server.streams.until(lambda: any(not peer.silent for peer in spot.server.streams.peers))


async def test_best_prices_come_without_a_ticker_of_ccxt_and_never_from_half_a_book(venue: LiveVenue) -> None:
    await venue.exchange.subscribe(frozenset({venue.symbol}))
    await venue.ticked(venue.symbol)
    streams = venue.server.streams if isinstance(venue, Spot) else venue.server.usdm.streams
    await streams.until(lambda: streams.heard("btcusdt@bookTicker"))
    half = {"u": 7, "s": "BTCUSDT", "b": "0.00000000", "B": "0", "a": "99.00", "A": "1"}
    streams.publish("btcusdt@bookTicker", half if isinstance(venue, Spot) else {"e": "bookTicker", **half})
    venue.move(venue.symbol, Decimal(97), Decimal(98))
    await venue.inbox.until(lambda: venue.inbox.tickers(venue.symbol)[-1].ticker.bid == 97 or None)
    assert all(each.ticker.bid for each in venue.inbox.tickers(venue.symbol))
    assert isinstance(venue.exchange, CcxtExchange)
    branch = next(iter(venue.exchange._branches.values()))
    assert not branch.feed.client.ccxt.bidsasks


async def test_last_and_mark_prices_are_told(tmp_path: Path) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        await venue.exchange.subscribe(frozenset({venue.symbol}))
        await venue.ticked(venue.symbol)
        venue.server.usdm.set_mark("BTCUSDT", "98.5")
        await venue.inbox.until(lambda: venue.inbox.tickers(venue.symbol)[-1].ticker.mark == Decimal("98.5") or None)
        assert (await venue.exchange.ticker(venue.symbol)).mark == Decimal("98.5")
        streams = venue.server.usdm.streams
        await streams.until(lambda: streams.heard("btcusdt@miniTicker"))
        price = await venue.near(Side.SELL)
        venue.market.trade(price, "0.001")
        await venue.inbox.until(lambda: venue.inbox.tickers(venue.symbol)[-1].ticker.last == price or None)
