"""The simulated exchange beyond the contract: a market that goes on without us, the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from data.accounts import AccountStore
from data.database import Database
from data.orders import OrderStatus, OrderType
from data.values import Side
from engine.clock import Clock, ManualClock, ScaledClock
from engine.exchanges.base import Accepted, ExchangeUnavailable, Unknown
from engine.exchanges.invented_path import DAY
from engine.exchanges.simulated import LISTINGS, SimulatedExchange
from tests.contracts.venues import START, Inbox
from tests.engine.exchanges.orders import approved
from tests.engine.exchanges.stores import ForgetfulStore

BALANCES = {"USDT": Decimal(10_000)}
BTC, DOGE = "BTC/USDT", "DOGE/USDT"


@asynccontextmanager
async def opened(
    clock: Clock, store: AccountStore | None = None, seed: int = 1
) -> AsyncIterator[tuple[SimulatedExchange, Inbox]]:
    exchange, inbox = SimulatedExchange(clock=clock, balances=BALANCES, seed=seed, store=store), Inbox()
    await exchange.open(inbox.emit)
    try:
        yield exchange, inbox
    finally:
        await exchange.close()


async def buy_below(exchange: SimulatedExchange, client_id: str, fraction: str) -> Decimal:
    """Rest a buy ``fraction`` below the market."""
    bid = (await exchange.ticker(BTC)).bid
    price = round(bid * (1 - Decimal(fraction)), 2)
    assert isinstance(await exchange.submit(approved(client_id, Side.BUY, price, "0.01", symbol=BTC)), Accepted)
    return price


async def test_a_restart_continues_the_same_path() -> None:
    clock = ManualClock(START)
    async with opened(clock) as (exchange, _):
        clock.advance(3_600_000)
        before = [await exchange.ticker(listing.symbol) for listing in LISTINGS]
    async with opened(clock) as (exchange, _):
        assert [await exchange.ticker(listing.symbol) for listing in LISTINGS] == before
    async with opened(clock, seed=2) as (exchange, _):
        assert (await exchange.ticker(BTC)).bid != before[0].bid


async def test_the_market_goes_on_while_nobody_runs(tmp_path: Path) -> None:
    clock, database = ManualClock(START), Database(tmp_path / "account.db")
    async with opened(clock, AccountStore(database)) as (exchange, inbox):
        price = await buy_below(exchange, "bt-1-1-0b1", "0.01")
        await buy_below(exchange, "bt-1-1-1b1", "0.6")
    clock.advance(20 * DAY)
    async with opened(clock, AccountStore(database)) as (exchange, inbox):
        await inbox.until(lambda: inbox.filled("bt-1-1-0b1") or None)
        (fill,) = await exchange.fills(BTC, 0)
        assert fill.price == price
        assert START < fill.at < clock.now()
        bars = await exchange.candles(BTC, "5m", 20 * 288)
        through = next(bar for bar in bars if bar.opened_at >= START and bar.low < price * Decimal("0.9999"))
        assert fill.at <= through.opened_at + 300_000
        far = await exchange.order("bt-1-1-1b1", BTC)
        assert far is not None
        assert far.status is OrderStatus.OPEN
    database.close()


async def test_skipping_quiet_hours_fills_what_every_step_would_have() -> None:
    stepped, skipped = ManualClock(START), ManualClock(START)
    fills = []
    for clock, pieces in ((stepped, 288), (skipped, 1)):
        async with opened(clock) as (exchange, _):
            for number in range(8):
                await buy_below(exchange, f"bt-1-1-{number}b1", f"0.00{number + 1}")
            for _ in range(pieces):
                clock.advance(2 * DAY // pieces)
                await exchange.open_orders(BTC)
            fills.append(await exchange.fills(BTC, 0))
    assert fills[0] == fills[1]
    assert fills[0]


async def test_hours_and_days_are_made_of_the_same_minutes() -> None:
    clock = ManualClock(START // DAY * DAY + 2 * DAY)
    async with opened(clock) as (exchange, _):
        minutes = (await exchange.candles(DOGE, "1m", 1441))[:-1]
        hours = (await exchange.candles(DOGE, "1h", 25))[:-1]
        day = (await exchange.candles(DOGE, "1d", 2))[0]
    assert len(hours) == 24
    for number, hour in enumerate(hours):
        part = minutes[number * 60 : number * 60 + 60]
        assert (hour.open, hour.close) == (part[0].open, part[-1].close)
        assert (hour.high, hour.low) == (max(bar.high for bar in part), min(bar.low for bar in part))
    assert (day.high, day.low) == (max(bar.high for bar in minutes), min(bar.low for bar in minutes))
    assert day.opened_at == hours[0].opened_at == minutes[0].opened_at


async def test_the_newest_bar_ends_now_and_history_has_an_end() -> None:
    clock = ManualClock(START // DAY * DAY + 90_000)
    async with opened(clock) as (exchange, _):
        ticker = await exchange.ticker(BTC)
        bar = (await exchange.candles(BTC, "1m", 1))[0]
        assert ticker.bid <= bar.close <= ticker.ask
        assert bar.opened_at == clock.now() - 30_000
        assert len(await exchange.candles(BTC, "1d", 500)) <= 121


async def test_a_fast_clock_shows_every_step() -> None:
    async with opened(ScaledClock(START, 3_600)) as (exchange, inbox):
        await exchange.subscribe(frozenset({BTC}))
        await inbox.until(lambda: len(inbox.tickers(BTC)) > 100 or None)
    instants = [event.at for event in inbox.tickers(BTC)]
    assert instants[1:] == list(range(instants[1], instants[-1] + 1, 5_000))


async def test_a_wild_market_has_a_wide_spread() -> None:
    clock = ManualClock(START)
    async with opened(clock) as (exchange, _):
        spreads = []
        for _ in range(2_000):
            clock.advance(60_000)
            ticker = await exchange.ticker(BTC)
            spreads.append((ticker.ask - ticker.bid) / ticker.ask)
    assert max(spreads) > 2 * min(spreads)
    assert max(spreads) < Decimal("0.001")


async def test_an_order_that_could_not_be_stored_is_unknown_until_it_is(tmp_path: Path) -> None:
    database = Database(tmp_path / "account.db")
    store = ForgetfulStore(database)
    async with opened(ManualClock(START), store) as (exchange, inbox):
        ask = (await exchange.ticker(BTC)).ask
        store.full = True
        order = approved("bt-1-1-ib1", Side.BUY, ask, "0.01", OrderType.MARKET, BTC)
        assert isinstance(await exchange.submit(order), Unknown)
        with pytest.raises(ExchangeUnavailable, match="stored"):
            await exchange.order("bt-1-1-ib1", BTC)
        assert inbox.events == []
        store.full = False
        report = await exchange.order("bt-1-1-ib1", BTC)
        assert report is not None
        assert report.status is OrderStatus.FILLED
        assert inbox.filled("bt-1-1-ib1") == Decimal("0.01")
        assert len(await exchange.fills(BTC, 0)) == 1
    books = AccountStore(database).load()
    assert books is not None
    assert [order.draft.client_id for order in books.orders] == ["bt-1-1-ib1"]
    assert len(books.fills) == 1
    database.close()


async def test_an_order_travels_before_it_rests() -> None:
    clock = ManualClock(START)
    exchange = SimulatedExchange(clock=clock, balances=BALANCES, latency=100)
    await exchange.open(Inbox().emit)
    bid = (await exchange.ticker(BTC)).bid
    sending = asyncio.create_task(exchange.submit(approved("bt-1-1-0b1", Side.BUY, bid, "0.01", symbol=BTC)))
    await asyncio.sleep(0)
    clock.advance(99)
    assert await exchange.order("bt-1-1-0b1", BTC) is None
    clock.advance(1)
    assert isinstance(await sending, Accepted)
    report = await exchange.order("bt-1-1-0b1", BTC)
    assert report is not None
    await exchange.close()


async def test_later_settings_do_not_change_what_an_account_started_with(tmp_path: Path) -> None:
    clock, database = ManualClock(START), Database(tmp_path / "account.db")
    async with opened(clock, AccountStore(database)):
        pass
    richer = SimulatedExchange(clock=clock, balances={"USDT": Decimal(10**6)}, store=AccountStore(database))
    await richer.open(Inbox().emit)
    assert [(held.asset, held.total) for held in await richer.balances()] == [("USDT", Decimal(10_000))]
    await richer.close()
    database.close()
