"""What is seen of invented markets: the same for the same seed and instant, and one story in all its parts."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from data.market import MarketKind
from data.values import Side
from engine.clock import ManualClock
from engine.exchanges.base import Channel
from engine.exchanges.invented_market import FUNDING, InventedMarket
from engine.exchanges.invented_path import DAY, STEP
from engine.exchanges.simulated import LISTINGS, SimulatedExchange
from tests.contracts.observer import Observer, check_bars

NOW = 1_790_000_000_000 // DAY * DAY + 5 * 3_600_000
MINUTE = 60_000
BTC, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


def exchange(at: int = NOW, seed: int = 1) -> tuple[SimulatedExchange, ManualClock]:
    """Return an invented exchange on a clock turned by hand."""
    clock = ManualClock(at)
    return SimulatedExchange(clock=clock, balances={"USDT": Decimal(1)}, seed=seed), clock


async def seen(made: SimulatedExchange) -> list[object]:
    """Return everything that can be asked."""
    return [
        await made.days(MarketKind.SPOT),
        await made.days(MarketKind.PERPETUAL),
        await made.book(BTC, 30),
        await made.trades(BTC, 20),
        await made.funding_rate(PERPETUAL),
        await made.open_interest(PERPETUAL),
        await made.candles_since(BTC, "5m", NOW - DAY, 300),
    ]


async def test_the_same_is_seen_at_the_same_instant_whatever_was_asked_before() -> None:
    first, _ = exchange()
    second, clock = exchange(NOW - 3 * DAY)
    await seen(second)
    clock.advance(3 * DAY)
    assert await seen(first) == await seen(second)
    assert await seen(first) != await seen(exchange(seed=2)[0])


async def test_a_day_is_what_its_bars_add_up_to() -> None:
    made, _ = exchange()
    day = (await made.days(MarketKind.SPOT))[BTC]
    bars = await made.candles_since(BTC, "1m", NOW - DAY, 1440)
    assert len(bars) == 1440
    assert day.volume == pytest.approx(sum(bar.volume for bar in bars), rel=Decimal("0.001"))
    assert day.high >= max(bar.high for bar in bars) >= day.last >= min(bar.low for bar in bars) >= day.low
    assert day.change == round(day.last / bars[0].open - 1, 6)
    assert day.low < day.turnover / day.volume < day.high


async def test_trades_are_those_that_fill_orders_resting_at_the_best_prices() -> None:
    made, _ = exchange()
    step = NOW // STEP
    trades = [trade for trade in await made.trades(BTC, 40) if trade.at == NOW]
    market, quote = InventedMarket(LISTINGS[0], 1), await made.ticker(BTC)
    assert [(trade.side, trade.price, trade.quantity) for trade in trades] == [
        (Side.SELL, quote.bid, market.traded(step, True)),
        (Side.BUY, quote.ask, market.traded(step, False)),
    ]


async def test_a_book_holds_more_the_further_it_reaches_and_keeps_to_the_filters() -> None:
    made, _ = exchange()
    for market in await made.markets():
        book = await made.book(market.symbol, 1000)
        assert len(book.asks) == 100
        levels = (*book.bids, *book.asks)
        assert all(level.quantity >= market.filters.quantity_step for level in levels)
        assert not any(level.price % market.filters.price_tick for level in levels)
        near, far = (book.depth(Side.BUY, Decimal(within)) for within in ("0.001", "0.02"))
        assert 0 < near < far


async def test_the_rate_told_is_the_rate_settled() -> None:
    made, clock = exchange()
    told = await made.funding_rate(PERPETUAL)
    assert told.next_at == (NOW // FUNDING + 1) * FUNDING
    perpetual = next(listing for listing in LISTINGS if listing.symbol == PERPETUAL)
    assert told.rate == InventedMarket(perpetual, 1).settled(told.next_at // STEP)
    clock.advance(told.next_at - NOW)
    assert (await made.funding_rate(PERPETUAL)).next_at == told.next_at + FUNDING


async def test_open_interest_changes_over_days_and_not_at_once() -> None:
    made, clock = exchange()
    before = await made.open_interest(PERPETUAL)
    clock.advance(MINUTE)
    after = await made.open_interest(PERPETUAL)
    assert abs(after.quantity / before.quantity - 1) < Decimal("0.01")
    clock.advance(5 * DAY)
    assert (await made.open_interest(PERPETUAL)).quantity != after.quantity


async def test_streams_make_up_for_a_while_and_say_where_they_do_not() -> None:
    made, clock = exchange()
    observer = Observer()
    bars, trades = Channel("candles", BTC, "1m"), Channel("trades", BTC)
    await made.open(lambda event: None)
    await made.observe(frozenset({bars, trades}), observer.hear)
    clock.advance(10 * MINUTE)
    await observer.until(lambda: len(observer.closed(bars)) == 10 or None)
    check_bars(observer.bars(bars), MINUTE)
    assert observer.trades(trades) == list(await made.trades(BTC, len(observer.trades(trades))))
    assert not observer.breaks(bars) + observer.breaks(trades)
    clock.advance(3 * DAY)
    await observer.until(lambda: (observer.breaks(bars) and observer.breaks(trades)) or None)
    await made.close()
    seen_before = len(observer.told)
    clock.advance(MINUTE)
    await asyncio.sleep(0)
    assert len(observer.told) == seen_before
