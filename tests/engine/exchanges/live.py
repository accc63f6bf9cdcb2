"""Live accounts for the tests of the live adapter, patient to the tenth of a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TypeVar

from data.events import OrderAccepted, OrderFilled
from data.orders import Draft, Fill, OrderType, Purpose
from data.values import Mode, Side
from engine.exchanges.base import Accepted, Exchange, StreamRestored
from engine.exchanges.ccxt_live import CcxtExchange
from engine.exchanges.habits import Habits
from engine.exchanges.live_branch import Branch
from engine.risk import Approved
from tests.contracts.live_venues import LivePerpetualVenue, LiveSpotVenue, LiveVenue
from tests.contracts.venues import Inbox

HASTY = Habits(
    silence_seconds=0.3, probe_seconds=0.2, settling_seconds=0.1, poll_seconds=0.2, trade_silence_seconds=0.3
)
V = TypeVar("V", bound=LiveVenue)


class Spot(LiveSpotVenue):
    """A spot account whose adapter notices fast."""

    habits = HASTY
    timeout_seconds = 1


class Perpetual(LivePerpetualVenue):
    """A futures account whose adapter notices fast."""

    habits = HASTY
    timeout_seconds = 1


@asynccontextmanager
async def opened(venue: V) -> AsyncIterator[V]:
    """Open the adapter of a venue, and close everything in the end."""
    await venue.start()
    try:
        yield venue
    finally:
        await venue.stop()


async def rest(venue: LiveVenue, client_id: str = "bt-1-1-0b1", quantity: str = "1") -> Decimal:
    """Place a buy at the bid and return its price."""
    price = await venue.near(Side.BUY)
    answer = await venue.exchange.submit(venue.order(client_id, Side.BUY, price, quantity))
    assert isinstance(answer, Accepted), answer
    return price


def branch_of(exchange: Exchange) -> Branch:
    """Return the only branch of a live adapter."""
    assert isinstance(exchange, CcxtExchange)
    return next(iter(exchange._branches.values()))


def stop(symbol: str, trigger: str, client_id: str = "bt-1-1-ps1", side: Side = Side.SELL) -> Approved:
    """Return a protective stop."""
    return Approved(
        Draft(
            client_id=client_id,
            bot=1,
            slot=-2,
            symbol=symbol,
            mode=Mode.PRODUCTION,
            side=side,
            type=OrderType.STOP_MARKET,
            purpose=Purpose.PROTECT,
            price=Decimal(trigger),
            quantity=Decimal(1),
        )
    )


def fills(inbox: Inbox) -> list[Fill]:
    """Return the fills told so far."""
    return [event.fill for event in inbox.events if isinstance(event, OrderFilled)]


def accepted(inbox: Inbox, client_id: str) -> int:
    """Return how often an order was told to be accepted."""
    return sum(isinstance(event, OrderAccepted) and event.client_id == client_id for event in inbox.events)


def restored(inbox: Inbox) -> int:
    """Return how often the stream was told to be restored."""
    return sum(isinstance(event, StreamRestored) for event in inbox.events)
