"""What a recording says of its market: nothing that had not happened by then, and nothing that was not recorded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data.candles import CandleColumns
from data.market import MarketKind
from engine.clock import ManualClock
from engine.exchanges.base import Channel
from engine.exchanges.candle_market import ReplayMarket, market_of
from engine.exchanges.replayed import ReplayedExchange
from tests.contracts.observer import Observer, check_bars

D = Decimal
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 1_790_000_000_000 // DAY * DAY


def columns(minutes: list[int]) -> CandleColumns:
    """Return one bar for each of the minutes, each higher than the one before."""
    prices = [D(100 + number) for number, _ in enumerate(minutes)]
    return CandleColumns(
        at=[START + minute * MINUTE for minute in minutes],
        open=prices,
        high=[price + 2 for price in prices],
        low=[price - 1 for price in prices],
        close=[price + 1 for price in prices],
        volume=[D(2)] * len(prices),
    )


def played(minutes: list[int], now: int, symbol: str = "BTC/USDT") -> tuple[ReplayedExchange, ManualClock]:
    """Return a recording played up to ``now``, in minutes after its start."""
    clock, candles = ManualClock(START + now * MINUTE), columns(minutes)
    market = market_of(symbol, candles, D(1000), ReplayMarket())
    exchange = ReplayedExchange(
        clock=clock, balances={"USDT": D(1)}, market=market, candles=candles, funding_rate=D("0.0001")
    )
    return exchange, clock


async def test_a_day_is_made_of_the_bars_that_have_closed() -> None:
    exchange, clock = played(list(range(3000)), 10)
    await exchange.open(lambda event: None)
    day = (await exchange.days(MarketKind.SPOT))["BTC/USDT"]
    assert (day.last, day.high, day.low, day.volume) == (D(110), D(111), D(99), D(20))
    assert (day.change, day.at, day.bid) == (D("0.1"), clock.now(), None)
    assert day.low * day.volume < day.turnover < day.high * day.volume
    clock.advance(2000 * MINUTE)
    day = (await exchange.days(MarketKind.SPOT))["BTC/USDT"]
    assert (day.last, day.low, day.volume) == (D(2110), D(2010 - 1440 + 99), D(2 * 1440))
    await exchange.close()


async def test_before_the_first_bar_has_closed_there_is_no_day() -> None:
    exchange, _ = played([0, 1], 0)
    await exchange.open(lambda event: None)
    assert not await exchange.days(MarketKind.SPOT)
    assert list(await exchange.candles_since("BTC/USDT", "1m", START, 5)) == []
    await exchange.close()


async def test_the_rate_told_is_the_one_that_is_settled() -> None:
    exchange, clock = played(list(range(1000)), 10, "BTC/USDT:USDT")
    await exchange.open(lambda event: None)
    told = await exchange.funding_rate("BTC/USDT:USDT")
    assert (told.rate, told.next_at, told.mark, told.at) == (D("0.0001"), START + 8 * HOUR, D(110), clock.now())
    await exchange.close()


@pytest.mark.parametrize(
    ("minutes", "timeframe", "closes"),
    [
        (list(range(30)), "5m", [0, 5, 10, 15, 20, 25]),
        ([*range(3), *range(7, 12), *range(20, 30)], "5m", [0, 5, 10, 20, 25]),  # minutes that nobody recorded
        ([*range(4), 6, 7, 8, 9], "5m", [0, 5]),
    ],
)
async def test_longer_bars_close_with_their_last_minute_or_when_the_next_one_begins(
    minutes: list[int], timeframe: str, closes: list[int]
) -> None:
    exchange, clock = played(minutes, 0)
    observer, channel = Observer(), Channel("candles", "BTC/USDT", timeframe)
    await exchange.open(lambda event: None)
    assert await exchange.observe(frozenset({channel}), observer.hear)
    for minute in range(30):
        clock.advance(MINUTE)
        before = [number for number in minutes if number <= minute]
        if before:
            await exchange.ticker("BTC/USDT")
            assert observer.bars(channel)[-1].candle.close == D(100 + len(before))
    assert [(bar.opened_at - START) // MINUTE for bar in observer.closed(channel)] == closes
    asked = await exchange.candles_since("BTC/USDT", timeframe, START, 100)
    assert list(asked[: len(closes)]) == observer.closed(channel)
    if minutes == list(range(30)):
        check_bars(observer.bars(channel), 5 * MINUTE)
    await exchange.close()


async def test_bars_that_the_recording_cannot_make_are_not_streamed() -> None:
    minutes = list(range(0, 300, 5))
    exchange, _ = played(minutes, 0)
    await exchange.open(lambda event: None)
    channels = [Channel("candles", "BTC/USDT", timeframe) for timeframe in ("1m", "5m", "15m", "7m")]
    streamed = await exchange.observe(frozenset(channels), Observer().hear)
    assert streamed == {channels[1], channels[2]}
    await exchange.close()
