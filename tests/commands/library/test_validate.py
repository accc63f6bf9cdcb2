"""/validate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from commands.reply import Card, Failure
from config.schema import Settings
from data.grids import GridSpec
from data.limits import RiskLimits
from data.market import Candle, MarketKind
from data.observations import OpenInterest
from data.values import Millis
from engine.exchanges.base import NotPossible, timeframe_millis
from engine.grid.sizing import plan_grid
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import NOW, market

Candles = Callable[[str, str, Millis, int], Coroutine[Any, Any, Sequence[Candle]]]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.desk.data.stop()


async def cards(stage: Stage, line: str) -> tuple[Card, Card]:
    """Return the verdict and the grid."""
    verdict, grid = await stage.say(line)
    assert isinstance(verdict, Card)
    assert isinstance(grid, Card)
    return verdict, grid


def with_selection(**changes: object) -> Settings:
    return Settings.model_validate({"pair_selection": changes})


async def test_each_criterion_is_told_and_a_grid_recommended_that_planning_accepts(stage: Stage) -> None:
    verdict, grid = await cards(stage, "/validate btcusdt")
    assert verdict.title == "BTC/USDT at 61000.00: 1 criterion is not met"
    assert value(verdict, "✗ volume of 24 h").startswith("61,000,000 USDT (at least 100,000,000 USDT)")
    assert value(verdict, "✓ spread").endswith("% (at most 0.1 %): what a market order loses at once")
    _name, symbol, lower, upper, levels = lines(grid)[0].split()
    desk = stage.desk
    least = Decimal(value(grid, "Least capital").split()[0])
    spec = GridSpec(symbol=symbol, lower=Decimal(lower), upper=Decimal(upper), levels=int(levels), investment=least)
    plan = plan_grid(spec, await desk.market(symbol), desk.tickers[symbol])
    assert plan.problems == ()


async def test_the_criteria_are_those_of_the_settings() -> None:
    stage = Stage(settings=with_selection(min_volume_usd_24h=1_000, max_adx=1, blacklist=["ETHUSDT"]))
    try:
        verdict, _grid = await cards(stage, "/validate BTC/USDT")
        assert value(verdict, "✓ volume of 24 h").startswith("61,000,000 USDT (at least 1,000 USDT)")
        assert "ADX" in value(verdict, "✗ trend")
        banned, _grid = await cards(stage, "/validate ETH/USDT")
        assert "on the blacklist" in banned.title
    finally:
        await stage.desk.data.stop()


async def test_the_futures_market_of_a_pair_is_judged_by_open_interest() -> None:
    desk = FakeDesk()
    listed = msgspec.structs.replace(market("BTC"), symbol="BTC/USDT:USDT", kind=MarketKind.PERPETUAL)
    desk.list_market(listed, Decimal(61_000))
    stage = Stage(desk=desk)
    try:
        verdict, _none = await stage.say("/validate BTC/USDT futures")  # without leverage tiers there is no grid
        assert isinstance(verdict, Card)
        assert value(verdict, "✗ open interest").startswith("6,100,000 USDT (at least 50,000,000 USDT)")
    finally:
        await desk.data.stop()


async def test_without_a_market_the_favourites_are_offered(stage: Stage) -> None:
    assert lines(await stage.card("/validate"))[0] == "/validate BTC/USDT"


async def test_an_exchange_that_is_away_is_said() -> None:
    desk = FakeDesk()
    desk.available = False
    assert "did not answer" in (await Stage(desk=desk).failure("/validate BTC/USDT")).problem


def still(price: Decimal, count: int) -> Candles:
    """Return a question for candles that gets this many of one price."""

    async def candles(symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        step = timeframe_millis(timeframe)
        newest = NOW // step * step
        places = (newest - place * step for place in reversed(range(count)))
        return [Candle(at, price, price, price, price, Decimal(1)) for at in places if at >= since][:limit]

    return candles


async def test_a_market_without_a_candle_is_judged_by_the_rest(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.desk.venue, "candles_since", still(Decimal(61_000), 0))
    verdict, nothing = await stage.say("/validate BTC/USDT")
    assert isinstance(verdict, Card)
    assert isinstance(nothing, Failure)
    assert value(verdict, "? daily range").startswith("not told")
    assert nothing.problem == "No grid can be recommended yet: BTC/USDT has too few candles."


async def test_a_market_that_has_not_moved_gets_no_grid(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.desk.venue, "candles_since", still(Decimal(61_000), 2_000))
    _verdict, nothing = await stage.say("/validate BTC/USDT")
    assert isinstance(nothing, Failure)
    assert nothing.problem == "No grid can be recommended: BTC/USDT has not moved in 7 days."


async def test_what_an_exchange_does_not_tell_fails_no_other_criterion(stage: Stage) -> None:
    listed = msgspec.structs.replace(market("BTC"), symbol="BTC/USDT:USDT", kind=MarketKind.PERPETUAL)
    stage.desk.list_market(listed, Decimal(61_000))

    async def untold(symbol: str) -> OpenInterest:
        raise NotPossible(f"{symbol}: a recording of bars holds no open interest")

    stage.desk.venue.open_interest = untold  # type: ignore[method-assign]
    verdict, _none = await stage.say("/validate BTC/USDT futures")
    assert isinstance(verdict, Card)
    assert value(verdict, "? open interest").startswith("not told")


async def test_the_grid_keeps_the_limits_of_risk_and_the_least_order_of_the_settings() -> None:
    stage = Stage(settings=Settings.model_validate({"grid": {"spot": {"min_order_size_usd": 50}}}))
    limits = RiskLimits(price_band_percent=Decimal(10))
    stage.desk.view = msgspec.structs.replace(stage.desk.view, limits=limits)
    try:
        _verdict, grid = await cards(stage, "/validate BTC/USDT")
        _name, _symbol, lower, upper, levels = lines(grid)[0].split()
        assert Decimal(54_900) < Decimal(lower) < Decimal(upper) < Decimal(67_100)
        assert Decimal(value(grid, "Least capital").split()[0]) > 50 * (int(levels) - 1)
    finally:
        await stage.desk.data.stop()


@pytest.mark.parametrize("symbol", ["btc", "BTC/USDT", "btcusdt", "BTC/USDT:USDT"])
async def test_the_kind_is_kept_however_the_market_is_written(stage: Stage, symbol: str) -> None:
    listed = msgspec.structs.replace(market("BTC"), symbol="BTC/USDT:USDT", kind=MarketKind.PERPETUAL)
    stage.desk.list_market(listed, Decimal(61_000))
    futures, *_rest = await stage.say(f"/validate {symbol} futures")
    spot, *_rest = await stage.say(f"/validate {symbol} spot")
    assert isinstance(futures, Card)
    assert isinstance(spot, Card)
    assert futures.title.startswith("BTC/USDT:USDT at")
    assert spot.title.startswith("BTC/USDT at")
