"""The paper exchange against a Binance on loopback: outages, silence, missed trades, and a quiet start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from data.accounts import AccountStore
from data.database import Database
from data.orders import OrderStatus, OrderType
from data.values import Side
from engine.clock import SystemClock
from engine.exchanges.base import Accepted, ExchangeUnavailable, MarketUnknown, Unknown
from engine.exchanges.live_prices import FRESH
from engine.exchanges.paper import PaperExchange
from tests.contracts.venues import Inbox
from tests.engine.exchanges.orders import SYMBOL, approved
from tests.servers.binance import BinanceServer

BALANCES = {"USDT": Decimal(10_000), "BTC": Decimal(10)}
WATCHED = frozenset({SYMBOL})


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as made:
        for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT"):
            made.spot.list(made.market(symbol).spec, "100", "100.01")
        yield made
        assert made.mistakes == []


def paper(server: BinanceServer, store: AccountStore | None = None, silence: float = 10) -> PaperExchange:
    return PaperExchange(clock=SystemClock(), balances=BALANCES, store=store, urls=server.urls, silence_seconds=silence)


@asynccontextmanager
async def opened(
    server: BinanceServer, store: AccountStore | None = None, silence: float = 10
) -> AsyncIterator[tuple[PaperExchange, Inbox]]:
    exchange, inbox = paper(server, store, silence), Inbox()
    await exchange.open(inbox.emit)
    try:
        yield exchange, inbox
    finally:
        await exchange.close()


def filled(inbox: Inbox, client_id: str) -> Decimal | None:
    return inbox.filled(client_id) or None


def bar(opened_at: int, *prices: str) -> list[Any]:
    return [opened_at, *prices, "10.0", opened_at + 59_999, "1000.0", 5, "5.0", "500.0", "0"]


def bid_is(inbox: Inbox, bid: str) -> Callable[[], bool | None]:
    return lambda: any(event.ticker.bid == Decimal(bid) for event in inbox.tickers(SYMBOL)) or None


# -- start


async def test_the_start_is_one_call(server: BinanceServer) -> None:
    async with opened(server):
        assert server.calls == ["GET /api/v3/exchangeInfo"]


async def test_filters_are_the_exchange_s_own(server: BinanceServer) -> None:
    async with opened(server) as (exchange, _):
        market = await exchange.market("ETH/BTC")
    assert market.exchange == "binance"
    assert market.filters.price_tick == Decimal("0.00001")
    assert market.filters.quantity_step == market.filters.min_quantity == Decimal("0.0001")
    assert market.filters.max_quantity == 9000
    assert market.filters.min_notional == Decimal("0.0001")


async def test_a_start_that_fails_can_be_repeated(server: BinanceServer) -> None:
    exchange, inbox = paper(server), Inbox()
    server.faults.add("html", count=None, status=503)
    with pytest.raises(ExchangeUnavailable, match="Service Unavailable"):
        await exchange.open(inbox.emit)
    with pytest.raises(ExchangeUnavailable):
        await exchange.ticker(SYMBOL)
    server.faults.clear()
    await exchange.open(inbox.emit)
    assert (await exchange.ticker(SYMBOL)).bid == 100
    await exchange.close()


def test_an_exchange_nobody_knows_is_named() -> None:
    exchange = PaperExchange(clock=SystemClock(), balances=BALANCES, exchange="binanse")
    with pytest.raises(ValueError, match="'binanse' is not an exchange ccxt can stream, such as binance"):
        asyncio.run(exchange.open(Inbox().emit))


# -- reads that fail


async def test_reads_say_unavailable_and_an_order_says_unknown(server: BinanceServer) -> None:
    async with opened(server) as (exchange, _):
        server.faults.add("html", count=None, status=500)
        with pytest.raises(ExchangeUnavailable):
            await exchange.candles(SYMBOL, "1m", 5)
        with pytest.raises(ExchangeUnavailable):
            await exchange.clock_skew()
        with pytest.raises(ExchangeUnavailable):
            await exchange.ticker(SYMBOL)
        assert isinstance(await exchange.submit(approved("bt-1-1-0b1", Side.BUY, "99", "1")), Unknown)
        assert await exchange.order("bt-1-1-0b1", SYMBOL) is None
        server.faults.clear()
        assert isinstance(await exchange.submit(approved("bt-1-1-0b1", Side.BUY, "99", "1")), Accepted)


async def test_a_dead_server_is_unavailable(server: BinanceServer) -> None:
    async with opened(server) as (exchange, _):
        await server.stop()
        with pytest.raises(ExchangeUnavailable):
            await exchange.ticker(SYMBOL)
        await server.start()
        assert (await exchange.ticker(SYMBOL)).ask == Decimal("100.01")


async def test_subscribing_to_an_unknown_market_changes_nothing(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        await exchange.subscribe(WATCHED)
        with pytest.raises(MarketUnknown):
            await exchange.subscribe(frozenset({"NO/SUCH"}))
        await server.streams.subscribed("btcusdt@bookTicker")
        server.market("BTCUSDT").move("97.00", "97.01")
        await inbox.until(bid_is(inbox, "97.00"))


async def test_the_skew_of_a_clock_that_runs_ahead_is_seen(server: BinanceServer) -> None:
    async with opened(server) as (exchange, _):
        await exchange.clock_skew()
        server.clock_offset = 60_000
        assert 59_000 < await exchange.clock_skew() < 61_000


# -- streams that fail


async def test_without_a_stream_quotes_are_asked_for_until_it_is_back(server: BinanceServer) -> None:
    server.streams.accepting = False
    async with opened(server) as (exchange, inbox):
        await exchange.subscribe(WATCHED)
        await inbox.until(bid_is(inbox, "100"))
        server.market("BTCUSDT").move("96.00", "96.01")
        await inbox.until(bid_is(inbox, "96.00"))
        server.streams.accepting = True
        await server.streams.subscribed("btcusdt@bookTicker", "btcusdt@trade")


async def test_a_cut_connection_is_opened_again_and_fills_go_on(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        await exchange.submit(approved("bt-1-1-0b1", Side.BUY, "99", "1"))
        await server.streams.subscribed("btcusdt@bookTicker", "btcusdt@trade")
        server.drop_connections()
        await server.streams.unheard()
        await server.streams.subscribed("btcusdt@bookTicker", "btcusdt@trade")
        server.market("BTCUSDT").trade("98.90", "0.001")
        await inbox.until(lambda: inbox.filled("bt-1-1-0b1") == 1 or None)


async def test_a_silent_stream_does_not_make_prices_old_and_is_replaced(server: BinanceServer) -> None:
    async with opened(server, silence=0.3) as (exchange, inbox):
        await exchange.subscribe(WATCHED)
        await exchange.submit(approved("bt-1-1-0b1", Side.BUY, "90", "1"))
        await server.streams.subscribed("btcusdt@bookTicker", "btcusdt@trade")
        server.streams.mute()
        server.market("BTCUSDT").move("95.00", "95.01")
        await inbox.until(bid_is(inbox, "95.00"))
        await server.streams.subscribed("btcusdt@bookTicker", "btcusdt@trade")
        server.market("BTCUSDT").trade("89.99", "0.001")
        await inbox.until(lambda: inbox.filled("bt-1-1-0b1") == 1 or None)


async def test_an_answer_that_the_stream_overtook_is_not_taken_for_news(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        await exchange.subscribe(WATCHED)
        await server.streams.subscribed("btcusdt@bookTicker")
        known = exchange._quotes[SYMBOL]
        exchange._quotes[SYMBOL] = replace(known, at=known.at - 2 * FRESH)
        server.faults.add("delay", "GET */ticker/*", seconds=0.5)
        asked = asyncio.create_task(exchange.ticker(SYMBOL))
        async with asyncio.timeout(5):
            while not server.faults.struck:  # noqa: ASYNC110 - the server sets no event for it
                await asyncio.sleep(0.02)
        server.market("BTCUSDT").move("95.00", "95.01")
        await inbox.until(bid_is(inbox, "95.00"))
        assert (await asked).bid == Decimal("95.00")
        assert inbox.tickers(SYMBOL)[-1].ticker.bid == Decimal("95.00")


async def test_orders_sent_at_once_are_all_followed(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        orders = [
            approved("bt-1-1-0b1", Side.BUY, "99", "1"),
            approved("bt-2-1-0b1", Side.BUY, "99", "1", symbol="ETH/USDT"),
            approved("bt-3-1-0b1", Side.BUY, "99", "1", symbol="BNB/USDT"),
        ]
        await asyncio.gather(*(exchange.submit(order) for order in orders), exchange.subscribe(WATCHED))
        await server.streams.subscribed("btcusdt@trade", "ethusdt@trade", "bnbusdt@trade")
        for symbol, bot in (("BTCUSDT", 1), ("ETHUSDT", 2), ("BNBUSDT", 3)):
            server.market(symbol).trade("98.99", "0.001")
            await inbox.until(partial(filled, inbox, f"bt-{bot}-1-0b1"))


# -- fills


async def test_orders_fill_on_markets_nobody_watches(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        await exchange.submit(approved("bt-1-1-0b1", Side.BUY, "99", "1", symbol="ETH/USDT"))
        await server.streams.subscribed("ethusdt@trade")
        await exchange.subscribe(WATCHED)
        await server.streams.subscribed("ethusdt@trade", "btcusdt@trade")
        server.market("ETHUSDT").trade("98.99", "0.001")
        await inbox.until(lambda: inbox.filled("bt-1-1-0b1") == 1 or None)
        assert not inbox.tickers("ETH/USDT")


async def test_bars_make_up_for_the_time_away(server: BinanceServer, tmp_path: Path) -> None:
    database = Database(tmp_path / "account.db")
    async with opened(server, AccountStore(database)) as (exchange, inbox):
        await exchange.submit(approved("bt-1-1-0b1", Side.BUY, "99", "1"))
        await exchange.submit(approved("bt-1-1-1b1", Side.BUY, "98", "1"))
        await exchange.submit(approved("bt-1-1-2s1", Side.SELL, "103", "1"))
    minute = SystemClock().now() // 60_000 * 60_000
    early, later = minute - 600_000, minute + 60_000
    server.spot.tapes["BTCUSDT"].bars = [
        bar(early, "100", "200", "10", "100"),  # before the orders were there
        bar(later, "100", "103", "98", "99"),  # beyond 99, but 98 and 103 are only touched
    ]
    async with opened(server, AccountStore(database)) as (exchange, inbox):
        assert [report.client_id for report in await exchange.open_orders(SYMBOL)] == ["bt-1-1-1b1", "bt-1-1-2s1"]
        assert inbox.filled("bt-1-1-0b1") == 1
        (fill,) = await exchange.fills(SYMBOL, 0)
        assert (fill.price, fill.maker) == (Decimal(99), True)
    database.close()


async def test_an_order_meets_the_price_of_now_not_the_one_last_seen(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        await exchange.subscribe(WATCHED)
        await server.streams.subscribed("btcusdt@bookTicker")
        server.market("BTCUSDT").move("110.00", "110.01")
        await inbox.until(bid_is(inbox, "110.00"))
        await exchange.submit(approved("bt-1-1-is1", Side.SELL, "110", "1", OrderType.MARKET))
        report = await exchange.order("bt-1-1-is1", SYMBOL)
        assert report is not None
        assert report.status is OrderStatus.FILLED
        assert [fill.price for fill in await exchange.fills(SYMBOL, 0)] == [110]


async def test_quotes_that_leave_the_last_trade_behind_move_the_last_price(server: BinanceServer) -> None:
    async with opened(server) as (exchange, inbox):
        await exchange.subscribe(WATCHED)
        await server.streams.subscribed("btcusdt@bookTicker")
        server.market("BTCUSDT").move("90.00", "90.01")
        await inbox.until(bid_is(inbox, "90.00"))
        assert inbox.tickers(SYMBOL)[-1].ticker.last == Decimal("90.01"), "no trade was told, and a stop still sees it"
