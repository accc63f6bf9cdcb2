"""A market that is halted takes no orders; those that rest on it are still ours, and what they traded is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data.events import RejectReason
from data.values import Side
from engine.exchanges.base import Accepted, MarketUnknown, Rejected
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, branch_of, opened, rest

RESTING, NEXT = "bt-1-1-0b1", "bt-1-1-1b1"


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


async def look(venue: LiveVenue) -> None:
    """Have the adapter ask what is listed, as it does now and then."""
    branch = branch_of(venue.exchange)
    branch._loaded_at = 0
    await branch.look_again()


async def halt(venue: LiveVenue, status: str = "BREAK") -> None:
    venue.market.spec.status = status
    await look(venue)


async def test_orders_on_a_halted_market_are_found_and_cancelled(venue: LiveVenue) -> None:
    await rest(venue)
    await halt(venue)
    exchange = venue.exchange
    assert [each.client_id for each in await exchange.open_orders(venue.symbol)] == [RESTING]
    assert (await exchange.market(venue.symbol)).symbol == venue.symbol
    await exchange.cancel(RESTING, venue.symbol)
    await venue.inbox.until(lambda: venue.inbox.cancelled(RESTING) or None)
    assert await exchange.open_orders(venue.symbol) == []


async def test_a_halted_market_is_nobodys_choice_and_takes_no_order_until_it_is_seen_to_trade(venue: LiveVenue) -> None:
    price = await venue.near(Side.BUY)
    await halt(venue)
    assert venue.symbol not in {each.symbol for each in await venue.exchange.markets()}
    answer = await venue.exchange.submit(venue.order(NEXT, Side.BUY, price))
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.MARKET_CLOSED
    venue.market.spec.status = "TRADING"
    branch_of(venue.exchange)._loaded_at = 0
    await venue.exchange.market(venue.symbol)
    assert isinstance(await venue.exchange.submit(venue.order(NEXT, Side.BUY, price)), Accepted)


async def test_what_filled_before_the_halt_was_seen_is_told(venue: LiveVenue) -> None:
    await rest(venue)
    await halt(venue)
    venue.market.spec.status = "TRADING"
    await venue.through(RESTING)
    assert [each.client_id for each in await venue.exchange.fills(venue.symbol, 0)] == [RESTING]


async def test_a_market_halted_since_before_the_start_is_known(venue: LiveVenue) -> None:
    await rest(venue)
    venue.market.spec.status = "BREAK"
    await venue.restart()
    assert [each.client_id for each in await venue.exchange.open_orders(venue.symbol)] == [RESTING]
    await venue.exchange.cancel(RESTING, venue.symbol)
    assert await venue.exchange.open_orders(venue.symbol) == []


async def test_what_fills_on_a_market_halted_since_before_the_start_is_told(venue: LiveVenue) -> None:
    await rest(venue)
    venue.market.spec.status = "BREAK"
    await venue.restart()
    venue.market.spec.status = "TRADING"
    await venue.through(RESTING)
    assert [each.client_id for each in await venue.exchange.fills(venue.symbol, 0)] == [RESTING]


async def test_a_market_that_is_listed_later_is_found_and_one_that_is_gone_is_not(venue: LiveVenue) -> None:
    venue.market.spec.listed = False
    await look(venue)
    with pytest.raises(MarketUnknown):
        await venue.exchange.market(venue.symbol)
    venue.market.spec.listed = True
    branch_of(venue.exchange)._loaded_at = 0
    assert (await venue.exchange.market(venue.symbol)).symbol == venue.symbol
