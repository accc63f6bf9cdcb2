"""What every exchange adapter does, whatever stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from data.events import RejectReason
from data.market import MarketKind
from data.orders import OrderType
from data.values import Side
from engine.exchanges.base import Accepted, Balance, MarketUnknown, Rejected, timeframe_millis
from tests.contracts.live_venues import LIVE_VENUES
from tests.contracts.perpetual_venues import PERPETUAL_VENUES
from tests.contracts.venues import BALANCES, CANCELLED, FILLED, OPEN, VENUES, Trade, Venue

ALL = VENUES | PERPETUAL_VENUES | LIVE_VENUES


@pytest.fixture(params=sorted(ALL))
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Venue]:
    made = ALL[request.param](tmp_path)
    await made.start()
    yield made
    await made.stop()


async def accepted(venue: Venue, client_id: str, side: Side, price: Decimal, quantity: str = "1") -> Accepted:
    answer = await venue.exchange.submit(venue.order(client_id, side, price, quantity))
    assert isinstance(answer, Accepted), answer
    return answer


# -- markets


async def test_markets_are_listed_with_filters_and_fees(venue: Venue) -> None:
    market = await venue.exchange.market(venue.symbol)
    markets = {market.symbol: market for market in await venue.exchange.markets()}
    assert markets[venue.symbol] == market
    assert (market.base, market.quote) == ("BTC", "USDT")
    assert market.filters.price_tick > 0
    assert market.filters.quantity_step > 0
    assert market.filters.min_notional == 5
    assert market.fees == venue.fees
    assert market.kind is venue.kind
    assert bool(market.tiers) is market.perpetual


async def test_an_unknown_market_names_its_neighbours(venue: Venue) -> None:
    for ask in (venue.exchange.market("BTC/USTD"), venue.exchange.ticker("BTC/USTD")):
        with pytest.raises(MarketUnknown) as caught:
            await ask
        assert caught.value.symbol == "BTC/USTD"
        assert venue.symbol in caught.value.near


async def test_the_ticker_has_bid_and_ask(venue: Venue) -> None:
    ticker = await venue.exchange.ticker(venue.symbol)
    assert 0 < ticker.bid <= ticker.ask
    assert (ticker.bid < ticker.ask) is venue.spread
    assert ticker.last > 0
    assert not ticker.bid % (await venue.exchange.market(venue.symbol)).filters.price_tick


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
async def test_candles_are_whole_ordered_bars(venue: Venue, timeframe: str) -> None:
    bars = await venue.exchange.candles(venue.symbol, timeframe, 12)
    length = timeframe_millis(timeframe)
    assert len(bars) == 12
    assert [bar.opened_at - bars[0].opened_at for bar in bars] == [number * length for number in range(12)]
    assert bars[0].opened_at % length == 0
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


async def test_a_timeframe_that_is_none_is_refused(venue: Venue) -> None:
    with pytest.raises(ValueError, match="timeframe"):
        await venue.exchange.candles(venue.symbol, "1 minute", 5)


async def test_only_subscribed_markets_tick(venue: Venue) -> None:
    await venue.exchange.subscribe(frozenset({venue.symbol}))
    await venue.ticked(venue.symbol)
    assert venue.inbox.tickers(venue.symbol)
    assert venue.other is None or not venue.inbox.tickers(venue.other)
    await venue.exchange.subscribe(frozenset() if venue.other is None else frozenset({venue.other}))
    seen = len(venue.inbox.tickers(venue.symbol))
    await venue.ticked(venue.other or venue.symbol)
    assert len(venue.inbox.tickers(venue.symbol)) == seen


async def test_the_clock_is_close(venue: Venue) -> None:
    assert abs(await venue.exchange.clock_skew()) < 2_000


# -- orders


async def test_an_order_rests_and_locks_what_it_may_spend(venue: Venue) -> None:
    price = await venue.far(Side.BUY)
    answer = await accepted(venue, "bt-1-1-0b1", Side.BUY, price, "2")
    report = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert report is not None
    assert (report.exchange_id, report.price, report.quantity) == (answer.exchange_id, price, Decimal(2))
    assert (report.status, report.filled) == (OPEN, Decimal(0))
    assert list(await venue.exchange.open_orders(venue.symbol)) == [report]
    assert venue.other is None or await venue.exchange.open_orders(venue.other) == []
    await venue.check_account(locked=2 * price)
    if venue.kind is MarketKind.SPOT:
        await accepted(venue, "bt-1-1-9s1", Side.SELL, await venue.far(Side.SELL), "3")
        assert await venue.held("BTC") == Balance("BTC", BALANCES["BTC"] - 3, Decimal(3))


async def test_the_same_client_id_never_makes_two_orders(venue: Venue) -> None:
    price = await venue.far(Side.BUY)
    first = await accepted(venue, "bt-1-1-0b1", Side.BUY, price)
    assert await accepted(venue, "bt-1-1-0b1", Side.BUY, price) == first
    assert len(await venue.exchange.open_orders(venue.symbol)) == 1
    await venue.check_account(locked=price)
    await venue.exchange.cancel("bt-1-1-0b1", venue.symbol)
    assert await accepted(venue, "bt-1-1-0b1", Side.BUY, price) == first
    assert await venue.exchange.open_orders(venue.symbol) == []


async def test_an_order_never_sent_is_absent(venue: Venue) -> None:
    assert await venue.exchange.order("bt-1-1-0b1", venue.symbol) is None


async def test_a_foreign_order_is_reported(venue: Venue) -> None:
    await accepted(venue, "typed-by-hand", Side.BUY, await venue.far(Side.BUY))
    assert [report.client_id for report in await venue.exchange.open_orders(venue.symbol)] == ["typed-by-hand"]


async def test_a_cancelled_order_gives_everything_back(venue: Venue) -> None:
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.far(Side.BUY))
    await venue.exchange.cancel("bt-1-1-0b1", venue.symbol)
    await venue.inbox.until(lambda: venue.inbox.cancelled("bt-1-1-0b1") or None)
    report = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert report is not None
    assert report.status is CANCELLED
    await venue.check_account()


async def test_cancelling_what_is_not_there_changes_nothing(venue: Venue) -> None:
    await venue.exchange.cancel("bt-1-1-7b1", venue.symbol)
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.far(Side.BUY))
    await venue.exchange.cancel("bt-1-1-0b1", venue.symbol)
    await venue.exchange.cancel("bt-1-1-0b1", venue.symbol)
    assert venue.inbox.cancelled("bt-1-1-0b1") == 1
    assert venue.inbox.cancelled("bt-1-1-7b1") == 0


async def test_a_post_only_order_that_would_take_is_rejected(venue: Venue) -> None:
    for client_id, side in (("bt-1-1-0b1", Side.BUY), ("bt-1-1-0s1", Side.SELL)):
        crossing = await venue.near(side.opposite)
        answer = await venue.exchange.submit(venue.order(client_id, side, crossing))
        assert isinstance(answer, Rejected)
        assert answer.reason is RejectReason.WOULD_TAKE
        assert await venue.exchange.order(client_id, venue.symbol) is None
    await venue.check_account()


@pytest.mark.parametrize(
    ("price", "quantity"), [("90.0001", "1"), ("90", "0.00001"), ("90", "0.00015"), ("90", "0.01"), ("0", "1")]
)
async def test_an_order_outside_the_filters_is_rejected(venue: Venue, price: str, quantity: str) -> None:
    answer = await venue.exchange.submit(venue.order("bt-1-1-0b1", Side.BUY, Decimal(price), quantity))
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.FILTER
    assert answer.message
    assert await venue.exchange.order("bt-1-1-0b1", venue.symbol) is None


async def test_an_order_nobody_can_pay_is_rejected(venue: Venue) -> None:
    for client_id, side in (("bt-1-1-0b1", Side.BUY), ("bt-1-1-0s1", Side.SELL)):
        answer = await venue.exchange.submit(venue.order(client_id, side, await venue.far(side), venue.too_much[side]))
        assert isinstance(answer, Rejected)
        assert answer.reason is RejectReason.INSUFFICIENT_BALANCE


# -- fills


async def test_a_market_order_takes_and_pays_the_taker_fee(venue: Venue) -> None:
    ask = (await venue.exchange.ticker(venue.symbol)).ask
    order = venue.order("bt-1-1-ib1", Side.BUY, ask, "2", OrderType.MARKET)
    assert isinstance(await venue.exchange.submit(order), Accepted)
    await venue.inbox.until(lambda: venue.inbox.filled("bt-1-1-ib1") == 2 or None)
    (fill,) = await venue.exchange.fills(venue.symbol, 0)
    trade = Trade(Side.BUY, ask, Decimal(2), maker=False)
    assert (fill.price, fill.maker, fill.fee, fill.fee_asset) == (ask, False, *venue.fee(trade))
    assert fill.fee_quote == 2 * venue.fees.taker * ask
    await venue.check_account(trade)


async def test_a_resting_order_fills_at_its_own_price(venue: Venue) -> None:
    price = await venue.near(Side.BUY)
    await accepted(venue, "bt-1-1-0b1", Side.BUY, price)
    await venue.through("bt-1-1-0b1")
    await venue.inbox.until(lambda: venue.inbox.filled("bt-1-1-0b1") == 1 or None)
    fills = await venue.exchange.fills(venue.symbol, 0)
    assert {(fill.price, fill.maker, fill.side) for fill in fills} == {(price, True, Side.BUY)}
    assert sum(fill.quantity for fill in fills) == 1
    report = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert report is not None
    assert (report.status, report.filled) == (FILLED, Decimal(1))
    await venue.check_account(Trade(Side.BUY, price, Decimal(1)))


async def test_a_sell_pays_its_fee_in_quote(venue: Venue) -> None:
    price = await venue.near(Side.SELL)
    await accepted(venue, "bt-1-1-0s1", Side.SELL, price)
    await venue.through("bt-1-1-0s1")
    await venue.check_account(Trade(Side.SELL, price, Decimal(1)))


async def test_fills_are_told_from_an_instant_on(venue: Venue) -> None:
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.near(Side.BUY))
    await venue.through("bt-1-1-0b1")
    fills = await venue.exchange.fills(venue.symbol, 0)
    last = fills[-1]
    assert last in await venue.exchange.fills(venue.symbol, last.at)
    assert await venue.exchange.fills(venue.symbol, last.at + 1) == []
    assert venue.other is None or await venue.exchange.fills(venue.other, 0) == []
    assert len({fill.trade_id for fill in fills}) == len(fills)


async def test_a_partial_fill_leaves_the_rest_on_the_book(venue: Venue) -> None:
    if not venue.partial:
        pytest.skip("orders fill wholly or not at all here")
    price = await venue.near(Side.BUY)
    await accepted(venue, "bt-1-1-0b1", Side.BUY, price, "60")
    await venue.touch("bt-1-1-0b1")
    report = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert report is not None
    assert report.status is OPEN
    assert 0 < report.filled < 60
    assert report.filled == venue.inbox.filled("bt-1-1-0b1")
    trade = Trade(Side.BUY, price, report.filled)
    await venue.check_account(trade, locked=price * (60 - report.filled))
    await venue.exchange.cancel("bt-1-1-0b1", venue.symbol)
    after = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert after is not None
    assert (after.status, after.filled) == (CANCELLED, report.filled)
    await venue.check_account(trade)


async def test_a_cancel_that_comes_too_late_leaves_the_fill(venue: Venue) -> None:
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.near(Side.BUY))
    await venue.through("bt-1-1-0b1")
    await venue.exchange.cancel("bt-1-1-0b1", venue.symbol)
    report = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert report is not None
    assert report.status is FILLED
    assert venue.inbox.cancelled("bt-1-1-0b1") == 0
    assert venue.inbox.filled("bt-1-1-0b1") == 1


# -- restarts


async def test_an_account_outlives_the_process(venue: Venue) -> None:
    price = await venue.far(Side.SELL)
    first = await accepted(venue, "bt-1-1-9s1", Side.SELL, price)
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.near(Side.BUY))
    await venue.through("bt-1-1-0b1")
    fills, balances = await venue.exchange.fills(venue.symbol, 0), await venue.exchange.balances()
    await venue.restart()
    assert await venue.exchange.fills(venue.symbol, 0) == fills
    assert await venue.exchange.balances() == balances
    assert [report.client_id for report in await venue.exchange.open_orders(venue.symbol)] == ["bt-1-1-9s1"]
    assert await accepted(venue, "bt-1-1-9s1", Side.SELL, price) == first
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.far(Side.BUY))
    assert len(await venue.exchange.open_orders(venue.symbol)) == 1
    report = await venue.exchange.order("bt-1-1-0b1", venue.symbol)
    assert report is not None
    assert report.status is FILLED


async def test_trade_ids_go_on_after_a_restart(venue: Venue) -> None:
    await accepted(venue, "bt-1-1-0b1", Side.BUY, await venue.near(Side.BUY))
    await venue.through("bt-1-1-0b1")
    await venue.restart()
    await accepted(venue, "bt-1-1-0b2", Side.BUY, await venue.near(Side.BUY))
    await venue.through("bt-1-1-0b2")
    fills = await venue.exchange.fills(venue.symbol, 0)
    assert {fill.client_id for fill in fills} == {"bt-1-1-0b1", "bt-1-1-0b2"}
    assert len({fill.trade_id for fill in fills}) == len(fills)


async def test_an_open_adapter_can_be_closed_twice(venue: Venue) -> None:
    await venue.exchange.close()
    await venue.exchange.close()
