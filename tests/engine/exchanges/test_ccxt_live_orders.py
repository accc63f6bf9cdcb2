"""Orders of the live adapter when answers are lost, late, doubled or nonsense, on spot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from time import monotonic

import pytest

from data.events import RejectReason
from data.orders import OrderType
from data.values import Side
from engine.exchanges.base import Accepted, ExchangeUnavailable, Rejected, Unknown
from tests.engine.exchanges.live import Spot, accepted, opened, rest

ORDER = "POST /api/v3/order"
ID = "bt-1-1-0b1"


@pytest.fixture(params=["socket", "requests"])
async def spot(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spot]:
    """Yield an account whose orders go over either wire."""
    venue = Spot(tmp_path)
    venue.order_socket = request.param == "socket"
    async with opened(venue):
        yield venue


async def placed(spot: Spot, client_id: str = ID) -> object:
    return await spot.exchange.submit(spot.order(client_id, Side.BUY, await spot.far(Side.BUY)))


def sent_as(spot: Spot) -> str:
    return "WS order.place" if spot.order_socket else ORDER


def posts(spot: Spot) -> int:
    return spot.server.orders_sent()


@pytest.mark.parametrize("fault", ["drop_after", "html_after", "timeout_after", "truncate", "error_after"])
async def test_a_lost_answer_is_unknown_and_the_order_is_found(spot: Spot, fault: str) -> None:
    spot.server.faults.add(fault, ORDER)  # type: ignore[arg-type]
    assert isinstance(await placed(spot), Unknown)
    report = await spot.exchange.order(ID, spot.symbol)
    assert report is not None
    assert await placed(spot) == Accepted(client_id=ID, exchange_id=report.exchange_id)
    assert (posts(spot), len(await spot.exchange.open_orders(spot.symbol))) == (1, 1)
    await spot.inbox.until(lambda: accepted(spot.inbox, ID) or None)


@pytest.mark.parametrize("fault", ["drop_before", "html", "timeout_before", "error"])
async def test_an_order_that_never_arrived_is_absent_and_can_be_sent_again(spot: Spot, fault: str) -> None:
    spot.server.faults.add(fault, ORDER)  # type: ignore[arg-type]
    assert isinstance(await placed(spot), Unknown)
    assert await spot.exchange.order(ID, spot.symbol) is None
    assert isinstance(await placed(spot), Accepted)
    assert len(await spot.exchange.open_orders(spot.symbol)) == 1


async def test_an_answer_that_takes_too_long_is_unknown(spot: Spot) -> None:
    spot.server.faults.add("delay", ORDER, seconds=1.5)
    assert isinstance(await placed(spot), Unknown)
    assert await spot.exchange.order(ID, spot.symbol) is not None


async def test_a_taken_client_id_is_asked_for(spot: Spot) -> None:
    await placed(spot, "bt-1-1-9b1")
    spot.server.faults.add("lose", "user:executionReport", count=None)
    spot.server.faults.add("drop_after", ORDER)
    assert isinstance(await placed(spot), Unknown)
    assert isinstance(await placed(spot), Accepted)
    assert posts(spot) == 3
    assert len(await spot.exchange.open_orders(spot.symbol)) == 2


async def test_a_throttled_order_waits_and_is_sent_again(spot: Spot) -> None:
    spot.server.faults.add("throttle", ORDER, status=429, seconds=1)
    started = monotonic()
    assert isinstance(await placed(spot), Accepted)
    assert monotonic() - started > 0.9
    assert posts(spot) == 2


async def test_whoever_is_banned_asks_nothing(spot: Spot) -> None:
    await placed(spot, "bt-1-1-9b1")
    spot.server.faults.add("throttle", ORDER, status=418, seconds=1)
    assert isinstance(await placed(spot), Unknown)
    calls = len(spot.server.calls)
    with pytest.raises(ExchangeUnavailable):
        await spot.exchange.order(ID, spot.symbol)
    assert len(spot.server.calls) == calls


async def test_a_clock_that_ran_away_is_set_and_the_order_sent(spot: Spot) -> None:
    await placed(spot, "bt-1-1-9b1")
    spot.server.clock_offset = -20_000
    assert isinstance(await placed(spot), Accepted)
    assert -21_000 < await spot.exchange.clock_skew() < -19_000


async def test_a_key_that_may_not_trade_is_unauthorised(spot: Spot) -> None:
    await placed(spot, "bt-1-1-9b1")
    (key,) = spot.server.keyring.keys.values()
    key.rights.discard("spot")
    answer = await placed(spot)
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.UNAUTHORISED


async def test_the_first_order_of_a_market_costs_one_question_and_others_none(spot: Spot) -> None:
    await placed(spot)
    before = list(spot.server.calls)
    await placed(spot, "bt-1-1-1b1")
    # The price that the test places it by is asked for, as nobody follows the market.
    assert [call for call in spot.server.calls[len(before) :] if "ticker" not in call] == [sent_as(spot)]
    assert before.count("GET /api/v3/allOrders") == 1


async def test_numbers_are_sent_as_they_are(spot: Spot) -> None:
    order = spot.order(ID, Side.BUY, Decimal("95.070"), "1.10", OrderType.LIMIT)
    assert isinstance(await spot.exchange.submit(order), Accepted)
    (sent,) = spot.market.resting()
    assert (sent.price, sent.quantity, sent.time_in_force) == (Decimal("95.07"), Decimal("1.1"), "GTC")
    assert sent.self_trade == "EXPIRE_TAKER"


async def test_an_exchange_that_fails_is_unavailable(spot: Spot) -> None:
    spot.server.faults.add("html", "GET *", count=None, status=502)
    for ask in (spot.exchange.balances(), spot.exchange.open_orders(spot.symbol), spot.exchange.fills(spot.symbol, 0)):
        with pytest.raises(ExchangeUnavailable):
            await ask


async def test_a_cancel_without_an_answer_says_so(spot: Spot) -> None:
    await rest(spot)
    spot.server.faults.add("html", "DELETE *")
    with pytest.raises(ExchangeUnavailable):
        await spot.exchange.cancel(ID, spot.symbol)
    assert not spot.inbox.cancelled(ID)
    await spot.exchange.cancel(ID, spot.symbol)
    assert spot.inbox.cancelled(ID) == 1


async def test_an_order_that_somebody_else_cancels_is_told(spot: Spot) -> None:
    await rest(spot)
    (order,) = spot.market.resting()
    spot.server.spot.cancel(order, "by-hand")
    await spot.inbox.until(lambda: spot.inbox.cancelled(ID) or None)


async def test_all_fills_are_found_however_many_there_are(spot: Spot) -> None:
    await rest(spot, quantity="30")
    (order,) = spot.market.resting()
    for _ in range(1_005):
        spot.market.trade(order.price, order.queue + Decimal("0.01"))
    found = await spot.exchange.fills(spot.symbol, 0)
    assert len(found) == len({fill.trade_id for fill in found}) > 1_000
    assert [fill.at for fill in found] == sorted(fill.at for fill in found)
