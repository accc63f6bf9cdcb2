"""A thousand bots on a hundred markets that are quoted ten thousand times a second, all in one process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time

import msgspec

from data.database import Database
from data.events import Event, StartBot, TickerMoved
from data.grids import GridSpec
from data.journal import Journal
from data.market import MarketKind, Ticker
from data.orders import OrderStatus
from data.values import Mode
from engine.accounts.connection import reach_first
from engine.clock import SystemClock
from engine.core import Engine
from engine.exchanges.base import Emit, Told
from engine.exchanges.invented_market import Listing
from engine.exchanges.simulated import SimulatedExchange
from engine.outcome import Outcome
from engine.risk import RiskLimits
from engine.runner import Runner
from tests.benchmarks.figures import ROOT, Figure, Size, Target, folder_on_disk, quantile

SIZES = (1, 10, 100, 1_000)
PER_MARKET, LEVELS = 10, 11
RATE, SECONDS = 10_000, 20.0
WALK = 0.00003
"""Standard deviation of one move of a price: some fills a second on each market."""
LATENCY, MEMORY = Target(5_000), Target(400)
SPREAD = Decimal("0.0001")
TICK = Decimal("0.001")


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One process with so many bots."""

    bots: int
    updates: int
    """Prices told per second."""
    fills: int
    p50: float
    """Microseconds from a price to what was decided about it."""
    p99: float
    worst: float
    resident: float
    """MiB at most."""
    busy: float
    """Processor seconds per second, invention of the market included."""


class Timed(Engine):
    """Notes how long each event waited until it was decided about."""

    def __init__(self, limits: RiskLimits) -> None:
        super().__init__(limits)
        self.posted: dict[str, int] = {}
        self.taken: list[int] = []

    def step(self, event: Event) -> Outcome:
        """Step, and read the watch."""
        outcome = super().step(event)
        if type(event) is TickerMoved:
            begun = self.posted.pop(event.ticker.symbol, 0)
            if begun:
                self.taken.append(perf_counter_ns() - begun)
        return outcome


class Crowded(SimulatedExchange):
    """An invented market whose prices move when told, not by the clock."""

    def __init__(self, markets: int) -> None:
        listings = [
            Listing(base=f"C{number:02}", price=100.0, volume=1e6, price_digits=3, quantity_digits=3)
            for number in range(markets)
        ]
        money = {"USDT": Decimal(10**9)}
        super().__init__(clock=SystemClock(), balances=money, listings=listings, kinds=frozenset({MarketKind.SPOT}))
        self.prices = dict.fromkeys((each.symbol for each in listings), Decimal(100))

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price last told."""
        return self._quote(symbol)

    async def _live(self) -> None:
        """Stand still."""

    def _run(self) -> None:
        """Stand still."""

    def _quote(self, symbol: str) -> Ticker:
        price = self.prices[symbol]
        half = (price * SPREAD / 2).quantize(TICK)
        return Ticker(symbol, price - half, price + half, price, self._clock.now())

    def move(self, symbol: str, price: Decimal, emit: Emit) -> None:
        """Let a price be told, and orders it crosses be filled."""
        self.prices[symbol] = price
        ticker = self._quote(symbol)
        self.matching.move(ticker)
        self._settle_or_fail()
        emit(TickerMoved(ticker=ticker, at=ticker.at))


async def crowd(bots: int, folder: Path, seconds: float) -> Measured:
    """Start so many bots, tell prices for so long, and return what was measured."""
    engine, exchange = Timed(RiskLimits(armed=(Mode.SHADOW,), max_open_orders=None)), Crowded(-(-bots // PER_MARKET))
    database = Database(folder / "journal.sqlite")
    runner = Runner(engine, Journal(database), [exchange], SystemClock())
    await runner.start("measured")
    await reach_first(runner)
    await _start(runner, exchange, bots)
    gc.freeze()
    fills = sum(bot.books.fills for bot in engine.state.bots.values())
    begun, busy = perf_counter(), process_time()
    told = await _tell(runner, engine, exchange, seconds)
    spent, busy = perf_counter() - begun, process_time() - busy
    await runner.settled()
    done = sum(bot.books.fills for bot in engine.state.bots.values()) - fills
    await runner.stop()
    database.close()
    micros = [each / 1_000 for each in engine.taken]
    return Measured(
        bots=bots,
        updates=round(told / spent),
        fills=done,
        p50=quantile(micros, 0.5),
        p99=quantile(micros, 0.99),
        worst=max(micros),
        resident=_resident(),
        busy=busy / spent,
    )


def _resident() -> float:
    """Return the most memory this process ever had, in MiB; what ``getrusage`` says was handed down by the parent."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


