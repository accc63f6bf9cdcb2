"""/validate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest

from commands.reply import Card
from config.schema import Settings
from data.grids import GridSpec
from data.market import MarketKind
from engine.grid.sizing import plan_grid
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import market


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
