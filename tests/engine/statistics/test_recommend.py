"""What is recommended clears the fees, keeps the market's filters and passes the engine's own planning."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal as D
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.bars import Floats
from data.market import FeeAsset, Fees, Filters, Market, MarketKind, Ticker
from data.values import round_to
from engine.exchanges.tiers import CAUTIOUS
from engine.grid.levels import net_profit
from engine.grid.sizing import plan_grid
from engine.statistics.description import MarketStatistics, describe
from engine.statistics.readings import readings
from engine.statistics.recommend import NoGrid, break_even, recommend
from tests.engine.statistics.paths import FINE, SHARED, bars_along, burst, recorded, reverting, walk

FILTERS = SHARED / "../api/binance/symbol-filters.csv"
REAL = {
    "BTCUSDT": "BTCUSDT-5m-202401_202409",
    "ETHUSDT": "ETHUSDT-5m-202401_202409",
    "SOLUSDT": "SOLUSDT-5m-202401_202409",
    "XRPUSDT": "XRPUSDT-5m-202401_202409",
    "TRXUSDT": "TRXUSDT-5m-202401_202409",
    "SHIBUSDT": "SHIBUSDT-5m-202401_202409",
    "ETHBTC": "ETHBTC-5m-202102_202105",
    "ADABTC": "ADABTC-5m-202102_202105",
}


def market_of(
    *,
    tick: str = "0.01",
    step: str = "0.0001",
    notional: str = "5",
    fee: str = "0.001",
    asset: FeeAsset = FeeAsset.QUOTE,
    orders: int = 200,
) -> Market:
    filters = Filters(
        price_tick=D(tick), quantity_step=D(step), min_quantity=D(step), min_notional=D(notional), max_orders=orders
    )
    fees = Fees(maker=D(fee), taker=D(fee), asset=asset)
    return Market(exchange="test", symbol="AAA/USDT", base="AAA", quote="USDT", filters=filters, fees=fees)


def ticker_of(told: MarketStatistics, market: Market) -> Ticker:
    price = max(round_to(D(repr(told.price)), market.filters.price_tick), market.filters.price_tick)
    return Ticker(market.symbol, price, price + market.filters.price_tick, price, told.until)


@cache
def told_of(kind: str) -> MarketStatistics:
    paths: dict[str, Callable[[], Floats]] = {
        "range": lambda: reverting(24 * 30, 0.006, 1, 12),
        "trend": lambda: walk(24 * 30, 0.005, 1, 0.001),
        "burst": lambda: burst(24 * 30, 0.004, 1),
        "quiet": lambda: walk(24 * 30, 0.0001, 1),
        "still": lambda: np.zeros(24 * 30 * FINE + 1),
    }
    return describe(bars_along(paths[kind]()))


def real_market(symbol: str, asset: FeeAsset) -> Market:
    if not FILTERS.exists():
        pytest.skip(f"needs the recorded filters in {FILTERS.resolve()}, which are not part of the repository")
    with FILTERS.open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["market_ticker"] == symbol and row["type"] == "crypto")
    filters = Filters(
        price_tick=D(row["minimum_price_variation"]),
        quantity_step=D(row["lot_size"]),
        min_quantity=D(row["lot_size"]),
        min_notional=D(row["minimum_order_size"]),
    )
    quote = row["quote_currency"]
    base = symbol.removesuffix(quote)
    fees = Fees(maker=D("0.001"), taker=D("0.001"), asset=asset)
    return Market(exchange="binance", symbol=f"{base}/{quote}", base=base, quote=quote, filters=filters, fees=fees)


def check(told: MarketStatistics, market: Market) -> None:
    """Demand everything that a recommendation promises."""
    ticker = ticker_of(told, market)
    found = recommend(told, market, ticker)
    spec = found.spec()
    plan = plan_grid(spec, market, ticker)
    assert plan.problems == ()
    assert plan.window == 0
    assert found.lower < ticker.last < found.upper
    even = break_even(market.fees)
    for low, high in zip(plan.lines, plan.lines[1:], strict=False):
        assert high / low - 1 >= 2 * even
        assert net_profit(low, high, market.fees) > 0
    assert found.levels - 1 <= market.filters.max_orders
    assert plan.quantity >= market.filters.min_quantity
    assert plan.quantity * plan.lines[0] >= market.filters.min_notional * D("1.05")
    less = plan_grid(found.spec(found.minimum_capital * D("0.9")), market, ticker)
    assert any(each.field == "investment" for each in less.problems)
    assert found.low <= found.cycles <= found.high
    assert [each.name for each in found.reasons] == ["range", "spacing", "levels", "minimum capital"]
    assert all(each.value and each.why for each in found.reasons)


@pytest.mark.parametrize("asset", list(FeeAsset))
@pytest.mark.parametrize("symbol", REAL)
def test_recommendations_for_real_filters_pass_planning(symbol: str, asset: FeeAsset) -> None:
    check(describe(recorded(REAL[symbol], 288 * 40)), real_market(symbol, asset))


@settings(max_examples=80)
@given(
    kind=st.sampled_from(("range", "trend", "burst", "quiet", "still")),
    tick=st.sampled_from(("0.0001", "0.01", "0.1")),
    step=st.sampled_from(("0.00001", "0.1")),
    notional=st.sampled_from(("0.0001", "5", "100")),
    fee=st.sampled_from(("0", "0.0002", "0.001", "0.01")),
    asset=st.sampled_from(FeeAsset),
    orders=st.integers(2, 200),
)
def test_any_market_gets_a_grid_that_passes_planning(
    kind: str, tick: str, step: str, notional: str, fee: str, asset: FeeAsset, orders: int
) -> None:
    market = market_of(tick=tick, step=step, notional=notional, fee=fee, asset=asset, orders=max(orders, 3))
    check(told_of(kind), market)


def test_the_break_even_is_that_of_the_fee_formulas() -> None:
    assert round(break_even(Fees(maker=D("0.001"), taker=D("0.001"))), 6) == D("0.002002")
    received = Fees(maker=D("0.001"), taker=D("0.001"), asset=FeeAsset.RECEIVED)
    assert round(break_even(received), 6) == D("0.002003")
    assert break_even(Fees(maker=D(0), taker=D(0))) == 0


def test_higher_fees_never_lay_the_lines_closer() -> None:
    told = told_of("range")
    spacings = []
    for fee in ("0", "0.0005", "0.001", "0.004", "0.01"):
        market = market_of(fee=fee)
        spacings.append(recommend(told, market, ticker_of(told, market)).spacing)
    assert spacings[-1] > spacings[0]
    assert spacings[-1] >= 4 * D("0.01")


def test_a_market_that_takes_few_orders_gets_few_lines() -> None:
    told = told_of("burst")
    market = market_of(fee="0", orders=5)
    found = recommend(told, market, ticker_of(told, market))
    assert found.levels == 6
    assert "allows 5 orders" in found.reasons[2].why


def test_a_restless_market_gets_a_wider_range() -> None:
    quiet, restless = told_of("range"), told_of("burst")
    widths = []
    for told in (quiet, restless):
        found = recommend(told, market_of(), ticker_of(told, market_of()))
        widths.append(found.upper / found.lower)
    assert widths[1] > widths[0]


def test_a_perpetual_gets_a_grid_too() -> None:
    told = told_of("range")
    spot = market_of()
    market = msgspec.structs.replace(spot, symbol="AAA/USDT:USDT", kind=MarketKind.PERPETUAL, tiers=CAUTIOUS)
    ticker = ticker_of(told, market)
    found = recommend(told, market, ticker)
    assert plan_grid(found.spec(), market, ticker).problems == ()


def test_a_market_that_forbids_the_range_gets_none() -> None:
    told = told_of("range")
    market = market_of()
    bounded = msgspec.structs.replace(market.filters, lowest=D("1.1"))
    with pytest.raises(NoGrid, match="range"):
        recommend(told, msgspec.structs.replace(market, filters=bounded), ticker_of(told, market))


@pytest.mark.parametrize("kind", ["range", "trend", "burst", "quiet", "still"])
def test_every_reading_has_a_value_and_a_reason(kind: str) -> None:
    told = told_of(kind)
    found = readings(told)
    assert len({each.name for each in found}) == len(found) == 6 - 1 + len(told.realised) + len(told.crossings)
    assert all(each.value and len(each.why) > 20 for each in found)