async def _start(runner: Runner, exchange: Crowded, bots: int) -> None:
    symbols = list(exchange.prices)
    for symbol in symbols:
        await runner.watch(symbol)
    for number in range(bots):
        symbol = symbols[number // PER_MARKET]
        # No two grids of a market have their lines at the same prices.
        offset = Decimal(number % PER_MARKET) / 50
        spec = GridSpec(
            symbol=symbol,
            lower=Decimal(98) + offset,
            upper=Decimal(102) + offset,
            levels=LEVELS,
            investment=Decimal(1_000),
        )
        outcome = await runner.ask(
            StartBot(at=runner.clock.now(), by="measured", spec=spec, market=await exchange.market(symbol))
        )
        if outcome.problem:
            raise ValueError(outcome.problem)
    orders = runner.engine.state.orders
    while any(order.status is not OrderStatus.OPEN for order in orders.values()):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.05)


async def _tell(runner: Runner, engine: Timed, exchange: Crowded, seconds: float) -> int:
    """Let prices walk at the rate wanted, and return how many moves were told."""
    chance, symbols = random.Random(1), list(exchange.prices)

    def emit(event: Told) -> None:
        if type(event) is TickerMoved:
            engine.posted.setdefault(event.ticker.symbol, perf_counter_ns())
        runner.post(event)

    begun, told = perf_counter(), 0
    while (now := perf_counter() - begun) < seconds:
        due = min(int(now * RATE) - told, 20)
        for _ in range(due):
            symbol = symbols[told % len(symbols)]
            price = exchange.prices[symbol] * Decimal(1 + chance.gauss(0, WALK))
            exchange.move(symbol, price.quantize(TICK), emit)
            told += 1
        # Nothing due: the processor may rest, as that of an engine does between two messages.
        await asyncio.sleep(0 if due else 0.0005)
    return told


def measure(size: Size) -> Iterator[Figure]:
    """Let ever more bots live, each crowd in a process of its own."""
    sizes, seconds = (SIZES, SECONDS) if size is Size.FULL else ((1, 10), 0.3)
    for each in _all(sizes, seconds):
        last = each.bots == sizes[-1] and size is Size.FULL
        name = f"{each.bots:,} bots, {each.updates:,} prices a second"
        yield Figure(name=f"{name}, price to decision p50", unit="µs", values=(each.p50,))
        yield Figure(
            name=f"{name}, price to decision p99", unit="µs", values=(each.p99,), target=LATENCY if last else None
        )
        yield Figure(name=f"{name}, fills", unit="1/s", values=(each.fills / seconds,))
        yield Figure(name=f"{name}, processor", unit="cores", values=(each.busy,))
        yield Figure(name=f"{name}, resident", unit="MiB", values=(each.resident,), target=MEMORY if last else None)


def _all(sizes: Sequence[int], seconds: float) -> Iterator[Measured]:
    for bots in sizes:
        command = [sys.executable, "-m", "tests.benchmarks.crowd", "--bots", str(bots), "--seconds", str(seconds)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=600)
        yield msgspec.json.decode(done.stdout, type=Measured)


def draw(found: Sequence[Measured], file: Path) -> None:
    """Draw latency, processor and memory against the number of bots."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(10, 3.2), layout="constrained")
    bots = [each.bots for each in found]
    for axes, title, lines in zip(
        drawing.subplots(1, 3),
        ("price to decision, ms", "processor, cores", "resident, MiB"),
        (
            {"p50": [each.p50 / 1_000 for each in found], "p99": [each.p99 / 1_000 for each in found]},
            {"": [each.busy for each in found]},
            {"": [each.resident for each in found]},
        ),
        strict=True,
    ):
        for label, values in lines.items():
            axes.plot(bots, values, marker="o", label=label)
        axes.set(title=title, xlabel="bots", xscale="log", ylim=(0, None))
        if len(lines) > 1:
            axes.legend()
        axes.grid(alpha=0.3)
    drawing.savefig(file, dpi=110)


def main(arguments: Sequence[str]) -> None:
    """Measure one crowd and print it, or draw all of them into a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.crowd")
    parser.add_argument("--bots", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--draw", type=Path)
    given = parser.parse_args(arguments)
    if given.draw:
        draw(list(_all(SIZES, given.seconds)), given.draw)
        return
    with folder_on_disk() as folder:
        found = asyncio.run(crowd(given.bots, folder, given.seconds))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main(sys.argv[1:])
