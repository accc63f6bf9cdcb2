"""Perpetuals of the simulated account across restarts: what is stored, and what happened meanwhile."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from data.accounts import AccountStore
from data.database import Database
from data.grids import MarginMode
from data.market import MarketKind
from data.orders import OrderType
from data.values import Side
from engine.clock import ManualClock
from engine.exchanges.base import Accepted
from engine.exchanges.simulated import SimulatedExchange
from tests.contracts.venues import Inbox
from tests.engine.exchanges.orders import approved

START, HOUR = 1_790_000_000_000, 3_600_000
MONEY = {"USDT": Decimal(10_000)}
SYMBOL = "BTC/USDT:USDT"


async def opened(clock: ManualClock, database: Database, *, futures: bool = True) -> SimulatedExchange:
    kinds = frozenset(MarketKind) if futures else frozenset({MarketKind.SPOT})
    exchange = SimulatedExchange(
        clock=clock, balances=MONEY, margin=MONEY if futures else None, kinds=kinds, store=AccountStore(database)
    )
    await exchange.open(Inbox().emit)
    return exchange


async def test_an_account_from_before_there_were_perpetuals_gets_their_wallet(tmp_path: Path) -> None:
    clock, database = ManualClock(START), Database(tmp_path / "account.db")
    await (await opened(clock, database, futures=False)).close()
    exchange = await opened(clock, database)
    assert [(each.total, each.wallet) for each in await exchange.balances()] == [
        (Decimal(10_000), MarketKind.SPOT),
        (Decimal(10_000), MarketKind.PERPETUAL),
    ]
    await exchange.close()


async def test_a_position_outlives_the_process_and_pays_funding_meanwhile(tmp_path: Path) -> None:
    clock, database = ManualClock(START), Database(tmp_path / "account.db")
    exchange = await opened(clock, database)
    await exchange.prepare(SYMBOL, 5, MarginMode.ISOLATED)
    ask = (await exchange.ticker(SYMBOL)).ask
    answer = await exchange.submit(approved("bt-1-1-ib1", Side.BUY, ask, "0.1", OrderType.MARKET, SYMBOL))
    assert isinstance(answer, Accepted)
    await exchange.transfer("USDT", Decimal(100), MarketKind.SPOT, MarketKind.PERPETUAL, "plan-1")
    (before,) = await exchange.positions()
    await exchange.close()
    clock.advance(30 * HOUR)
    exchange = await opened(clock, database)
    (after,) = await exchange.positions()
    assert (after.quantity, after.entry_price, after.leverage, after.margin) == (
        before.quantity,
        before.entry_price,
        5,
        MarginMode.ISOLATED,
    )
    paid = await exchange.funding([SYMBOL], 0)
    assert len(paid) in (3, 4)
    assert all(each.at % (8 * HOUR) == 0 for each in paid)
    balances = await exchange.balances()
    fee = ask * Decimal("0.1") * Decimal("0.0005")
    assert balances[0].total == 9_900
    assert balances[1].total == 10_100 - fee + sum(each.amount for each in paid)
    assert (
        await exchange.transfer("USDT", Decimal(100), MarketKind.SPOT, MarketKind.PERPETUAL, "plan-1") == "sim-plan-1"
    )
    assert (await exchange.balances())[0].total == 9_900
    await exchange.close()
