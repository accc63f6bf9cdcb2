"""Told to end at a bad moment: quickly, with the right code, without a traceback, and leaving no process behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from tests.scenarios.engine_process import PATIENCE, EngineProcess
from tests.servers.binance import BinanceServer
from tests.servers.telegram import Person, TelegramServer

USER = 4711
GRACE_SECONDS = 2
ENDS_WITHIN = 10.0
"""The grace for jobs, and as much again for everything else on a slow machine; far from any time-out of a request."""
LONG = 120.0


class PatientEngine(EngineProcess):
    """An engine on a test account whose requests may take longer than anybody waits for its end."""

    def __init__(self, home: Path, server: TelegramServer, exchange: BinanceServer | None) -> None:
        """Lay out ``home``; without ``exchange`` the market is an invented one."""
        super().__init__(home, server)
        self._testnet = exchange is not None
        settings = {
            "exchange": {"name": "simulated"},
            "scheduler": {"shutdown_grace_seconds": GRACE_SECONDS},
            "chat": {"telegram": {"base_url": server.base_url, "base_file_url": server.base_file_url}},
        }
        if exchange is not None:
            settings["exchange"] = {
                "urls": exchange.urls, "supported_markets": ["spot"], "request_timeout_seconds": LONG
            }  # fmt: skip
        (home / "config.yaml").write_bytes(msgspec.json.encode(settings))

    def command(self) -> Sequence[str]:
        """Return the words that start it."""
        return (*super().command(), *(("--mode", "testnet") if self._testnet else ()))

    def secrets(self) -> Mapping[str, str]:
        """Return the keys, too."""
        keys = {"BINANCE_TESTNET_API_KEY": "k", "BINANCE_TESTNET_API_SECRET": "s"} if self._testnet else {}
        return {**super().secrets(), **keys, "BATUTA_LEASES": str(self.home / "leases")}

    async def ends(self, name: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end, and see that it does as it should."""
        processes = descendants(self.pid)
        async with asyncio.timeout(ENDS_WITHIN):
            assert await self.end(name) == 0, self.stderr
        assert "Traceback" not in self.stderr, self.stderr
        await until(lambda: not any(map(alive, processes)), "a process was left behind")


def descendants(pid: int) -> set[int]:
    """Return the processes that a process started, and those that they did."""
    found = set[int]()
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError):
            found |= {int(each) for each in thread.read_text().split()}
    return found.union(*map(descendants, found))


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and that nobody asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def worked(pid: int) -> float:
    """Return the seconds that a process has worked, 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def hears(pid: int, name: signal.Signals) -> bool:
    """Return whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (caught,) = [line.split()[1] for line in status if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (name - 1) & 1)


async def until(condition: Callable[[], bool], words: str) -> None:
    """Wait until ``condition`` holds."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(words) from None


async def paired(telegram: TelegramServer, engine: EngineProcess) -> Person:
    """Return the owner."""
    ana = telegram.person(USER, "Ana")
    code = await engine.said(r"/pair (\d{8})")
    await ana.say(f"/pair {code}")
    await ana.expect("Your role is owner", timeout=PATIENCE)
    return ana


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    """Return a Bot API."""
    async with TelegramServer() as running:
        yield running


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceServer]:
    """Return an exchange with some money."""
    async with BinanceServer(seed=3) as made:
        made.add_key("k", "s")
        made.spot.deposit("USDT", "10000")
        made.lift_limits()
        yield made


@pytest.fixture
async def simulated(telegram: TelegramServer, tmp_path: Path) -> AsyncIterator[PatientEngine]:
    """Return an engine on an invented market."""
    engine = PatientEngine(tmp_path, telegram, None)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def testnet(telegram: TelegramServer, exchange: BinanceServer, tmp_path: Path) -> AsyncIterator[PatientEngine]:
    """Return an engine on a test account, not started yet."""
    engine = PatientEngine(tmp_path, telegram, exchange)
    yield engine
    await engine.close()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_while_the_exchange_lets_the_start_wait(
    testnet: PatientEngine, exchange: BinanceServer, name: signal.Signals
) -> None:
    exchange.faults.add("delay", "*", count=None, seconds=LONG)
    await testnet.start()
    await until(lambda: bool(exchange.calls), "the exchange was not asked")
    await testnet.ends(name)


async def test_while_the_libraries_are_loaded(simulated: PatientEngine) -> None:
    await until(lambda: hears(simulated.pid, signal.SIGTERM), "it never hears")
    await simulated.ends()


@pytest.mark.parametrize(
    "line", ["/jobs run reconcile", "/grid SOL/USDT 90 110 10 1000"], ids=["comparing", "planning"]
)
async def test_while_the_exchange_is_waited_for(
    testnet: PatientEngine, telegram: TelegramServer, exchange: BinanceServer, line: str
) -> None:
    await testnet.start()
    ana = await paired(telegram, testnet)
    await testnet.said("ready")
    exchange.faults.add("delay", "*", count=None, seconds=LONG)
    asked = len(exchange.calls)
    await ana.say(line)
    await until(lambda: len(exchange.calls) > asked, "the exchange was not asked")
    await testnet.ends()


@pytest.mark.parametrize("work", [0.0, 0.4], ids=["starts", "works"])
@pytest.mark.parametrize("line", ["/pnl 1", "/validate SOL/USDT"], ids=["drawing", "statistics"])
async def test_while_a_worker_process(
    simulated: PatientEngine, telegram: TelegramServer, line: str, work: float
) -> None:
    ana = await paired(telegram, simulated)
    if line.startswith("/pnl"):
        await ana.say("/grid BTC/USDT 62000 68000 20 1000")
        await ana.expect("Can be confirmed until", timeout=PATIENCE)
        await ana.tap("Start")
        await ana.expect("Initial buy of", timeout=PATIENCE)
    answers = len(ana.messages)
    await ana.say(line)

    def at_work() -> bool:
        workers = descendants(simulated.pid)
        return bool(workers) and (max(map(worked, workers)) >= work or len(ana.messages) > answers)

    await until(at_work, "no process was started")
    await simulated.ends()
