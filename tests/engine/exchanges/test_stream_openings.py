"""How user streams are opened: one at a time, and not at all while the exchange wants to be left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, branch_of, opened
from tests.servers.binance.sockets import Sockets
from tests.servers.calling import until


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


def users(venue: LiveVenue) -> Sockets:
    return venue.server.users.sockets if isinstance(venue, Spot) else venue.server.usdm.users.sockets


def signed_on(venue: LiveVenue) -> int:
    """Return how often the exchange was asked for the events of the account."""
    return sum("userDataStream" in call or call == "POST /fapi/v1/listenKey" for call in venue.server.calls)


async def test_a_connection_that_was_given_up_while_it_waited_is_closed_as_soon_as_it_stands(tmp_path: Path) -> None:
    async with opened(Spot(tmp_path)) as venue:
        client, stream = branch_of(venue.exchange).account, branch_of(venue.exchange).stream
        peers = len(users(venue).peers)
        (address,) = client.ccxt.clients
        # As refused connections leave it behind: ccxt waits before the next one.
        client.ccxt.ws_dial_backoff = {address: {"attempts": 3, "until": client.ccxt.milliseconds() + 1_500}}
        await client.drop_streams()
        await until(lambda: address in client.ccxt.clients)
        given_up = client.ccxt.clients[address]
        await client.drop_streams()
        await until(lambda: stream.up and given_up.isConnected)
        await until(lambda: len(users(venue).peers) == peers)
        assert client.ccxt.clients[address].isConnected


async def test_nobody_signs_on_while_the_exchange_wants_to_be_left_alone(venue: LiveVenue) -> None:
    client, stream = branch_of(venue.exchange).account, branch_of(venue.exchange).stream
    client.pace.penalise(2)
    before = signed_on(venue)
    await client.drop_streams()
    await until(lambda: not stream.up)
    await client.clock.sleep(1)
    assert signed_on(venue) == before
    await until(lambda: stream.up)
    assert signed_on(venue) > before
