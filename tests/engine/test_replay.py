"""A replay of candles against the reference: same fills, same money, the same journal twice, the same state from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data.candles import CandleColumns, read_candles
from data.grids import GridSpec, OutOfRange, Spacing, Trigger, TriggerKind
from data.journal import Journal
from data.market import FeeAsset, Fees, Filters, Market
from data.orders import parse_client_id
from data.values import ZERO
from engine.core import Engine
from engine.grid.slots import violations
from engine.recording import rebuild
from engine.replay import Replay, ReplayRefused
from engine.state import freeze
from tests.engine.reference import Reference, Traded

D = Decimal
SHARED = Path(__file__).parents[2] / "../shared/data/ohlcv"
SYNTHETIC = Path(__file__).with_name("candles") / "restless.csv"


class Series(NamedTuple):
    """A recorded series, and a grid that suits it."""

    file: str
    tick: str
    step: str
    lower: str
    upper: str
    levels: int
    stop_loss: str
    take_profit: str
    bars: int


RECORDED = (
    Series("binance-spot-BTCUSDT-1m-202104_202105", "0.01", "0.00001", "30000", "60000", 61, "36000", "59000", 42915),
    Series("binance-spot-ETHUSDT-1m-202104_202105", "0.01", "0.0001", "1800", "4200", 49, "1900", "4100", 42915),
    Series("binance-spot-XRPUSDT-5m-202012_202107", "0.00001", "0.1", "0.2", "1.7", 76, "0.18", "1.9", 40000),
    Series("binance-spot-SOLUSDT-1h-202009_202412", "0.0001", "0.01", "2", "200", 81, "1.2", "210", 37516),
)


STAYING = [policy for policy in OutOfRange if policy is not OutOfRange.RECENTRE]
"""The reference knows one grid and no other after it."""


def market_of(
    tick: str, step: str, *, fee: str = "0.001", asset: FeeAsset = FeeAsset.QUOTE, least: str = "5"
) -> Market:
    filters = Filters(price_tick=D(tick), quantity_step=D(step), min_quantity=D(step), min_notional=D(least))
    fees = Fees(maker=D(fee), taker=D(fee) * 2, asset=asset)
    return Market(exchange="test", symbol="AAA/USDT", base="AAA", quote="USDT", filters=filters, fees=fees)


def price(value: str | Decimal) -> Trigger:
    return Trigger(TriggerKind.PRICE, D(value))


def percent(value: str | Decimal) -> Trigger:
    return Trigger(TriggerKind.PERCENT, D(value))


def traded(replay: Replay, at: list[int]) -> list[Traded]:
    """Return the journal's fills as the reference writes them."""
    found = []
    for fill in reversed(replay.journal.fills(None, 1_000_000)):
        key = parse_client_id(fill.client_id)
        assert key is not None
        found.append((bisect_right(at, fill.at) - 1, key.slot, fill.side.value, fill.price, fill.quantity))
    return found


def compare(columns: CandleColumns, spec: GridSpec, market: Market) -> Replay:
    """Replay twice and by the reference, and demand that everything agrees; return the replay."""
    replay = Replay(columns, spec, market, Journal.in_memory())
    report = replay.run()
    reference = Reference(spec, market)
    reference.run(columns)
    assert traded(replay, columns.at) == reference.fills
    books = replay.bot.books
    assert (books.cash, books.base) == (reference.cash, reference.base)
    assert report.identity_error == ZERO
    assert books.base == books.lot_quantity == sum((slot.held for slot in replay.bot.slots), ZERO)
    assert violations(replay.bot.slots) == []
    again = Replay(columns, spec, market, Journal.in_memory())
    second = again.run()
    assert again.journal.last_digest == replay.journal.last_digest
    assert msgspec.structs.replace(second, bars_per_second=0) == msgspec.structs.replace(report, bars_per_second=0)
    rebuilt = Engine(replay.engine.limits)
    rebuild(rebuilt, replay.journal.read())
    assert freeze(rebuilt.state) == freeze(replay.engine.state)
    return replay


EXITS: dict[str, Callable[[Series], dict[str, Trigger]]] = {
    "hold": lambda series: {},
    "prices": lambda series: {"stop_loss": price(series.stop_loss), "take_profit": price(series.take_profit)},
    "percents": lambda series: {"stop_loss": percent("33.3"), "take_profit": percent("12.34")},
}


@pytest.mark.parametrize("exits", EXITS)
@pytest.mark.parametrize("spacing", list(Spacing))
@pytest.mark.parametrize("series", RECORDED, ids=lambda series: series.file)
def test_recorded_candles_trade_as_the_rules_say(series: Series, spacing: Spacing, exits: str) -> None:
    file = SHARED / f"{series.file}.parquet"
    if not file.exists():
        pytest.skip(f"needs the recorded candles in {SHARED.resolve()}, which are not part of the repository")
    columns = cut(read_candles(file), series.bars)
    spec = GridSpec(
        symbol="AAA/USDT",
        lower=D(series.lower),
        upper=D(series.upper),
        levels=series.levels,
        spacing=spacing,
        investment=D(10_000),
    )
    spec = msgspec.structs.replace(spec, **EXITS[exits](series))
    replay = compare(columns, spec, market_of(series.tick, series.step))
    assert replay.bot.books.fills > 50 or exits != "hold"


