"""The paper exchange on perpetuals: a quiet start, mark prices, funding as the exchange settled it, liquidation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from data.events import FundingPaid
from data.grids import MarginMode
from data.market import MarketKind
from data.orders import OrderType
from data.values import Side
from engine.clock import SystemClock
from engine.exchanges.base import Accepted, NotPossible
from engine.exchanges.paper import PaperExchange
from engine.exchanges.tiers import CAUTIOUS, LARGEST
from tests.contracts.venues import Inbox
from tests.engine.exchanges.orders import approved
from tests.servers.binance import BinanceServer

SYMBOL = "BTC/USDT:USDT"


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as made:
        made.usdm.move("BTCUSDT", "60000.0", "60000.1")
        yield made
        assert made.mistakes == []


@pytest.fixture
async def paper(server: BinanceServer) -> AsyncIterator[tuple[PaperExchange, Inbox]]:
    money, inbox = {"USDT": Decimal(1_000)}, Inbox()
    exchange = PaperExchange(
        clock=SystemClock(),
        balances=money,
        margin=money,
        kinds=frozenset(MarketKind),
        urls=server.urls,
        funding_seconds=0.05,
    )
    await exchange.open(inbox.emit)
    await exchange.prepare(SYMBOL, 10, MarginMode.CROSS)
    yield exchange, inbox
    await exchange.close()


async def long(exchange: PaperExchange) -> None:
    order = approved("bt-1-1-ib1", Side.BUY, "60000.1", "0.1", OrderType.MARKET, SYMBOL)
    assert isinstance(await exchange.submit(order), Accepted)


async def test_the_start_is_one_call_for_each_kind(server: BinanceServer, paper: tuple[PaperExchange, Inbox]) -> None:
    exchange, _ = paper
    assert sorted(server.calls) == ["GET /api/v3/exchangeInfo", "GET /fapi/v1/exchangeInfo"]
    assert (await exchange.market(SYMBOL)).tiers == LARGEST
    assert (await exchange.market("SOL/USDT:USDT")).tiers == CAUTIOUS
    with pytest.raises(NotPossible, match="not between 1 and 25"):
        await exchange.prepare("SOL/USDT:USDT", 50, MarginMode.CROSS)


async def test_funding_is_what_the_exchange_settled(server: BinanceServer, paper: tuple[PaperExchange, Inbox]) -> None:
    exchange, inbox = paper
    await exchange.subscribe(frozenset({SYMBOL}))
    await long(exchange)
    server.usdm.set_mark("BTCUSDT", "60010")
    server.usdm.apply_funding("BTCUSDT", "0.0001")
    paid = await inbox.until(lambda: next((each for each in inbox.events if isinstance(each, FundingPaid)), None))
    assert paid.amount == Decimal("-0.6001")
    assert await exchange.funding([SYMBOL], 0) == [paid]


async def test_news_of_the_mark_price_make_bid_and_ask_no_younger(
    server: BinanceServer, paper: tuple[PaperExchange, Inbox]
) -> None:
    exchange, inbox = paper
    await exchange.subscribe(frozenset({SYMBOL}))
    await server.usdm.streams.subscribed("btcusdt@bookTicker", "btcusdt@markPrice@1s")
    known = (await inbox.until(lambda: inbox.tickers(SYMBOL) or None))[-1].ticker
    await asyncio.sleep(0.05)
    server.usdm.set_mark("BTCUSDT", "60010")
    moved = await inbox.until(
        lambda: next((each for each in inbox.tickers(SYMBOL) if each.ticker.mark == Decimal(60010)), None)
    )
    assert (moved.ticker.bid, moved.ticker.at) == (known.bid, known.at)
    assert moved.at >= known.at + 50


async def test_a_market_that_is_followed_again_brings_no_old_prices_back(
    server: BinanceServer, paper: tuple[PaperExchange, Inbox]
) -> None:
    exchange, inbox = paper
    await exchange.subscribe(frozenset({SYMBOL}))
    await inbox.until(lambda: inbox.tickers(SYMBOL) or None)
    await exchange.subscribe(frozenset())
    server.usdm.move("BTCUSDT", "59000.0", "59000.1")
    server.faults.add("delay", "GET */ticker/*", count=None, seconds=0.4)
    before = len(inbox.tickers(SYMBOL))
    await exchange.subscribe(frozenset({SYMBOL}))
    await server.usdm.streams.subscribed("btcusdt@markPrice@1s")
    server.usdm.set_mark("BTCUSDT", "60011")
    await inbox.until(lambda: len(inbox.tickers(SYMBOL)) > before or None)
    assert inbox.tickers(SYMBOL)[before].ticker.bid == 59_000


async def test_a_mark_beyond_the_liquidation_price_ends_the_position(
    server: BinanceServer, paper: tuple[PaperExchange, Inbox]
) -> None:
    exchange, inbox = paper
    await exchange.subscribe(frozenset({SYMBOL}))
    await long(exchange)
    (position,) = await exchange.positions()
    assert position.liquidation_price is not None
    await server.usdm.streams.subscribed("btcusdt@markPrice@1s")
    server.usdm.set_mark("BTCUSDT", position.liquidation_price - 100)
    await inbox.until(lambda: not exchange.matching.margin.positions() or None)
    fills = await exchange.fills(SYMBOL, 0)
    assert fills[-1].client_id.startswith("autoclose-")
    assert fills[-1].price == position.liquidation_price
