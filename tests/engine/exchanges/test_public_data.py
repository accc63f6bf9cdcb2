"""What is asked of the markets of a real exchange: in how many calls, what they cost, and to the last digit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from data.market import MarketKind
from data.observations import Level
from data.values import Mode, Side
from engine.clock import SystemClock
from engine.exchanges.base import Channel, ExchangeUnavailable, NotPossible
from engine.exchanges.ccxt_live import CcxtExchange
from engine.exchanges.ccxt_observations import to_book, to_day, to_trades
from engine.exchanges.live_streams import LEVELS
from engine.exchanges.pacing import Lane
from tests.contracts.live_venues import KEY, SECRET, LiveVenue
from tests.contracts.observer import Observer
from tests.engine.exchanges.live import Perpetual, Spot, branch_of, opened

D = Decimal
MINUTE = 60_000


@pytest.fixture(params=[Spot, Perpetual])
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LiveVenue]:
    async with opened(request.param(tmp_path)) as made:
        yield made


# -- what it costs


CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("fetch_tickers", ()),
    ("fetch_ticker", ()),
    *(("fetch_order_book", (depth,)) for depth in (5, 50, 100, 500, 1000)),
    *(("fetch_trades", (None, limit)) for limit in (1, 1000)),
    *(("fetch_ohlcv", ("1m", None, limit)) for limit in (1, 99, 100, 499, 500, 1000)),
]
ON_PERPETUALS = ("fetch_funding_rate", "fetch_mark_price", "fetch_open_interest")


async def check_weight(venue: LiveVenue, call: str, *args: Any) -> None:
    """Assert that the exchange counts what we take a call to weigh."""
    limits = venue.server.spot_limits if venue.kind is MarketKind.SPOT else venue.server.usdm.limits
    client, before = branch_of(venue.exchange).feed.client, limits.spent
    await client.read(call, *args, lane=Lane.DATA)
    assert limits.spent - before == client.part.weight(call, *args)


@pytest.mark.parametrize(("call", "args"), CALLS, ids=str)
async def test_a_call_weighs_what_the_exchange_counts(venue: LiveVenue, call: str, args: tuple[Any, ...]) -> None:
    await check_weight(venue, call, *(() if call == "fetch_tickers" else (venue.symbol, *args)))


@pytest.mark.parametrize("call", ON_PERPETUALS)
async def test_a_call_about_perpetuals_weighs_what_the_exchange_counts(tmp_path: Path, call: str) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        await check_weight(venue, call, venue.symbol)


async def test_all_days_are_one_call(venue: LiveVenue) -> None:
    calls = venue.server.calls
    before = len(calls)
    days = await venue.exchange.days(venue.kind)
    path = "/api/v3/ticker/24hr" if venue.kind is MarketKind.SPOT else "/fapi/v1/ticker/24hr"
    assert calls[before:] == [f"GET {path}"]
    assert len(days) == len(await venue.exchange.markets()) > 2


async def test_days_cost_what_the_exchange_counts_for_all_markets(venue: LiveVenue) -> None:
    limits = venue.server.spot_limits if venue.kind is MarketKind.SPOT else venue.server.usdm.limits
    before = limits.spent
    await venue.exchange.days(venue.kind)
    assert limits.spent - before == branch_of(venue.exchange).feed.client.part.weight("fetch_tickers")


async def test_a_market_that_does_not_trade_has_no_day(venue: LiveVenue) -> None:
    server = venue.server
    (server.spot if venue.kind is MarketKind.SPOT else server.usdm).markets["SOLUSDT"].spec.status = "BREAK"
    await venue.restart()
    assert not any(symbol.startswith("SOL") for symbol in await venue.exchange.days(venue.kind))


@pytest.mark.parametrize(("depth", "most"), [(1, 1), (7, 7), (60, 20), (1000, 20), (5000, 20)])
async def test_any_depth_can_be_asked_for(venue: LiveVenue, depth: int, most: int) -> None:
    book = await venue.exchange.book(venue.symbol, depth)
    assert len(book.bids) == len(book.asks) == most  # a side of the tests' exchange has twenty levels
    assert not venue.server.mistakes


async def test_more_trades_than_one_call_tells_are_as_many_as_it_tells(venue: LiveVenue) -> None:
    for _ in range(3):
        await venue.traded()
    assert len(await venue.exchange.trades(venue.symbol, 50_000)) == 3
    assert not venue.server.mistakes


async def test_the_snapshots_of_streamed_books_are_paid_for(venue: LiveVenue) -> None:
    client, observer = branch_of(venue.exchange).feed.client, Observer()
    limits = venue.server.spot_limits if venue.kind is MarketKind.SPOT else venue.server.usdm.limits
    turns: list[tuple[Lane, int]] = []
    turn = client.pace.turn

    async def counted(lane: Lane, weight: int = 1, **more: Any) -> None:
        turns.append((lane, weight))
        await turn(lane, weight, **more)

    client.pace.turn = counted  # type: ignore[method-assign]
    channel, before = Channel("book", venue.symbol), limits.spent
    await venue.exchange.observe(frozenset({channel}), observer.hear)
    await observer.until(lambda: observer.books(channel) or None)
    weight = client.part.weight("fetch_order_book", venue.symbol, 1000)
    assert turns[0] == (Lane.DATA, weight)
    assert limits.spent - before >= weight


# -- what it says


async def test_numbers_are_those_that_were_written(venue: LiveVenue) -> None:
    price, quantity = D("12345678.91"), D("987654321012345.1234")
    venue.market.liquidity = quantity
    venue.move(venue.symbol, price, price + D("0.01"))
    venue.market.trade(price, quantity)
    assert (await venue.exchange.book(venue.symbol, 1)).bids == (Level(price, quantity),)
    (trade,) = await venue.exchange.trades(venue.symbol, 1)
    assert (trade.price, trade.quantity, trade.side) == (price, quantity, Side.SELL)
    day = (await venue.exchange.days(venue.kind))[venue.symbol]
    assert (day.last, day.volume) == (price, quantity)
    observer, channel = Observer(), Channel("book", venue.symbol)
    await venue.exchange.observe(frozenset({channel}), observer.hear)
    await observer.until(lambda: observer.books(channel) or None)
    assert observer.books(channel)[-1].bids[0] == Level(price, quantity)
    venue.market.liquidity = quantity + D("0.0001")
    venue.move(venue.symbol, price, price + D("0.01"))
    await observer.until(lambda: observer.books(channel)[-1].bids[0].quantity == quantity + D("0.0001") or None)


async def test_open_interest_is_valued_at_the_mark_price(tmp_path: Path) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        venue.server.usdm.set_mark("BTCUSDT", "98.5")
        venue.server.usdm.outside_interest["BTCUSDT"] = D("1234.5")
        interest = await venue.exchange.open_interest(venue.symbol)
        assert (interest.quantity, interest.notional) == (D("1234.5"), D("1234.5") * D("98.5"))


@pytest.mark.parametrize(("call", "field"), [("fetch_mark_price", "markPrice"), ("fetch_funding_rate", "fundingRate")])
async def test_a_number_that_an_answer_lacks_is_not_taken_for_nought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, field: str
) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        feed = branch_of(venue.exchange).feed

        async def lacking(symbol: str) -> dict[str, Any]:
            return {"symbol": symbol, field: None}

        monkeypatch.setattr(feed.client.ccxt, call, lacking)
        with pytest.raises(ExchangeUnavailable, match="tells no"):
            await (feed.mark(venue.symbol) if field == "markPrice" else venue.exchange.funding_rate(venue.symbol))


async def test_what_the_exchange_cannot_tell_is_not_possible(venue: LiveVenue) -> None:
    has = branch_of(venue.exchange).feed.client.ccxt.has
    for call, ask in (
        ("fetchTickers", lambda: venue.exchange.days(venue.kind)),
        ("fetchOrderBook", lambda: venue.exchange.book(venue.symbol, 5)),
        ("fetchTrades", lambda: venue.exchange.trades(venue.symbol, 5)),
        ("fetchFundingRate", lambda: venue.exchange.funding_rate(venue.symbol)),
        ("fetchOpenInterest", lambda: venue.exchange.open_interest(venue.symbol)),
    ):
        has[call] = False
        with pytest.raises(NotPossible):
            await ask()
    with pytest.raises(NotPossible, match="7m"):
        await venue.exchange.candles_since(venue.symbol, "7m", 0, 5)
    for call in ("watchOHLCV", "watchOrderBook", "watchTradesForSymbols", "watchTrades"):
        has[call] = False
    channels = {Channel("candles", venue.symbol, "1m"), Channel("book", venue.symbol), Channel("trades", venue.symbol)}
    assert not await venue.exchange.observe(frozenset(channels), Observer().hear)


@pytest.mark.parametrize("kind", ["drop_before", "truncate", "html", "error"])
async def test_a_question_that_fails_is_no_answer(venue: LiveVenue, kind: str) -> None:
    venue.server.faults.add(kind, "GET */depth", count=None)  # type: ignore[arg-type]
    with pytest.raises(ExchangeUnavailable):
        await venue.exchange.book(venue.symbol, 5)


async def test_a_closed_adapter_answers_nothing(venue: LiveVenue) -> None:
    await venue.exchange.close()
    with pytest.raises(ExchangeUnavailable):
        await venue.exchange.days(venue.kind)
    with pytest.raises(ExchangeUnavailable):
        await venue.exchange.observe(frozenset(), Observer().hear)


async def test_each_kind_of_market_answers_for_itself(tmp_path: Path) -> None:
    async with opened(Spot(tmp_path)) as venue:
        source, observer = venue.server, Observer()
        exchange = CcxtExchange(
            clock=SystemClock(), mode=Mode.PRODUCTION, key=KEY, secret=SECRET, urls=source.urls, habits=venue.habits
        )
        await exchange.open(lambda event: None)
        try:
            for kind, symbol in ((MarketKind.SPOT, "BTC/USDT"), (MarketKind.PERPETUAL, "BTC/USDT:USDT")):
                assert symbol in await exchange.days(kind)
                assert (await exchange.book(symbol, 5)).symbol == symbol
            wanted = frozenset(Channel("trades", symbol) for symbol in ("BTC/USDT", "BTC/USDT:USDT"))
            assert await exchange.observe(wanted, observer.hear) == wanted
            for streams in (source.streams, source.usdm.streams):
                await streams.subscribed("btcusdt@trade")
            for market, price in ((source.market("BTCUSDT"), "100.01"), (source.perpetual("BTCUSDT"), "50000.10")):
                market.trade(price, "0.5")
            await observer.until(lambda: all(map(observer.trades, wanted)) or None)
            prices = {channel.symbol: observer.trades(channel)[0].price for channel in wanted}
            assert prices == {"BTC/USDT": D("100.01"), "BTC/USDT:USDT": D("50000.10")}
        finally:
            await exchange.close()


async def test_levels_that_a_snapshot_did_not_reach_are_never_told(venue: LiveVenue) -> None:
    """A level may rest unheard of where the snapshot ended: nothing beyond is told, and the book is built anew."""
    branch = branch_of(venue.exchange)
    observer, channel = Observer(), Channel("book", venue.symbol)
    await venue.exchange.observe(frozenset({channel}), observer.hear)
    await venue.streaming(channel)
    await observer.until(lambda: observer.books(channel) or None)
    client = branch.data.channels._client
    assert client is not None
    lowest = observer.books(channel)[-1].bids[10].price
    client.reach[venue.symbol] = lowest, None
    asked, calls = sum("depth" in call for call in venue.server.calls), venue.server.calls
    venue.market.liquidity = D(7)
    venue.move(venue.symbol, D(100), D("100.01"))
    await observer.until(lambda: observer.books(channel)[-1].bids[0].quantity == 7 or None)
    first = next(book for book in observer.books(channel) if book.bids[0].quantity == 7)
    assert first.bids[-1].price >= lowest
    assert len(first.bids) < LEVELS
    await observer.until(lambda: len(observer.books(channel)[-1].bids) == 20 or None)
    assert sum("depth" in call for call in calls) > asked
    assert not observer.breaks(channel)


# -- what ccxt may say


MARKET: dict[str, Any] = {"symbol": "A/B", "contractSize": "0.1"}
TICKER: dict[str, Any] = {
    "symbol": "A/B",
    "last": "102",
    "open": "100",
    "high": "110",
    "low": "90",
    "bid": None,
    "ask": None,
    "percentage": "2.000",
    "baseVolume": "50",
    "quoteVolume": "5000",
    "vwap": "100",
}


def test_a_day_that_lacks_words_is_told_with_what_there_is() -> None:
    day = to_day(TICKER, D(1), 7)
    assert day is not None
    assert (day.change, day.turnover, day.bid, day.at) == (D("0.02"), D(5000), None, 7)
    lacking = {**TICKER, "percentage": None, "quoteVolume": None, "high": None, "low": None}
    filled = to_day(lacking, D("0.1"), 7)
    assert filled == msgspec.structs.replace(day, volume=D(5), turnover=D(500), high=D(102), low=D(102))
    assert to_day({**TICKER, "last": None}, D(1), 7) is None


def test_contracts_are_counted_in_base() -> None:
    book = to_book(MARKET, {"bids": [["99", "20"], ["98", "0"]], "asks": [["101", "30", 1234]]}, 5, 7)
    assert (book.bids, book.asks) == ((Level(D(99), D(2)),), (Level(D(101), D(3)),))
    told = [{"id": str(at), "price": "99", "amount": "20", "side": "sell", "timestamp": at} for at in (5, 3)]
    assert [(each.trade_id, each.quantity, each.side) for each in to_trades(MARKET, told)] == [
        ("3", D(2), Side.SELL),
        ("5", D(2), Side.SELL),
    ]
