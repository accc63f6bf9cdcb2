"""Perpetuals at the desk: whose money and whose position it is, and leverage set before anything starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from data.events import StartBot
from data.grids import GridSpec, MarginMode
from data.market import MarketKind
from data.values import Mode
from engine.accounts.statement import RECENT
from engine.clock import ManualClock
from engine.exchanges.base import NotPossible
from engine.front_desk import FrontDesk
from engine.views import BotStatus
from tests.engine.fake_exchange import NOW, PERPETUAL, SPEC, FakeExchange
from tests.engine.live import Live, living
from tests.engine.test_front_desk import desk_of

D = Decimal
SYMBOL = PERPETUAL.symbol


@asynccontextmanager
async def perpetual() -> AsyncIterator[tuple[Live, FrontDesk]]:
    clock = ManualClock(NOW)
    async with living(exchange=FakeExchange(clock, traded=PERPETUAL), clock=clock) as live:
        yield live, desk_of(live)


def of_size(investment: int) -> GridSpec:
    return msgspec.structs.replace(SPEC, symbol=SYMBOL, investment=D(investment), leverage=2)


def start(spec: GridSpec) -> StartBot:
    return StartBot(at=NOW, by="t", spec=spec, market=PERPETUAL)


async def test_a_perpetual_is_found_by_its_name_however_it_is_written() -> None:
    async with perpetual() as (_, desk):
        for name in (SYMBOL, "aaausdt:usdt", "AAA-USDT-USDT"):
            assert (await desk.market(name)).symbol == SYMBOL


async def test_leverage_and_margin_are_set_before_the_bot_starts() -> None:
    async with perpetual() as (live, desk):
        assert (await desk.ask(start(of_size(1_000)))).problem == ""
        assert live.exchange.prepared == [(SYMBOL, 2, MarginMode.CROSS)]
        await live.settle()
        assert live.bot.status is BotStatus.RUNNING


async def test_nothing_starts_where_leverage_cannot_be_set() -> None:
    async with perpetual() as (live, desk):
        live.exchange.unprepared = "the account is in hedge mode"
        outcome = await desk.ask(start(of_size(1_000)))
        assert (outcome.problem, outcome.durable) == ("leverage: the account is in hedge mode", False)
        assert not desk.bots()


async def test_a_perpetual_takes_one_bot() -> None:
    async with perpetual() as (live, desk):
        await desk.ask(start(of_size(1_000)))
        await live.settle()
        problems = (await desk.plan(of_size(100))).problems
        assert [each.field for each in problems if "bot 1 trades this perpetual" in each.problem] == ["symbol"]


async def test_a_position_of_somebody_else_keeps_bots_away() -> None:
    async with perpetual() as (live, desk):
        live.exchange.stolen = D(-3)
        (problem,) = (await desk.plan(of_size(1_000))).problems
        assert (problem.field, problem.value) == ("symbol", SYMBOL)
        assert problem.problem == "a position of 3 AAA that is not mine is open there"


async def test_money_for_a_perpetual_must_be_in_its_wallet() -> None:
    async with perpetual() as (_, desk):
        assert (await desk.plan(of_size(5_000))).problems == ()
        (problem,) = (await desk.plan(of_size(5_001))).problems
        assert problem.problem == "only 5000 USDT are not in use by bots in the wallet of perpetuals"
        assert problem.accepted == "at most 5000"


async def test_the_desk_shows_wallets_and_positions() -> None:
    async with perpetual() as (live, desk):
        await desk.ask(start(of_size(1_000)))
        await live.settle()
        (usdt,) = await desk.assets()
        assert (usdt.asset, usdt.wallet, usdt.mode) == ("USDT", MarketKind.PERPETUAL, Mode.SHADOW)
        assert usdt.in_bots == live.bot.books.equity(D(100))
        live.exchange.stolen = D(-1)
        live.clock.advance(RECENT)
        (view,) = await desk.positions()
        assert (view.position.symbol, view.in_bots) == (SYMBOL, live.bot.books.base)
        assert view.position.quantity == view.in_bots + 1
        live.exchange.price(D(99))
        live.clock.advance(RECENT)
        (view,) = await desk.positions()
        assert view.position.unrealised == -view.position.quantity


async def test_transfers_and_rights_are_those_of_the_account() -> None:
    async with perpetual() as (_, desk):
        assert await desk.rights(Mode.SHADOW) is None
        with pytest.raises(NotPossible):
            await desk.transfer(Mode.SHADOW, "USDT", D(1), MarketKind.SPOT, MarketKind.PERPETUAL, "k")
