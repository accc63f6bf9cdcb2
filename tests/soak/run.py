"""One soak from beginning to end: ``python -m tests.soak.run --minutes 30 --bots 20``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.console import Console

from tests.soak.books import differences, doubled, placed
from tests.soak.engine import Done, Sample
from tests.soak.exchange import KEY, SECRET, Exchange
from tests.soak.figures import Seen, table, verdict

ROOT = Path(__file__).parents[2]
PATIENCE = 400.0
Words = TypeVar("Words", Sample, Done)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how hard."""

    bots: int
    seconds: float
    every_seconds: float
    """Between two samples."""
    reconcile_seconds: float
    weather_seconds: float
    """Between two things that happen to everybody, on average."""
    seed: int = 1
    short_memory: bool = False
    """Whether the engine forgets past orders so soon that only a leak can grow."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    seen: Sequence[Seen]
    amiss: Sequence[str]
    """Whatever the books and the exchange do not agree about."""
    doubled: Sequence[str]
    mistakes: Sequence[str]
    orders: int
    trades: int
    settled_seconds: float
    faults: Counter[str]
    weather: Counter[str]
    log: str


class Soak:
    """One exchange and one engine."""

    def __init__(self, plan: Plan, home: Path) -> None:
        self._plan, self._home = plan, home
        self.exchange = Exchange(plan.seed)
        self._process: asyncio.subprocess.Process | None = None
        self._seen: list[Seen] = []

    async def run(self, show: Console | None = None) -> Result:
        """Start the bots, let the weather rage, then let all come to rest and compare."""
        async with self.exchange.server:
            await self._open()
            try:
                await self._ask("start", Done)
                self.exchange.blow(self._plan.weather_seconds)
                await self._watch(show)
                faults = Counter(str(kind) for kind, _ in self.exchange.server.faults.struck)
                await self.exchange.calm()
                settled = await self._ask("settle", Done)
                await self._end()
            finally:
                if self._process is not None and self._process.returncode is None:
                    self._process.kill()
                    await self._process.wait()
        amiss, trades = differences(self._home, self.exchange)
        return Result(
            seen=self._seen,
            amiss=amiss,
            doubled=doubled(self.exchange),
            mistakes=self.exchange.mistakes,
            orders=placed(self.exchange),
            trades=trades,
            settled_seconds=settled.seconds,
            faults=faults,
            weather=self.exchange.weather,
            log=(self._home / "stderr.txt").read_text(),
        )

    async def _open(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        settings = {
            "operation_mode": "testnet",
            "exchange": {"name": "binance", "urls": self.exchange.server.urls},
            # In the quote of a market, whatever that is; one of ours is quoted in bitcoin.
            "grid": {"spot": {"min_order_size_usd": 0}},
            "risk_management": {
                "max_bots": 1_000,
                "max_open_orders": 100_000,
                "max_orders_per_minute": 100_000,
                "max_order_notional": 10**9,
                "max_total_exposure": 10**9,
                "max_drawdown_perc": 100,
                "max_daily_loss_perc": 100,
                "spot_risk": {"max_asset_allocation_perc": 100, "min_stable_balance_perc": 0},
            },
            "scheduler": {"reconcile_seconds": self._plan.reconcile_seconds, "equity_snapshot_seconds": 10},
            "logging": {"log_to_console": False},
            "chat": {"console": {"enabled": False}},
        }
        # JSON is YAML.
        (self._home / "config.yaml").write_bytes(msgspec.json.encode(settings))
        own = {"PATH": os.environ["PATH"], "BINANCE_TESTNET_API_KEY": KEY, "BINANCE_TESTNET_API_SECRET": SECRET}
        memory = "short" if self._plan.short_memory else "whole"
        command = (sys.executable, "-m", "tests.soak.engine", str(self._home), str(self._plan.bots), memory)
        with (self._home / "stderr.txt").open("wb") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env=own,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )

    async def _ask(self, word: str, kind: type[Words]) -> Words:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{word}\n".encode())
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        if not line:
            raise RuntimeError(f"the engine ended:\n{(self._home / 'stderr.txt').read_text()[-4000:]}")
        return msgspec.json.decode(line, type=kind)

    async def _end(self) -> None:
        assert self._process is not None
        await self._process.communicate(b"end\n")
        if self._process.returncode:
            raise RuntimeError(f"the engine ended badly:\n{(self._home / 'stderr.txt').read_text()[-4000:]}")

    async def _watch(self, show: Console | None) -> None:
        loop, server = asyncio.get_running_loop(), self.exchange.server
        begun = loop.time()
        while True:
            inside = await self._ask("sample", Sample)
            disk = sum(file.stat().st_size for file in self._home.glob("batuta-testnet.sqlite*")) / 2**20
            seen = Seen(loop.time() - begun, inside, disk, len(server.calls), len(server.faults.struck))
            self._seen.append(seen)
            if show is not None:
                show.print(msgspec.json.encode(seen).decode())
            left = self._plan.seconds - seen.seconds
            if left <= 0:
                return
            await asyncio.sleep(min(left, self._plan.every_seconds))


def report(result: Result, console: Console) -> None:
    """Print all that was seen."""
    console.print(table(result.seen))
    console.print(
        f"{result.orders:,} orders, {result.trades:,} trades; faults {dict(result.faults)}; {dict(result.weather)}"
    )
    console.print(f"came to rest in {result.settled_seconds:.1f} s; {len(result.doubled)} orders doubled")
    for words in (*result.amiss, *result.mistakes[:20]):
        console.print(f"AMISS {words}", soft_wrap=True)
    console.print(verdict(result.seen) + ("" if result.amiss or result.mistakes else "; books equal to the last unit"))


def main(arguments: Sequence[str]) -> int:
    """Soak as long as was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--bots", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short-memory", action="store_true", help="forget past orders soon: what grows then leaks")
    parser.add_argument("--home", type=Path, help="keep what the engine writes there")
    given = parser.parse_args(arguments)
    plan = Plan(
        bots=given.bots,
        seconds=given.minutes * 60,
        every_seconds=30,
        reconcile_seconds=60,
        weather_seconds=60,
        seed=given.seed,
        short_memory=given.short_memory,
    )
    console = Console(width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        result = asyncio.run(Soak(plan, given.home or Path(folder)).run(console))
    report(result, console)
    return 1 if result.amiss or result.doubled or result.mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
