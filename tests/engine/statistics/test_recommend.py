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
from data.limits import RiskLimits
from data.market import FeeAsset, Fees, Filters, Market, MarketKind, Ticker
from data.values import round_to
from engine.exchanges.tiers import CAUTIOUS
from engine.grid.levels import net_profit
from engine.grid.sizing import plan_grid
from engine.statistics.description import MarketStatistics, describe
from engine.statistics.readings import readings
from engine.statistics.recommend import NoGrid, break_even, invested, recommend
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


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from(("range", "trend", "burst", "quiet")),
    step=st.sampled_from(("0.00001", "0.1")),
    notional=st.sampled_from(("0.0001", "5", "100")),
    band=st.decimals(1, 80, places=1),
    most=st.none() | st.decimals(1, 500, places=2),
    wanted=st.decimals(1, 5000, places=2),
    perpetual=st.booleans(),
)
def test_no_recommendation_breaks_a_limit_of_risk(
    kind: str, step: str, notional: str, band: D, most: D | None, wanted: D, perpetual: bool
) -> None:
    told, market = told_of(kind), market_of(step=step, notional=notional)
    if perpetual:
        market = msgspec.structs.replace(market, symbol="AAA/USDT:USDT", kind=MarketKind.PERPETUAL, tiers=CAUTIOUS)
    ticker = ticker_of(told, market)
    limits = RiskLimits(price_band_percent=band, max_order_notional=most)
    try:
        found = recommend(told, market, ticker, limits)
        money = invested(found, wanted, market, ticker, limits)
    except NoGrid:
        return
    plan = plan_grid(found.spec(money), market, ticker, limits)
    assert plan.problems == ()
    assert all(abs(line - ticker.last) <= ticker.last * band / 100 for line in plan.lines)
    assert most is None or all(slot.quantity * slot.upper <= most for slot in plan.slots)
    even = break_even(market.fees)
    assert all(high / low - 1 >= 2 * even for low, high in zip(plan.lines, plan.lines[1:], strict=False))
    assert money >= found.minimum_capital
    assert most is not None or money >= wanted


def test_limits_narrow_a_grid_and_its_money_before_they_forbid_it() -> None:
    told = told_of("burst")
    market = market_of()
    ticker = ticker_of(told, market)
    free = recommend(told, market, ticker)
    narrow = recommend(told, market, ticker, RiskLimits(price_band_percent=D(4)))
    assert free.upper > ticker.last * D("1.04") > narrow.upper
    assert invested(free, D(1000), market, ticker) == 1000
    capped = RiskLimits(max_order_notional=D(10))
    assert free.minimum_capital < invested(free, D(1000), market, ticker, capped) < 1000
    with pytest.raises(NoGrid, match="as far as limits reach"):
        recommend(told, market, ticker, RiskLimits(price_band_percent=D("0.3")))
    with pytest.raises(NoGrid, match="max_order_notional: 5 is less"):
        invested(free, D(1000), market, ticker, RiskLimits(max_order_notional=D(5)))


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


def test_a_half_life_shorter_than_a_step_is_not_told_more_exactly() -> None:
    told = told_of("range")
    found = msgspec.structs.replace(told.reversion, half_life_hours=0.05, error_hours=2_775.6)
    texts = {each.name: each.value for each in readings(msgspec.structs.replace(told, reversion=found))}
    assert texts["half-life"] == f"under {told.reversion.step_millis // 3_600_000} h"


def test_money_is_told_in_few_digits() -> None:
    told, market = told_of("range"), market_of(notional="9.523809523809523809523809524")
    assert "worth 9.52381 USDT" in recommend(told, market, ticker_of(told, market)).reasons[3].why
