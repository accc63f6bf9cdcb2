"""What keeps the user stream going: renewed while nothing happens, and listened to whatever goes wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, branch_of, opened, rest, restored
from tests.servers.calling import until

ID = "bt-1-1-0b1"


def users_of(venue: LiveVenue) -> Any:
    return venue.server.users if isinstance(venue, Spot) else venue.server.usdm.users


async def appears(logged: list[Any], event: str) -> None:
    await until(lambda: any(each["event"] == event for each in logged))


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


@pytest.fixture
async def perpetual(tmp_path: Path) -> AsyncIterator[Perpetual]:
    async with opened(Perpetual(tmp_path)) as made:
        yield made


async def test_a_trade_that_nobody_can_read_ends_nothing_for_good(venue: LiveVenue) -> None:
    price = await rest(venue)
    markets, users = branch_of(venue.exchange).account.ccxt.markets, users_of(venue)
    known = markets[venue.symbol]
    markets[venue.symbol] = {**known, "contract": True, "contractSize": {}}
    with capture_logs() as logged:
        event = "user:executionReport" if isinstance(venue, Spot) else "user:ORDER_TRADE_UPDATE"
        venue.server.faults.add("silence", event)
        venue.move(venue.symbol, price - 1, price - Decimal("0.99"))
        await appears(logged, "attempt_broke_off")  # the check of the stream
        users.sockets.accepting = False
        users.sockets.cut()
        await appears(logged, "own_orders_broke_off")  # what is asked without a stream
    markets[venue.symbol] = known
    users.sockets.accepting = True
    await venue.inbox.until(lambda: (restored(venue.inbox) and venue.inbox.filled(ID)) or None)


async def test_a_ban_heard_while_a_stream_opens_holds_back_all_calls(perpetual: Perpetual) -> None:
    perpetual.server.faults.add("throttle", "POST /fapi/v1/listenKey", status=418, seconds=2)
    begun = time.monotonic()
    await branch_of(perpetual.exchange).account.drop_streams()
    await perpetual.inbox.until(lambda: restored(perpetual.inbox) or None)
    assert perpetual.server.faults.struck
    assert time.monotonic() - begun >= 2


async def test_a_key_is_renewed_while_nothing_happens(perpetual: Perpetual) -> None:
    account, users = branch_of(perpetual.exchange).account, perpetual.server.usdm.users
    account.part = msgspec.structs.replace(account.part, renewal=("fapiprivate_put_listenkey", 0.1))
    await account.drop_streams()
    await perpetual.inbox.until(lambda: restored(perpetual.inbox) or None)
    granted, before = users.keys["main"].until, restored(perpetual.inbox)
    perpetual.server.faults.add("error", "PUT /fapi/v1/listenKey", status=503)
    await until(lambda: users.keys["main"].until >= granted + 300)
    assert restored(perpetual.inbox) == before


async def test_a_key_that_the_exchange_forgot_is_replaced(perpetual: Perpetual) -> None:
    account, users = branch_of(perpetual.exchange).account, perpetual.server.usdm.users
    account.part = msgspec.structs.replace(account.part, renewal=("fapiprivate_put_listenkey", 0.1))
    await account.drop_streams()
    await perpetual.inbox.until(lambda: restored(perpetual.inbox) or None)
    before = restored(perpetual.inbox)
    users.keys.clear()
    await perpetual.inbox.until(lambda: restored(perpetual.inbox) > before or None)
    assert users.subscribers() == 1
    perpetual.server.mistakes.clear()  # that the key was named again
