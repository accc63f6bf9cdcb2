"""`batuta run` in a process of its own: a home with one running bot, against loopback servers in a thread of ours."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from chatbot.app import App
from chatbot.folders import Folders
from chatbot.venues import open_venues
from commands.registry import Role
from config.load import load_settings
from config.secrets import Secrets
from data.events import StartBot
from data.grids import GridSpec
from data.people import PeopleStore, PersonRow
from engine.clock import SystemClock
from engine.views import BotStatus
from tests.benchmarks.figures import ROOT
from tests.servers.binance import BinanceServer
from tests.servers.telegram import TelegramServer

OWNER = 4711
SYMBOL = "BTC/USDT"
PATIENCE = 60.0
_STATUS = re.compile(r"^(Vm\w+|Threads):\s+(\d+)", re.MULTILINE)
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class Servers(msgspec.Struct, frozen=True):
    """Where the loopback servers are."""

    telegram: str
    token: str
    binance: dict[str, str]


@contextmanager
def servers() -> Iterator[Servers]:
    """Run a Bot API and the public side of an exchange beside us."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    found: list[Servers] = []
    done = asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            telegram = await stack.enter_async_context(TelegramServer())
            binance = await stack.enter_async_context(BinanceServer())
            telegram.person(OWNER)
            found.append(Servers(telegram=telegram.base_url, token=telegram.token, binance=binance.urls))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    if not ready.wait(PATIENCE):
        raise TimeoutError("the loopback servers did not start")
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(PATIENCE)
        loop.close()


def prepare(home: Path, exchange: str, given: Servers | None) -> None:
    """Write the settings, and let an engine start the one bot that the journal then holds."""
    home.mkdir(parents=True)
    settings: dict[str, object] = {"exchange": {"name": exchange}, "logging": {"log_to_console": True}}
    chat: dict[str, object] = {"console": {"enabled": False}, "discord": {"enabled": False}}
    if given is not None:
        settings["exchange"] = {"name": exchange, "urls": given.binance}
        chat["telegram"] = {"enabled": True, "base_url": given.telegram}
    settings["chat"] = chat
    # JSON is YAML.
    (home / "config.yaml").write_bytes(msgspec.json.encode(settings))
    # Another process: what it holds open, such as the lock on the home, must be gone before the measured one starts.
    command = [sys.executable, "-m", __name__, str(home)]
    subprocess.run(command, cwd=ROOT, env=_environment(), stdout=subprocess.DEVNULL, check=True, timeout=PATIENCE)


def _environment() -> dict[str, str]:
    # What whoever measures has set for an engine of their own does not belong to this one.
    return {name: value for name, value in os.environ.items() if not name.startswith(("BATUTA_", "TELEGRAM_"))}


async def _start_bot(home: Path) -> None:
    clock = SystemClock()
    settings, folders = load_settings(home / "config.yaml", home), Folders(home)
    with open_venues(settings, Secrets(), folders, clock) as venues:
        app = App(settings, folders, venues, clock, announce=lambda _: None)
        owner = PersonRow(id=f"telegram:{OWNER}", name="Ana", role=int(Role.OWNER), added_at=clock.now(), added_by="")
        PeopleStore(app.database).put(owner)
        await app.start([])
        await app.ready.wait()
        markets = {market.symbol: market for market in await app.desk.markets()}
        market = markets[SYMBOL]
        price = (await app.desk.ticker(SYMBOL)).last
        spec = GridSpec(
            symbol=SYMBOL,
            lower=price * Decimal("0.8"),
            upper=price * Decimal("1.2"),
            levels=20,
            investment=Decimal(5_000),
        )
        running = asyncio.Event()
        app.runner.observers.append(lambda _: running.set() if _runs(app) else None)
        outcome = await app.desk.ask(StartBot(at=clock.now(), by="benchmark", spec=spec, market=market))
        if outcome.problem:
            raise ValueError(outcome.problem)
        await running.wait()
        await app.stop()


def _runs(app: App) -> bool:
    return any(bot.status is BotStatus.RUNNING for bot in app.desk.bots())


class EngineProcess:
    """A fresh process; ``seconds`` pass from exec to the line that says it is ready, ``busy_seconds`` of them busy."""

    def __init__(self, home: Path, token: str | None) -> None:
        """Start it and wait for it. Raises ``RuntimeError`` with what it wrote when it ends or never gets there."""
        own = _environment()
        if token:
            own["TELEGRAM_BOT_TOKEN"] = token
        command = [sys.executable, "-m", "chatbot", "run", "--home", str(home)]
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=own, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._written: list[str] = []
        overdue = threading.Timer(PATIENCE, self._process.kill)
        overdue.start()
        ready = any(self._says_ready(line) for line in self._lines())
        self.seconds = time.perf_counter() - begun
        self.busy_seconds = self._busy() if ready else 0.0
        overdue.cancel()
        # A pipe nobody reads fills up, and then the engine would wait for us.
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        if not ready:
            self._end()
            raise RuntimeError(f"batuta run never got ready:\n{''.join(self._written)}")

    def _lines(self) -> Iterator[str]:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._written.append(line)
            yield line

    @staticmethod
    def _says_ready(line: str) -> bool:
        return re.search(r"\bready\b.*\bbots=1\b", line) is not None

    def _drain(self) -> None:
        for _ in self._lines():
            pass

    def _end(self) -> int:
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self._process.stderr is not None:
            self._process.stderr.close()
        return code

    def _busy(self) -> float:
        # The second field is the command in parentheses; user and system time are the 14th and 15th.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, int]:
        """Return resident and proportional memory in KiB, and the number of threads."""
        place = Path(f"/proc/{self._process.pid}")
        found = {name: int(value) for name, value in _STATUS.findall((place / "status").read_text())}
        pss = _PSS.search((place / "smaps_rollup").read_text())
        return {**found, "Pss": int(pss.group(1)) if pss else 0}

    def stop(self) -> None:
        """End it as an operator would. Raises ``RuntimeError`` when it does not end well."""
        self._process.send_signal(signal.SIGTERM)
        if self._end() != 0:
            raise RuntimeError(f"batuta run ended badly:\n{''.join(self._written)}")


if __name__ == "__main__":
    asyncio.run(_start_bot(Path(sys.argv[1])))
