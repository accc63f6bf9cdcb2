"""From socket to socket: a ticker comes in, an order goes out; ours beside plain ccxt, against one exchange."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import ccxt.pro

from data.database import Database
from data.events import StartBot
from data.grids import GridSpec
from data.journal import Journal
from data.market import MarketKind
from data.orders import Draft, OrderKey, OrderStatus, OrderType, Purpose, client_id
from data.values import Mode, Side
from engine.accounts.connection import reach_first
from engine.clock import SystemClock
from engine.core import Engine
from engine.exchanges.base import Accepted
from engine.exchanges.ccxt_live import CcxtExchange
from engine.outcome import Outcome
from engine.risk import Approved, RiskLimits
from engine.runner import Runner
from tests.benchmarks.exchange_process import (
    KEYS,
    REST_SECONDS,
    Clear,
    ExchangeProcess,
    Refuse,
    Ticks,
    exchange_process,
)
from tests.benchmarks.figures import Figure, Size, Target, folder_on_disk, latencies, quantile

SYMBOL = "BTC/USDT"
FAR = Decimal(40_000)
PATIENCE = 20.0
QUANTITY = Decimal("0.001")
MORE = Target(500)
"""Microseconds that we may add to an order."""
Runs = dict[str, list[list[int]]]
ENGINE, UNSYNCED, PLAIN, SOCKET, LIMITED = (
    "whole engine, journal on the disk",
    "whole engine, journal in memory",
    "plain ccxt, its limiter off",
    "plain ccxt, its limiter off, create_order_ws",
    "plain ccxt, its limiter on",
)
SUBMIT, CREATE = "submit of the adapter, answered", "create_order of plain ccxt, answered"


def measure(size: Size) -> Iterator[Figure]:
    """Let the same exchange see the engine, and then ccxt alone, again and again."""
    runs, count = (3, 120) if size is Size.FULL else (1, 3)
    timed = (ENGINE, UNSYNCED, PLAIN, SOCKET, LIMITED)
    found: Runs = {name: [] for name in (*timed, SUBMIT, CREATE)}
    with exchange_process() as exchange:
        for _ in range(runs):
            asyncio.run(_run(exchange, count, found))
    for name in timed:
        yield from latencies(f"ticker to order, {name}", found[name])
    for name in (SUBMIT, CREATE):
        yield from latencies(name, found[name])
    for name, ours, theirs, target in (
        ("ticker to order, what the engine adds, p50", ENGINE, PLAIN, MORE),
        ("ticker to order, what it adds without waiting for the disk, p50", UNSYNCED, PLAIN, MORE),
        ("ticker to order, what the engine adds to create_order_ws, p50", ENGINE, SOCKET, None),
        ("an order, what the adapter adds, p50", SUBMIT, CREATE, MORE),
    ):
        pairs = zip(found[ours], found[theirs], strict=True)
        added = tuple((quantile(one, 0.5) - quantile(other, 0.5)) / 1000 for one, other in pairs)
        yield Figure(name=name, unit="µs", values=added, target=target)


async def _run(exchange: ExchangeProcess, count: int, found: Runs) -> None:
    with folder_on_disk() as on_disk, tempfile.TemporaryDirectory(dir="/dev/shm") as in_memory:
        for name, folder in ((ENGINE, on_disk), (UNSYNCED, Path(in_memory))):
            await _follow(exchange, folder, name, count, found)
    for name in (PLAIN, SOCKET):
        await _follow_plain(exchange, name, count, found)
    await _follow_plain(exchange, LIMITED, count // 10 + 1, found)
    await exchange.ask(Clear())
    ours, theirs = await _answered(exchange, count)
    found[SUBMIT].append(ours)
    found[CREATE].append(theirs)


async def _follow(exchange: ExchangeProcess, folder: Path, name: str, count: int, found: Runs) -> None:
    await exchange.ask(Clear())
    # To the exchange each run is another installation, for it knows the orders of those before.
    async with _engine(exchange, folder, f"run{len(found[ENGINE])}{len(found[UNSYNCED])}"):
        await exchange.ask(Refuse())
        gc.freeze()
        found[name].append(await exchange.ask(Ticks(count)))
        gc.unfreeze()


async def _follow_plain(exchange: ExchangeProcess, name: str, count: int, found: Runs) -> None:
    create = _create_over_socket if name == SOCKET else _create
    async with _plain(exchange, limited=name == LIMITED) as client, _following(client, create):
        found[name].append(await exchange.ask(Ticks(count)))


def _venue(exchange: ExchangeProcess) -> CcxtExchange:
    key, secret = KEYS["engine"]
    kinds = frozenset({MarketKind.SPOT})
    return CcxtExchange(clock=SystemClock(), mode=Mode.TESTNET, key=key, secret=secret, kinds=kinds, urls=exchange.urls)


@asynccontextmanager
async def _engine(exchange: ExchangeProcess, folder: Path, tag: str) -> AsyncIterator[None]:
    """Let an engine run with one bot, all its orders resting."""
    database, engine = Database(folder / "journal.sqlite"), Engine(RiskLimits(armed=(Mode.TESTNET,)))
    runner = Runner(engine, Journal(database), [_venue(exchange)], SystemClock(), tag=tag)
    await runner.start("measured")
    await reach_first(runner)
    market = await runner.exchange.market(SYMBOL)
    await runner.watch(SYMBOL)
    spec = GridSpec(
        symbol=SYMBOL,
        mode=Mode.TESTNET,
        lower=FAR,
        upper=Decimal(60_000),
        levels=10,
        investment=Decimal(20_000),
    )
    resting = asyncio.Event()

    def look(_: Outcome) -> None:
        if _rests(runner, spec):
            resting.set()

    runner.observers.append(look)
    await runner.ask(StartBot(at=runner.clock.now(), by="measured", spec=spec, market=market))
    await asyncio.wait_for(resting.wait(), PATIENCE)
    runner.observers.remove(look)
    yield
    await runner.stop()
    database.close()


def _rests(runner: Runner, spec: GridSpec) -> bool:
    orders = runner.engine.state.orders.values()
    return len(orders) == spec.levels - 1 and all(order.status is OrderStatus.OPEN for order in orders)


@asynccontextmanager
async def _plain(exchange: ExchangeProcess, *, limited: bool) -> AsyncIterator[Any]:
    """Lend ccxt as it comes, its markets loaded."""
    key, secret = KEYS["plain"]
    urls: dict[str, Any] = {}
    for name, address in exchange.urls.items():
        *parents, last = name.split(".")
        inner = urls
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = address
    quiet = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    client = ccxt.pro.binance(
        {"apiKey": key, "secret": secret, "urls": {"api": urls}, "enableRateLimit": limited, "options": quiet}
    )
    client.timeout_on_exit = 0
    await client.load_markets()
    yield client
    await client.close()


@asynccontextmanager
async def _following(client: Any, create: Callable[[Any], Awaitable[None]]) -> AsyncIterator[None]:
    """Place an order at every ticker, as a few lines of ccxt do."""

    async def follow() -> None:
        while True:
            await client.watch_bids_asks([SYMBOL])
            with suppress(ccxt.ExchangeError):
                await create(client)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.3)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError, ccxt.NetworkError):
        await task


async def _create(client: Any) -> None:
    await client.create_order(SYMBOL, "limit", "buy", float(QUANTITY), float(FAR), {"postOnly": True})


async def _create_over_socket(client: Any) -> None:
    # ccxt would send its own word for post-only along, which the exchange does not take there.
    await client.create_order_ws(SYMBOL, "LIMIT_MAKER", "buy", float(QUANTITY), float(FAR))


async def _answered(exchange: ExchangeProcess, count: int) -> tuple[list[int], list[int]]:
    """Return nanoseconds until an order is answered, by our adapter and by plain ccxt in turn."""
    venue, ours, theirs = _venue(exchange), [], []
    await venue.open(lambda _: None)
    async with _plain(exchange, limited=False) as client:
        for number in range(count + 1):
            if number % 100 == 0:
                await exchange.ask(Clear())
            begun = perf_counter_ns()
            answer = await venue.submit(_draft(number))
            between = perf_counter_ns()
            assert isinstance(answer, Accepted), answer
            await asyncio.sleep(REST_SECONDS / 2)
            again = perf_counter_ns()
            await _create(client)
            theirs.append(perf_counter_ns() - again)
            ours.append(between - begun)
            await asyncio.sleep(REST_SECONDS / 2)
    await venue.close()
    # The first order of each has connections to make.
    return ours[1:], theirs[1:]


def _draft(number: int) -> Approved:
    # Ids of earlier runs are taken: an order that is over keeps its own.
    key = OrderKey(perf_counter_ns() % 10**9, 1, 0, Side.BUY, number + 1)
    return Approved(
        Draft(
            client_id=client_id(key),
            bot=1,
            slot=0,
            symbol=SYMBOL,
            mode=Mode.TESTNET,
            side=Side.BUY,
            type=OrderType.LIMIT_MAKER,
            purpose=Purpose.GRID,
            price=FAR,
            quantity=QUANTITY,
        )
    )
