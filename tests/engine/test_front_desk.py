"""The desk over a running engine: what it shows, and every reason for which it lets no bot start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from data.database import Database
from data.decisions import Rule
from data.equity import EquityPoint, EquityStore
from data.events import PauseBot, StartBot
from data.grids import GridSpec
from data.market import Market, Ticker
from data.values import ZERO, Mode
from engine.accounts.allocation import Allocation
from engine.accounts.upkeep import reconcile_all
from engine.clock import ManualClock
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.front_desk import CHART_POINTS, FrontDesk
from engine.grid.plan import Problem
from engine.risk import RiskLimits
from engine.views import BotStatus
from tests.engine.fake_exchange import MARKET, NOW, SPEC, SYMBOL, FakeExchange
from tests.engine.live import LIMITS, Live, living, market_data

D = Decimal


class Strict(FakeExchange):
    """Lists its one market and no other."""

    async def market(self, symbol: str) -> Market:
        """Return the market, or know none."""
        if symbol != SYMBOL:
            raise MarketUnknown(symbol, [SYMBOL])
        return MARKET


def desk_of(
    live: Live, *, max_bots: int = 5, min_order: Decimal = ZERO, allocation: Allocation | None = None
) -> FrontDesk:
    store = EquityStore(Database.in_memory())
    return FrontDesk(
        live.runner,
        store,
        market_data(live.runner),
        version="1",
        mode=Mode.SHADOW,
        max_bots=max_bots,
        min_order=min_order,
        allocation=allocation,
    )


@asynccontextmanager
async def limited(**limits: object) -> AsyncIterator[tuple[Live, FrontDesk]]:
    clock = ManualClock(NOW)
    narrow = msgspec.structs.replace(LIMITS, **limits)
    assert isinstance(narrow, RiskLimits)
    async with living(exchange=Strict(clock), clock=clock, limits=narrow) as live:
        yield live, desk_of(live)


def of_size(investment: str) -> GridSpec:
    return msgspec.structs.replace(SPEC, investment=D(investment))


def start(spec: GridSpec = SPEC) -> StartBot:
    return StartBot(at=NOW, by="t", spec=spec, market=MARKET)


async def only_problem(desk: FrontDesk, spec: GridSpec) -> Problem:
    """Return the one problem of a plan, after making sure that it also keeps the bot from starting."""
    before = len(desk.bots())
    (problem,) = (await desk.plan(spec)).problems
    outcome = await desk.ask(start(spec))
    assert not outcome.durable
    assert outcome.problem == f"{problem.field}: {problem.problem}"
    assert len(desk.bots()) == before
    return problem


# -- problems only the whole engine can see


async def test_no_more_bots_start_than_may_be_at_work() -> None:
    async with limited() as (live, _):
        desk = desk_of(live, max_bots=1)
        assert (await desk.ask(start(of_size("300")))).problem == ""
        problem = await only_problem(desk, of_size("300"))
        assert (problem.field, problem.value, problem.accepted) == ("bots", "1", "stop a bot first")
        assert "risk_management.max_bots allows 1" in problem.problem


async def test_all_bots_together_stay_within_the_exposure() -> None:
    async with limited(max_total_exposure=D(1_000)) as (_, desk):
        assert (await desk.ask(start(of_size("600")))).problem == ""
        problem = await only_problem(desk, of_size("401"))
        assert (problem.field, problem.value, problem.accepted) == ("investment", "401", "at most 400")
        assert "would invest 1001, over risk_management.max_total_exposure" in problem.problem
        assert (await desk.plan(of_size("400"))).problems == ()


async def test_no_room_is_never_told_as_less_than_nothing() -> None:
    async with limited(max_total_exposure=D(1_000)) as (live, desk):
        assert (await desk.ask(start(of_size("1000")))).problem == ""
        live.runner.engine.limits = msgspec.structs.replace(LIMITS, max_total_exposure=D(500))
        assert (await only_problem(desk, of_size("300"))).accepted == "at most 0"


@pytest.mark.parametrize(
    ("lower", "upper", "field"), [("88", "105", "lower"), ("95", "112", "upper"), ("90", "110", "")]
)
async def test_no_line_lies_outside_the_price_band(lower: str, upper: str, field: str) -> None:
    async with limited(price_band_percent=D(10)) as (_, desk):
        spec = msgspec.structs.replace(SPEC, lower=D(lower), upper=D(upper))
        if not field:
            assert (await desk.plan(spec)).problems == (), "exactly at the band is within it"
            return
        problem = await only_problem(desk, spec)
        assert (problem.field, problem.value) == (field, lower if field == "lower" else upper)
        assert "12 % from the market, risk_management.price_band_perc" in problem.problem
        assert problem.accepted == "a line within 10 % of 100"


async def test_no_order_exceeds_the_largest_allowed() -> None:
    async with limited() as (live, desk):
        dearest = max(slot.quantity * slot.upper for slot in (await desk.plan(SPEC)).slots)
        live.runner.engine.limits = msgspec.structs.replace(LIMITS, max_order_notional=dearest)
        assert (await desk.plan(SPEC)).problems == ()
        live.runner.engine.limits = msgspec.structs.replace(LIMITS, max_order_notional=dearest - D("0.01"))
        problem = await only_problem(desk, SPEC)
        assert (problem.field, problem.value) == ("investment", "1000")
        assert "max_order_notional" in problem.problem


async def test_orders_that_rest_already_leave_less_room_for_lines() -> None:
    async with limited(max_open_orders=15) as (live, desk):
        assert (await desk.ask(start(of_size("600")))).problem == ""
        await live.settle()
        problem = await only_problem(desk, of_size("600"))
        assert (problem.field, problem.value, problem.accepted) == ("levels", "11", "at most 6 lines")
        fits = msgspec.structs.replace(SPEC, levels=6, investment=D(600))
        assert (await desk.plan(fits)).problems == ()
        assert (await desk.ask(start(fits))).problem == ""
        await live.settle()
        assert (await only_problem(desk, fits)).accepted == "stop a bot first"


async def test_money_that_bots_hold_is_not_promised_again() -> None:
    async with limited() as (_, desk):
        assert (await desk.plan(of_size("5000"))).problems == ()
        problem = await only_problem(desk, of_size("5000.01"))
        assert (problem.field, problem.accepted) == ("investment", "at most 5000")
        assert "only 5000 USDT are not in use by bots" in problem.problem


async def test_the_account_is_divided_as_the_settings_want() -> None:
    async with limited() as (live, _):
        desk = desk_of(live, allocation=Allocation(max_asset_percent=D(20), min_stable_percent=D(90)))
        assert (await desk.plan(of_size("500"))).problems == ()
        assert (await only_problem(desk, of_size("501"))).accepted == "at most 500"
        names = [each.problem.rpartition(".")[2] for each in (await desk.plan(of_size("1001"))).problems]
        assert names == ["max_asset_allocation_perc", "min_stable_balance_perc"]


async def test_orders_smaller_than_the_settings_want_are_not_planned() -> None:
    async with limited() as (live, desk):
        assert (await desk.plan(of_size("300"))).problems == ()
        picky = desk_of(live, min_order=D(50))
        problem = await only_problem(picky, of_size("300"))
        assert problem.field == "investment"
        assert (await picky.plan(of_size("600"))).market == MARKET, "the bot starts on the market as it is"


async def test_a_plan_that_cannot_be_laid_tells_only_why() -> None:
    async with limited(max_order_notional=D(1)) as (_, desk):
        upside_down = msgspec.structs.replace(SPEC, lower=D(110), upper=D(90))
        assert [each.field for each in (await desk.plan(upside_down)).problems] == ["upper"]


async def test_without_a_usable_price_there_is_no_plan() -> None:
    async with limited() as (live, desk):
        live.exchange.quote = Ticker(SYMBOL, D(0), D(0), D(0), NOW)
        with pytest.raises(ExchangeUnavailable, match="no usable price of AAA/USDT"):
            await desk.plan(SPEC)
        with pytest.raises(ExchangeUnavailable):
            await desk.ask(start())
        assert desk.bots() == ()


# -- what it shows


@pytest.mark.parametrize("written", ["AAA/USDT", "aaausdt", "aaa-usdt"])
async def test_a_market_is_found_however_it_is_written(written: str) -> None:
    async with limited() as (_, desk):
        assert await desk.market(written) == MARKET
        assert (await desk.plan(msgspec.structs.replace(SPEC, symbol=written))).spec.symbol == SYMBOL


async def test_an_unknown_market_names_its_neighbours() -> None:
    async with limited() as (_, desk):
        with pytest.raises(MarketUnknown) as unknown:
            await desk.market("AAB/USDT")
        assert unknown.value.near == (SYMBOL,)


async def test_balances_tell_what_bots_hold_of_them() -> None:
    async with limited() as (live, desk):
        await desk.ask(start())
        await live.settle()
        assets = {each.asset: each for each in await desk.assets()}
        books = live.bot.books
        assert assets["AAA"].in_bots == books.base == assets["AAA"].free + assets["AAA"].locked
        assert assets["USDT"].in_bots == books.cash
        assert assets["USDT"].free + assets["USDT"].locked == 4_000 + books.cash
        assert assets["USDT"].locked > 0


async def test_the_journal_is_read_newest_first() -> None:
    async with limited() as (live, desk):
        await desk.ask(start())
        await live.settle()
        live.exchange.price(D("97.5"))
        await live.settle()
        newest, initial = desk.fills(1, 10)
        assert (newest.price, initial.client_id) == (D(98), "bt-1-1-ib1")
        assert list(desk.fills(None, 1)) == [newest]
        decided = desk.decisions(1, 50)
        assert [each.at for each in decided] == sorted((each.at for each in decided), reverse=True)
        assert (decided[0].rule, decided[-1].rule) == (Rule.PAIR_SLOT, Rule.OPEN_GRID)
        assert desk.decision(decided[0].id) == decided[0]
        assert desk.decision("nothing") is None
        assert desk.decisions(7, 50) == []


async def test_the_equity_of_a_chart_is_thinned() -> None:
    async with limited() as (live, _):
        store = EquityStore(Database.in_memory())
        desk = FrontDesk(live.runner, store, market_data(live.runner), version="1", mode=Mode.SHADOW, max_bots=1)
        store.append(EquityPoint(at=at, bot=1, equity=D(at), price=D(1)) for at in range(CHART_POINTS * 2))
        drawn = desk.equity(1, 100)
        assert len(drawn) <= CHART_POINTS
        assert (drawn[0].at, drawn[-1].at) == (100, CHART_POINTS * 2 - 1)


async def test_the_engine_counts_as_connected_from_the_first_reconciling_on() -> None:
    async with limited() as (live, desk):
        assert not desk.engine().connected
        await reconcile_all(live.runner)
        view = desk.engine()
        assert view.connected
        assert (view.exchange, view.mode, view.last_reconciled_at) == ("fake", Mode.SHADOW, NOW)
        live.exchange.down = True
        live.clock.advance(60_000)
        with pytest.raises(ExchangeUnavailable):
            await reconcile_all(live.runner)
        assert not desk.engine().connected
        assert desk.engine().last_reconciled_at == NOW


async def test_controls_of_bots_pass_straight_through() -> None:
    async with limited() as (live, desk):
        await desk.ask(start())
        await live.settle()
        assert (await desk.ask(PauseBot(at=NOW, by="t", bot=1))).durable
        shown = desk.bot(1)
        assert shown is not None
        assert shown.status is BotStatus.PAUSED
        assert desk.bot(2) is None