def cut(columns: CandleColumns, bars: int) -> CandleColumns:
    """Return the first ``bars`` bars."""
    return CandleColumns(
        at=columns.at[:bars],
        open=columns.open[:bars],
        high=columns.high[:bars],
        low=columns.low[:bars],
        close=columns.close[:bars],
        volume=columns.volume[:bars],
    )


@pytest.mark.parametrize("asset", list(FeeAsset))
@pytest.mark.parametrize("spacing", list(Spacing))
@pytest.mark.parametrize("levels", [2, 7, 40])
@pytest.mark.parametrize("policy", STAYING)
@pytest.mark.parametrize("exits", [{}, {"stop_loss": price("90.005")}, {"take_profit": percent("0.7")}], ids=str)
def test_synthetic_candles_trade_as_the_rules_say(
    exits: dict[str, Trigger], policy: OutOfRange, levels: int, spacing: Spacing, asset: FeeAsset
) -> None:
    columns = read_candles(SYNTHETIC)
    spec = GridSpec(
        symbol="AAA/USDT",
        lower=D(94),
        upper=D(106),
        levels=levels,
        spacing=spacing,
        investment=D(5_000),
        out_of_range=policy,
    )
    spec = msgspec.structs.replace(spec, **exits)
    replay = compare(columns, spec, market_of("0.01", "0.001", asset=asset))
    assert replay.bot.books.fills > 0


@st.composite
def candles(draw: st.DrawFn) -> CandleColumns:
    """Draw bars on a tick of 0.1 around 100, with gaps, flat bars and wide ones."""
    here, rows = draw(st.integers(900, 1100)), []
    for _ in range(draw(st.integers(2, 30))):
        first = max(500, here + draw(st.sampled_from((0, 0, 0, 1, -3, 40, -60)) | st.integers(-100, 100)))
        close = max(500, first + draw(st.sampled_from((0, 5, -5)) | st.integers(-80, 80)))
        high = max(first, close) + draw(st.sampled_from((0, 0, 3, 60)))
        low = min(first, close) - draw(st.sampled_from((0, 0, 3, 60)))
        rows.append([D(value) / 10 for value in (first, high, low, close)])
        here = close
    opens, highs, lows, closes = (list(column) for column in zip(*rows, strict=True))
    at = [1_600_000_000_000 + 60_000 * i for i in range(len(rows))]
    return CandleColumns(at=at, open=opens, high=highs, low=lows, close=closes, volume=[ZERO] * len(rows))


def exits_near(low: int, high: int) -> st.SearchStrategy[Trigger | None]:
    prices = st.integers(low, high).map(lambda value: price(D(value) / 100))
    return st.none() | prices | st.integers(1, 1500).map(lambda value: percent(D(value) / 100))


@given(
    columns=candles(),
    lower=st.integers(850, 1000),
    width=st.integers(20, 200),
    levels=st.integers(2, 16),
    spacing=st.sampled_from(Spacing),
    policy=st.sampled_from(STAYING),
    stop_loss=exits_near(7000, 10400),
    take_profit=exits_near(9600, 13000),
    asset=st.sampled_from(FeeAsset),
    step=st.sampled_from(("0.001", "0.01", "1")),
    fee=st.sampled_from(("0", "0.00075", "0.0013")),
    least=st.sampled_from(("0", "1", "25")),
    investment=st.sampled_from((800, 5_000, 12_345)),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_any_candles_trade_as_the_rules_say(
    columns: CandleColumns,
    lower: int,
    width: int,
    levels: int,
    spacing: Spacing,
    policy: OutOfRange,
    stop_loss: Trigger | None,
    take_profit: Trigger | None,
    asset: FeeAsset,
    step: str,
    fee: str,
    least: str,
    investment: int,
) -> None:
    spec = GridSpec(
        symbol="AAA/USDT",
        lower=D(lower) / 10,
        upper=D(lower + width) / 10,
        levels=levels,
        spacing=spacing,
        investment=D(investment),
        stop_loss=stop_loss,
        take_profit=take_profit,
        out_of_range=policy,
    )
    if asset is FeeAsset.RECEIVED:
        # A remainder that a fee left to buy could not rest where the price stands: the reference knows no such waiting.
        least = "25"
    try:
        compare(columns, spec, market_of("0.1", step, fee=fee, asset=asset, least=least))
    except ReplayRefused:
        assume(False)
