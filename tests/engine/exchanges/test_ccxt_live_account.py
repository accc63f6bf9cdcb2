"""The live adapter's start, its account, and what only perpetual markets have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from data.events import RejectReason
from data.grids import MarginMode
from data.market import MarketKind
from data.orders import OrderStatus
from data.values import Mode, Side
from engine.clock import SystemClock
from engine.exchanges.base import Accepted, ExchangeUnavailable, NotPossible, Rejected, Rights
from engine.exchanges.ccxt_live import CcxtExchange
from engine.risk import Approved
from tests.contracts.live_venues import KEY, SECRET
from tests.contracts.venues import Inbox
from tests.engine.exchanges.live import HASTY, Perpetual, Spot, fills, opened, rest, stop
from tests.servers.binance.server import BinanceServer

STOP = "bt-1-1-ps1"


@pytest.fixture
async def perpetual(tmp_path: Path) -> AsyncIterator[Perpetual]:
    async with opened(Perpetual(tmp_path)) as venue:
        yield venue


def both(server: BinanceServer) -> CcxtExchange:
    return CcxtExchange(
        clock=SystemClock(), mode=Mode.PRODUCTION, key=KEY, secret=SECRET, urls=server.urls, habits=HASTY
    )


# -- the start


async def test_the_start_is_quiet_and_serves_both_kinds() -> None:
    async with BinanceServer() as server:
        server.add_key(KEY, SECRET)
        server.spot.deposit("USDT", "1000")
        server.usdm.deposit(Decimal(500))
        exchange = both(server)
        try:
            await exchange.open(Inbox().emit)
            asked = sorted(call for call in server.calls if not call.endswith("/time"))
            assert asked == [
                "GET /api/v3/exchangeInfo",
                "GET /fapi/v1/exchangeInfo",
                "POST /fapi/v1/listenKey",
                "WS userDataStream.subscribe.signature",
            ]
            symbols = {market.symbol: market.kind for market in await exchange.markets()}
            assert (symbols["BTC/USDT"], symbols["BTC/USDT:USDT"]) == (MarketKind.SPOT, MarketKind.PERPETUAL)
            held = {(each.asset, each.wallet): each.total for each in await exchange.balances()}
            assert held == {("USDT", MarketKind.SPOT): 1_000, ("USDT", MarketKind.PERPETUAL): 500}
            await exchange.subscribe(frozenset({"BTC/USDT", "BTC/USDT:USDT", "GONE/USDT"}))
        finally:
            await exchange.close()
        assert not server.mistakes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": Mode.SHADOW}, "shadow"),
        ({"key": ""}, "needs a key"),
        ({"exchange": "binanse"}, "binance"),
        ({"exchange": "alpaca"}, "has no"),
    ],
)
async def test_what_can_not_trade_is_refused(change: dict[str, object], words: str) -> None:
    settings = {"clock": SystemClock(), "mode": Mode.PRODUCTION, "key": KEY, "secret": SECRET, **change}
    with pytest.raises(ValueError, match=words):
        await CcxtExchange(**settings).open(Inbox().emit)  # type: ignore[arg-type]


async def test_a_key_that_is_none_is_told_at_once() -> None:
    async with BinanceServer() as server:
        server.add_key(KEY, "another secret")
        with pytest.raises(ExchangeUnavailable, match="Signature"):
            await both(server).open(Inbox().emit)


async def test_the_test_environment_risks_nothing(tmp_path: Path) -> None:
    for kind in (Spot, Perpetual):
        venue = kind(tmp_path)
        venue.mode = Mode.TESTNET
        async with opened(venue):
            assert venue.exchange.mode is Mode.TESTNET
            told = await venue.exchange.rights()
            assert told is not None
            assert not told.withdraw
            await rest(venue)


async def test_filters_are_those_of_the_exchange(tmp_path: Path) -> None:
    async with opened(Spot(tmp_path)) as venue:
        filters = (await venue.exchange.market(venue.symbol)).filters
        assert (filters.price_tick, filters.quantity_step) == (Decimal("0.01"), Decimal("0.0001"))
        assert (filters.max_quantity, filters.max_market_quantity) == (Decimal(9_000), Decimal(120))
        assert (filters.max_orders, filters.max_stops) == (200, 5)
        assert (filters.lowest, filters.highest) == (Decimal("0.2"), Decimal(5))


async def test_what_a_key_may_do_is_told(tmp_path: Path) -> None:
    async with opened(Spot(tmp_path)) as venue:
        assert await venue.exchange.rights() == Rights(
            spot=True, perpetual=True, withdraw=False, transfer=False, bound_to_address=True
        )


# -- perpetual markets


async def test_leverage_tiers_are_continuous(perpetual: Perpetual) -> None:
    tiers = (await perpetual.exchange.market(perpetual.symbol)).tiers
    assert tiers[0].floor == tiers[0].deduction == 0
    for lower, upper in pairwise(tiers):
        edge = upper.floor
        assert edge * lower.maintenance - lower.deduction == edge * upper.maintenance - upper.deduction
        assert lower.cap == edge


async def test_leverage_and_margin_are_set_and_verified(perpetual: Perpetual) -> None:
    exchange = perpetual.exchange
    perpetual.server.usdm.member().hedged = True
    await exchange.prepare(perpetual.symbol, 7, MarginMode.ISOLATED)
    assert not perpetual.server.usdm.member().hedged
    await exchange.prepare(perpetual.symbol, 7, MarginMode.ISOLATED)
    await rest(perpetual)
    await perpetual.through("bt-1-1-0b1")
    (position,) = await exchange.positions()
    assert (position.quantity, position.leverage, position.margin) == (Decimal(1), 7, MarginMode.ISOLATED)
    with pytest.raises(NotPossible, match="cross"):
        await exchange.prepare(perpetual.symbol, 7, MarginMode.CROSS)
    with pytest.raises(NotPossible, match="leverage 126"):
        await exchange.prepare(perpetual.symbol, 126, MarginMode.ISOLATED)


async def test_an_account_of_several_assets_is_refused_and_left_as_it_is(perpetual: Perpetual) -> None:
    account = perpetual.server.usdm.member().account
    assert not await perpetual.exchange.shares_margin()
    account.multi = True
    assert await perpetual.exchange.shares_margin()
    with pytest.raises(NotPossible, match="multi-assets mode"):
        await perpetual.exchange.prepare(perpetual.symbol, 7, MarginMode.CROSS)
    assert account.multi
    account.multi = False
    await perpetual.exchange.prepare(perpetual.symbol, 7, MarginMode.CROSS)


async def test_a_reducing_order_needs_a_position(perpetual: Perpetual) -> None:
    order = perpetual.order("bt-1-1-0s1", Side.SELL, await perpetual.far(Side.SELL))
    answer = await perpetual.exchange.submit(Approved(replace(order.draft, reduce_only=True)))
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.REDUCE_ONLY


async def test_a_stop_waits_outside_the_book_until_it_is_cancelled(perpetual: Perpetual) -> None:
    await rest(perpetual)
    await perpetual.through("bt-1-1-0b1")
    answer = await perpetual.exchange.submit(stop(perpetual.symbol, "90"))
    assert isinstance(answer, Accepted)
    assert await perpetual.exchange.submit(stop(perpetual.symbol, "90")) == answer
    report = await perpetual.exchange.order(STOP, perpetual.symbol)
    assert report is not None
    assert (report.price, report.status, report.exchange_id) == (Decimal(90), OrderStatus.OPEN, answer.exchange_id)
    assert report in await perpetual.exchange.open_orders(perpetual.symbol)
    await perpetual.restart()
    assert await perpetual.exchange.submit(stop(perpetual.symbol, "90")) == answer
    await perpetual.exchange.cancel(STOP, perpetual.symbol)
    await perpetual.inbox.until(lambda: perpetual.inbox.cancelled(STOP) or None)
    assert perpetual.inbox.cancelled(STOP) == 1
    assert await perpetual.exchange.open_orders(perpetual.symbol) == []


async def test_a_stop_that_fires_fills_under_its_own_name(perpetual: Perpetual) -> None:
    await rest(perpetual)
    await perpetual.through("bt-1-1-0b1")
    assert isinstance(await perpetual.exchange.submit(stop(perpetual.symbol, "90")), Accepted)
    perpetual.move(perpetual.symbol, Decimal(89), Decimal("89.01"))
    perpetual.server.usdm.set_mark("BTCUSDT", "89")
    await perpetual.inbox.until(lambda: perpetual.inbox.filled(STOP) or None)
    await perpetual.restart()
    report = await perpetual.exchange.order(STOP, perpetual.symbol)
    assert report is not None
    assert (report.client_id, report.filled, report.status) == (STOP, Decimal(1), OrderStatus.FILLED)
    assert (await perpetual.exchange.fills(perpetual.symbol, 0))[-1] == fills(perpetual.inbox)[-1]
    assert await perpetual.exchange.positions() == []
    assert not perpetual.inbox.cancelled(STOP)


async def test_funding_is_told_with_its_sign(perpetual: Perpetual) -> None:
    await rest(perpetual)
    await perpetual.through("bt-1-1-0b1")
    perpetual.server.usdm.apply_funding("BTCUSDT", "0.001")
    perpetual.server.usdm.apply_funding("BTCUSDT", "-0.001")
    first, second = await perpetual.exchange.funding([perpetual.symbol], 0)
    assert first.amount == -second.amount < 0
    assert first.id != second.id
    assert await perpetual.exchange.funding([perpetual.symbol], second.at + 1) == []


async def test_funding_of_several_markets_is_one_question_and_tells_of_no_other(perpetual: Perpetual) -> None:
    await rest(perpetual)
    await perpetual.through("bt-1-1-0b1")
    perpetual.server.usdm.apply_funding("BTCUSDT", "0.001")
    asked = perpetual.server.calls.count("GET /fapi/v1/income")
    (paid,) = await perpetual.exchange.funding([perpetual.symbol, "ETH/USDT:USDT"], 0)
    assert paid.symbol == perpetual.symbol
    assert await perpetual.exchange.funding(["ETH/USDT:USDT", "SOL/USDT:USDT"], 0) == []
    assert perpetual.server.calls.count("GET /fapi/v1/income") == asked + 2


async def test_orders_die_with_us_unless_we_say_otherwise(perpetual: Perpetual) -> None:
    await rest(perpetual)
    await perpetual.exchange.hold_alive(perpetual.symbol, 1)
    await perpetual.inbox.until(lambda: perpetual.inbox.cancelled("bt-1-1-0b1") or None)


async def test_money_moves_between_wallets() -> None:
    async with BinanceServer() as server:
        server.add_key(KEY, SECRET, "read", "spot", "futures", "transfer")
        server.spot.deposit("USDT", "1000")
        exchange = both(server)
        try:
            await exchange.open(Inbox().emit)
            spot, future = MarketKind.SPOT, MarketKind.PERPETUAL
            assert await exchange.transfer("USDT", Decimal("250.5"), spot, future, "1")
            held = {each.wallet: each.total for each in await exchange.balances()}
            assert held == {spot: Decimal("749.5"), future: Decimal("250.5")}
            with pytest.raises(NotPossible):
                await exchange.transfer("USDT", Decimal(5_000), spot, future, "2")
        finally:
            await asyncio.wait_for(exchange.close(), 5)
