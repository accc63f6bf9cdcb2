"""What becomes of orders of one account that meet: a grid order gives way, an order that closes a position does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from data.events import RejectReason
from data.orders import OrderStatus, OrderType, Purpose
from data.values import ZERO, Side
from engine.exchanges.base import Accepted, Rejected
from engine.risk import Approved
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, opened, stop

OTHER_BOT = "bt-2-1-0b1"


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


@pytest.fixture
async def perpetual(tmp_path: Path) -> AsyncIterator[Perpetual]:
    async with opened(Perpetual(tmp_path)) as made:
        yield made


def market_order(venue: LiveVenue, client_id: str, side: Side, price: Decimal, purpose: Purpose) -> Approved:
    """Return a market order for one unit."""
    draft = venue.order(client_id, side, price, "1").draft
    reduces = isinstance(venue, Perpetual) and purpose is Purpose.CLOSE
    return Approved(
        msgspec.structs.replace(draft, type=OrderType.MARKET, purpose=purpose, slot=-1, reduce_only=reduces)
    )


async def bid_in_front(venue: LiveVenue, quantity: str = "5") -> Decimal:
    """Hold a unit, and have another bot's bid be the best; return its price."""
    if isinstance(venue, Perpetual):
        held = market_order(venue, "bt-1-1-ib1", Side.BUY, await venue.near(Side.BUY), Purpose.INITIAL)
        assert isinstance(await venue.exchange.submit(held), Accepted)
        await venue.inbox.until(lambda: venue.inbox.filled("bt-1-1-ib1") or None)
    price = await venue.near(Side.BUY)
    assert isinstance(await venue.exchange.submit(venue.order(OTHER_BOT, Side.BUY, price, quantity)), Accepted)
    venue.move(venue.symbol, price - Decimal("0.5"), price + Decimal("0.01"))
    assert venue.market.bid == price
    return price


async def test_a_closing_sale_sells_and_the_bid_of_another_bot_goes(venue: LiveVenue) -> None:
    price = await bid_in_front(venue)
    sale = market_order(venue, "bt-1-1-is1", Side.SELL, price, Purpose.CLOSE)
    assert isinstance(await venue.exchange.submit(sale), Accepted)
    await venue.inbox.until(lambda: venue.inbox.filled("bt-1-1-is1") == 1 or None)
    await venue.inbox.until(lambda: venue.inbox.cancelled(OTHER_BOT) or None)
    assert not venue.inbox.filled(OTHER_BOT)
    assert await venue.exchange.open_orders(venue.symbol) == []


async def test_what_the_stream_kept_to_itself_of_an_order_that_gave_way_is_found(venue: LiveVenue) -> None:
    price = await bid_in_front(venue)
    venue.server.faults.add("lose", "user:*", count=None)
    sale = market_order(venue, "bt-1-1-is1", Side.SELL, price, Purpose.CLOSE)
    assert isinstance(await venue.exchange.submit(sale), Accepted)
    report = await venue.exchange.order(OTHER_BOT, venue.symbol)
    assert report is not None
    assert (report.status, report.filled) == (OrderStatus.CANCELLED, ZERO)


async def test_an_initial_purchase_leaves_the_orders_of_other_bots_alone(venue: LiveVenue) -> None:
    ask = await venue.near(Side.SELL)
    assert isinstance(await venue.exchange.submit(venue.order("bt-2-1-0s1", Side.SELL, ask, "1")), Accepted)
    venue.move(venue.symbol, ask - Decimal("0.01"), ask + Decimal("0.5"))
    buy = market_order(venue, "bt-1-1-ib1", Side.BUY, ask, Purpose.INITIAL)
    assert isinstance(await venue.exchange.submit(buy), Accepted)
    await venue.inbox.until(lambda: venue.inbox.cancelled("bt-1-1-ib1") or None)
    assert [order.client_id for order in venue.market.resting()] == ["bt-2-1-0s1"]


async def test_a_stop_that_fires_sells_past_the_bid_of_another_bot(perpetual: Perpetual) -> None:
    await bid_in_front(perpetual)
    assert isinstance(await perpetual.exchange.submit(stop(perpetual.symbol, "90")), Accepted)
    perpetual.server.usdm.set_mark("BTCUSDT", "89.9")
    await perpetual.inbox.until(lambda: perpetual.inbox.filled("bt-1-1-ps1") == 1 or None)
    await perpetual.inbox.until(lambda: perpetual.inbox.cancelled(OTHER_BOT) or None)
    assert await perpetual.exchange.positions() == []


async def test_a_stop_whose_price_is_passed_would_take(perpetual: Perpetual) -> None:
    answer = await perpetual.exchange.submit(stop(perpetual.symbol, "120"))
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.WOULD_TAKE


async def test_a_trade_with_an_order_that_the_owner_placed_by_hand_is_told_when_asked_for(venue: LiveVenue) -> None:
    bid = await venue.near(Side.BUY)
    assert isinstance(await venue.exchange.submit(venue.order(OTHER_BOT, Side.BUY, bid, "1")), Accepted)
    venue.move(venue.symbol, bid - 1, bid + Decimal("0.01"))
    account = venue.server.spot if isinstance(venue, Spot) else venue.server.usdm
    account.place_foreign("BTCUSDT", "SELL", "1", str(bid))
    told = await venue.exchange.fills(venue.symbol, 0)
    assert {(fill.client_id == OTHER_BOT, fill.side) for fill in told} == {(True, Side.BUY), (False, Side.SELL)}
