"""The market service over the invented market: one question for everybody, whole bars, honest ages."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from data.market import MarketKind
from data.values import Millis
from engine.clock import ManualClock
from engine.exchanges.base import Channel, ExchangeUnavailable, MarketUnknown, NotPossible
from engine.markets.candles import MOST
from engine.markets.service import MarketService, Stale
from tests.engine.markets.asked import SYMBOL, Asked

MINUTE: Millis = 60_000


async def test_however_many_ask_the_exchange_hears_one_question(service: MarketService, exchange: Asked) -> None:
    answers = await asyncio.gather(*(service.book(SYMBOL) for _ in range(50)))
    assert exchange.asked["book"] == 1
    assert len({id(each.value) for each in answers}) == 1
    assert service.metrics().total.coalesced == 49


async def test_nothing_is_served_that_is_older_than_the_settings_allow(exchange: Asked, clock: ManualClock) -> None:
    service = MarketService(exchange, clock, streamed=lambda _: None, most_bytes=20_000_000, longest=3_000)
    for _ in range(2):
        await service.days(MarketKind.SPOT)
        clock.advance(2_999)
    assert exchange.asked["days"] == 1
    clock.advance(2)
    await service.days(MarketKind.SPOT)
    assert exchange.asked["days"] == 2


async def test_bars_are_those_of_the_exchange(service: MarketService, exchange: Asked, clock: ManualClock) -> None:
    clock.advance(20_000)
    answer = await service.bars(SYMBOL, "1m", 300)
    truth = await exchange.candles(SYMBOL, "1m", 300)
    assert answer.value.at.tolist() == [each.opened_at for each in truth]
    assert answer.value.close.tolist() == [float(each.close) for each in truth]
    assert answer.value.volume.tolist() == [float(each.volume) for each in truth]
    assert exchange.asked["candles"] == 1


async def test_longer_history_is_asked_for_page_by_page(service: MarketService, exchange: Asked) -> None:
    answer = await service.bars(SYMBOL, "1m", 2_500)
    assert len(answer.value) == 2_500
    assert np.all(np.diff(answer.value.at) == MINUTE)
    assert exchange.asked["candles"] == 3
    assert len((await service.bars(SYMBOL, "1m", 100)).value) == 100
    assert exchange.asked["candles"] == 3


async def test_what_is_asked_for_again_and_again_is_streamed_and_not_asked_for(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    for _ in range(2):
        await service.bars(SYMBOL, "1m", 60)
        clock.advance(1_000)
    await service.tend()
    assert service.channels == {Channel("candles", SYMBOL, "1m")}
    before = exchange.asked["candles"]
    for _ in range(40):
        clock.advance(5_000)
        for _ in range(5):
            await asyncio.sleep(0)
        bars = (await service.bars(SYMBOL, "1m", 60)).value
        truth = await exchange.candles(SYMBOL, "1m", 60)
        assert bars.at.tolist() == [each.opened_at for each in truth]
        assert bars.close.tolist() == [float(each.close) for each in truth]
    assert exchange.asked["candles"] - before <= 4


async def test_an_exchange_that_was_connected_anew_streams_again(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    for _ in range(2):
        await service.bars(SYMBOL, "1m", 60)
        clock.advance(1_000)
    await service.tend()
    await exchange.close()
    await exchange.open(lambda _: None)
    asked = exchange.asked["observe"]
    clock.advance(59_000)
    await service.tend()
    assert exchange.asked["observe"] == asked
    clock.advance(1_000)
    await service.tend()
    assert exchange.asked["observe"] == asked + 1
    assert service.channels == {Channel("candles", SYMBOL, "1m")}


async def test_without_streams_bars_are_asked_for_and_right_all_the_same(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    exchange.streams = False
    for _ in range(30):
        await service.bars(SYMBOL, "1m", 60)
        await service.tend()
        clock.advance(20_000)
    bars, truth = (await service.bars(SYMBOL, "1m", 60)).value, await exchange.candles(SYMBOL, "1m", 60)
    assert bars.close.tolist() == [float(each.close) for each in truth]


async def test_an_exchange_that_is_away_gives_the_age_of_what_is_known(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    exchange.away = True
    with pytest.raises(ExchangeUnavailable, match=r"^no answer$"):
        await service.book(SYMBOL)
    exchange.away = False
    await service.book(SYMBOL)
    await service.bars(SYMBOL, "1m", 30)
    exchange.away = True
    clock.advance(90_000)
    with pytest.raises(Stale, match=r"no answer; what is known is 90 s old") as caught:
        await service.book(SYMBOL)
    assert caught.value.age == 90_000
    with pytest.raises(Stale) as late:
        await service.bars(SYMBOL, "1m", 30)
    assert len(late.value.answer.value) == 30


async def test_nothing_is_served_beyond_its_time(service: MarketService, exchange: Asked, clock: ManualClock) -> None:
    for _ in range(20):
        answer = await service.book(SYMBOL)
        assert answer.age(clock.now()) <= 10_000
        clock.advance(3_400)
    assert exchange.asked["book"] >= 6


async def test_what_spot_markets_do_not_have_is_said(service: MarketService) -> None:
    with pytest.raises(NotPossible):
        await service.funding_rate(SYMBOL)
    assert (await service.funding_rate("BTC/USDT:USDT")).value.symbol == "BTC/USDT:USDT"
    assert (await service.open_interest("BTC/USDT:USDT")).value.quantity > 0


async def test_an_unknown_market_and_a_wrong_number_are_named(service: MarketService) -> None:
    with pytest.raises(MarketUnknown):
        await service.bars("NO/SUCH", "1m", 10)
    with pytest.raises(ValueError, match=f"count: 0 bars; accepted: 1 to {MOST}"):
        await service.bars(SYMBOL, "1m", 0)
    with pytest.raises(ValueError, match="timeframe"):
        await service.bars(SYMBOL, "soon", 10)


async def test_the_days_of_all_markets_are_one_question(service: MarketService, exchange: Asked) -> None:
    days = await asyncio.gather(*(service.days(MarketKind.SPOT) for _ in range(8)))
    assert exchange.asked["days"] == 1
    assert days[0].value[SYMBOL].turnover > 0


async def test_memory_stays_within_its_bounds_whatever_is_asked(exchange: Asked, clock: ManualClock) -> None:
    service = MarketService(exchange, clock, streamed=lambda _: None, most_bytes=400_000)
    symbols = [each.symbol for each in await exchange.markets()]
    for timeframe in ("1m", "5m", "1h"):
        for symbol in symbols:
            bars = (await service.bars(symbol, timeframe, 600)).value
            assert len(bars) == 600
            assert service.metrics().bytes <= 400_000
    assert service.metrics().total.evictions + service.metrics().total.refused > 0


async def test_each_gets_as_many_bars_as_wanted_whoever_asks_at_the_same_time(service: MarketService) -> None:
    counts = (60, 500, 1_500, 700)
    answers = await asyncio.gather(*(service.bars(SYMBOL, "1m", count) for count in counts))
    assert [len(answer.value) for answer in answers] == list(counts)


async def test_a_ticker_is_never_older_than_five_seconds_by_its_own_date(
    service: MarketService, clock: ManualClock
) -> None:
    for _ in range(40):
        clock.advance(1_700)
        assert clock.now() - (await service.ticker(SYMBOL)).at <= 5_000


async def test_what_is_impossible_keeps_nothing_else_from_being_asked_ahead(
    service: MarketService, exchange: Asked, clock: ManualClock
) -> None:
    perpetual = "BTC/USDT:USDT"
    for _ in range(30):
        for symbol in (SYMBOL, perpetual):
            with contextlib.suppress(NotPossible):
                await service.funding_rate(symbol)
        for _ in range(61):
            clock.advance(1_000)
            await service.tend()
    assert exchange.asked[f"funding of {perpetual}"] >= 30
    assert service.metrics().kinds["funding_rate"].prefetch_hits > 0


async def test_a_clock_that_is_set_back_makes_no_ticker_young(exchange: Asked, clock: ManualClock) -> None:
    old = await exchange.ticker(SYMBOL)
    service = MarketService(exchange, clock, streamed=lambda _: old, most_bytes=20_000_000)
    clock.advance(-3_600_000)
    for _ in range(5):
        clock.advance(11_000)
        assert 0 <= clock.now() - (await service.ticker(SYMBOL)).at <= 5_000
