"""Orders over a connection that stays open, on both kinds of market: what becomes of them when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data.values import Side
from engine.exchanges.base import Accepted, Rejected, Unknown
from engine.exchanges.order_socket import OrderSocket
from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, branch_of, opened
from tests.servers.calling import until

PLACED = "WS order.place"


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as live:
        yield live


async def place(venue: LiveVenue, number: int) -> object:
    order = venue.order(name(number), Side.BUY, await venue.far(Side.BUY))
    return await venue.exchange.submit(order)


def name(number: int) -> str:
    return f"bt-1-1-0b{number}"


def wires(venue: LiveVenue) -> list[str]:
    """Return over what the orders so far went: S for the socket, R for a request of REST."""
    sent = [call for call in venue.server.calls if call == PLACED or call.startswith("POST")]
    return ["S" if call == PLACED else "R" for call in sent if call == PLACED or call.endswith("/order")]


def socket_of(venue: LiveVenue) -> OrderSocket:
    socket = branch_of(venue.exchange)._socket
    assert socket is not None
    return socket


async def resting(venue: LiveVenue) -> list[str]:
    return sorted(report.client_id for report in await venue.exchange.open_orders(venue.symbol))


async def test_orders_go_over_the_connection_from_the_first_on(venue: LiveVenue) -> None:
    assert [type(await place(venue, number)) for number in (1, 2)] == [Accepted, Accepted]
    assert wires(venue) == ["S", "S"]
    assert await resting(venue) == [name(1), name(2)]


async def test_while_there_is_no_connection_orders_go_by_requests(venue: LiveVenue) -> None:
    venue.calls.accepting = False
    venue.calls.cut()
    await until(lambda: not socket_of(venue).up)
    assert isinstance(await place(venue, 1), Accepted)
    venue.calls.accepting = True
    await until(lambda: socket_of(venue).up)
    assert isinstance(await place(venue, 2), Accepted)
    assert wires(venue) == ["R", "S"]


async def test_an_exchange_without_the_connection_is_opened_all_the_same(tmp_path: Path) -> None:
    venue = Perpetual(tmp_path)
    venue.server.usdm.calls.sockets.accepting = False
    async with opened(venue):
        assert isinstance(await place(venue, 1), Accepted)
        assert wires(venue) == ["R"]


@pytest.mark.parametrize(("fault", "rests"), [("drop_before", False), ("drop_after", True), ("sever", True)])
async def test_an_order_whose_connection_dies_is_unknown_until_it_is_asked_for(
    venue: LiveVenue, fault: str, rests: bool
) -> None:
    await place(venue, 1)
    venue.server.faults.add(fault, PLACED)  # type: ignore[arg-type]
    assert isinstance(await place(venue, 2), Unknown)
    assert (await venue.exchange.order(name(2), venue.symbol) is not None) is rests
    await until(lambda: socket_of(venue).up)
    assert isinstance(await place(venue, 2), Accepted)
    assert await resting(venue) == [name(1), name(2)]


async def test_a_connection_that_keeps_an_answer_to_itself_is_given_up_for_a_new_one(venue: LiveVenue) -> None:
    venue.server.faults.add("delay", PLACED, seconds=2)
    before = set(venue.calls.peers)
    assert isinstance(await place(venue, 1), Unknown)
    assert isinstance(await place(venue, 2), Accepted)
    await until(lambda: socket_of(venue).up)
    assert isinstance(await place(venue, 3), Accepted)
    assert wires(venue) == ["S", "R", "S"]
    assert not socket_of(venue)._awaited
    assert set(venue.calls.peers) - before
    assert await resting(venue) == [name(1), name(2), name(3)]


async def test_an_answer_that_is_cut_in_half_loses_all_that_are_awaited(venue: LiveVenue) -> None:
    await place(venue, 1)
    venue.server.faults.add("delay", PLACED, seconds=0.5)
    first = asyncio.ensure_future(place(venue, 2))
    await until(lambda: venue.server.calls.count(PLACED) == 2)
    venue.server.faults.add("truncate", PLACED)
    assert [type(each) for each in await asyncio.gather(first, place(venue, 3))] == [Unknown, Unknown]
    assert await resting(venue) == [name(1), name(2), name(3)]


async def test_answers_in_another_order_than_the_questions_find_theirs(venue: LiveVenue) -> None:
    await place(venue, 0)
    venue.server.faults.add("delay", PLACED, seconds=0.3)
    answers = await asyncio.gather(*(place(venue, number) for number in range(1, 6)))
    told = {each.client_id: each.exchange_id for each in answers if isinstance(each, Accepted)}
    assert told == {
        report.client_id: report.exchange_id
        for report in await venue.exchange.open_orders(venue.symbol)
        if report.client_id != name(0)
    }
    assert len(told) == 5


async def test_a_refusal_means_what_it_means_by_request(venue: LiveVenue) -> None:
    order = venue.order(name(1), Side.BUY, await venue.far(Side.SELL))
    over_socket = await venue.exchange.submit(order)
    venue.calls.accepting = False
    venue.calls.cut()
    await until(lambda: not socket_of(venue).up)
    by_request = await venue.exchange.submit(order)
    assert isinstance(over_socket, Rejected)
    assert over_socket == by_request
    assert wires(venue) == ["S", "R"]


async def test_what_the_exchange_counted_is_heard_and_so_is_how_long_to_stay_away(venue: LiveVenue) -> None:
    # What the exchange counted would hold up the question for a price.
    price = await venue.far(Side.BUY)
    orders = [venue.order(name(number), Side.BUY, price) for number in range(3)]
    assert isinstance(await venue.exchange.submit(orders[0]), Accepted)
    limits, pace = venue.limits, branch_of(venue.exchange).account.pace
    limits.used = limits.weight * 3 // 4
    assert isinstance(await venue.exchange.submit(orders[1]), Accepted)
    assert 0.74 < pace.load < 0.8
    venue.server.faults.add("throttle", PLACED, status=418, seconds=30)
    assert isinstance(await venue.exchange.submit(orders[2]), Unknown)
    assert 28_000 < pace._shut_until - pace._now() <= 30_000


async def test_a_key_that_is_revoked_is_refused_and_the_connection_stays(venue: LiveVenue) -> None:
    await place(venue, 1)
    for key in venue.server.keyring.keys.values():
        key.rights -= {"spot", "futures"}
    assert isinstance(await place(venue, 2), Rejected)
    assert socket_of(venue).up
