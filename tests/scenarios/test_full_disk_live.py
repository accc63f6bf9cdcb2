"""A disk that is really full, below an engine that really trades: it ends, says why, and loses and doubles nothing."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from config.service import Logging
from data.orders import installation_of
from tests.scenarios.engine_process import PATIENCE, EngineProcess
from tests.scenarios.small_disk import SmallDisk, small_disk
from tests.servers.telegram import Person, TelegramServer
from tests.soak.books import differences, doubled
from tests.soak.exchange import KEY, SECRET, Exchange

USER = 4711
MEGABYTES = 24
BOOKS = "batuta-testnet.sqlite"


class EngineOnDisk(EngineProcess):
    """An engine whose home is a small disk, trading a test account."""

    def __init__(self, home: Path, server: TelegramServer, exchange: Exchange, disk: SmallDisk) -> None:
        """Lay out the disk; nothing runs yet."""
        self._disk, self._leases = disk, home.with_name("leases")
        super().__init__(home, server)
        settings = {
            "exchange": {"urls": exchange.server.urls, "supported_markets": ["spot"]},
            "scheduler": {"heartbeat_seconds": 1},
            "chat": {
                "price_tolerance_perc": 5,
                "telegram": {"base_url": server.base_url, "base_file_url": server.base_file_url},
            },
        }
        (disk.seen / "config.yaml").write_bytes(msgspec.json.encode(settings))

    def command(self) -> Sequence[str]:
        """Return the words that start it where the disk is seen."""
        return self._disk.command(*super().command(), "--mode", "testnet")

    def secrets(self) -> Mapping[str, str]:
        """Return the keys of the account, too."""
        keys = {"BINANCE_TESTNET_API_KEY": KEY, "BINANCE_TESTNET_API_SECRET": SECRET}
        return {**super().secrets(), **keys, "BATUTA_LEASES": str(self._leases)}

    def copied(self, folder: Path) -> Path:
        """Return a home with a copy of the books of an engine that does not run; the disk may have no room to look."""
        folder.mkdir()
        for file in self._disk.seen.glob(f"{BOOKS}*"):
            if not file.name.endswith((".lock", "-shm")):
                shutil.copy(file, folder / file.name)
        return folder


class Place:
    """Everything there is: exchange, chat, disk, engine."""

    def __init__(self, exchange: Exchange, engine: EngineOnDisk, disk: SmallDisk, ana: Person) -> None:
        self.exchange, self.engine, self.disk, self.ana = exchange, engine, disk, ana
        self.account = exchange.server.spot.account()
        self.market = exchange.server.market("ETHUSDT")

    def resting(self) -> set[str]:
        """Return the client ids of our orders on the exchange."""
        return {each.client_id for each in self.account.open() if installation_of(each.client_id) is not None}

    def fall(self, percent: int) -> None:
        """Let price fall, through lines of the grid."""
        price = (self.market.bid * (100 - percent) / 100).quantize(self.market.spec.tick)
        self.market.move(price, price + self.market.spec.tick)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for happens beyond a socket
                await asyncio.sleep(0.02)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Return an engine at work: a grid rests on the exchange, its owner on the phone."""
    home, exchange = tmp_path / "home", Exchange(seed=3)
    home.mkdir()
    async with small_disk(home, MEGABYTES) as disk, exchange.server as binance, TelegramServer() as telegram:
        binance.lift_limits()
        engine = EngineOnDisk(home, telegram, exchange, disk)
        await engine.start()
        ana = telegram.person(USER, "Ana")
        code = await engine.said(r"/pair (\d{8})")
        await ana.say(f"/pair {code}")
        await ana.expect("Your role is owner", timeout=PATIENCE)
        place = Place(exchange, engine, disk, ana)
        await ana.say("/grid ETH/USDT 2300 2700 21 5000")
        await ana.expect("Can be confirmed until", timeout=PATIENCE)
        await ana.tap("Start")
        await ana.expect("started with", timeout=PATIENCE)
        await place.until(lambda: len(place.resting()) >= 19)
        yield place
        await engine.close()


def kept(home: Path) -> set[str]:
    """Return the client ids that the journal in ``home`` lets leave."""
    with closing(sqlite3.connect(home / BOOKS)) as database:
        rows = database.execute("SELECT entry FROM journal").fetchall()
    return {each for (entry,) in rows for each in msgspec.json.decode(entry)["approved"]}


async def test_a_full_disk_ends_the_engine_and_leaves_the_exchange_as_the_journal_has_it(
    place: Place, tmp_path: Path
) -> None:
    ana, engine = place.ana, place.engine
    place.disk.fill()
    place.fall(3)
    assert await engine.end() == 1
    told = await ana.expect("the engine has ended", timeout=PATIENCE)
    assert "the disk is full" in told.text
    assert "the disk is full" in engine.stderr
    assert "Traceback" not in engine.stderr
    resting = place.resting()
    assert resting, "orders stay on the exchange"
    assert set(place.account.sent) <= kept(engine.copied(tmp_path / "first")), "an order left without an entry"

    place.fall(2)
    await engine.start()
    assert await engine.end() == 2, engine.stderr
    assert "Batuta did not start." in engine.stderr
    assert "the disk is full" in engine.stderr
    assert "Traceback" not in engine.stderr

    place.disk.make_room()
    await engine.start()
    report = await ana.expect("Batuta is back", timeout=PATIENCE)
    assert "books and exchange agree" in report.text
    await place.until(lambda: len(place.resting()) >= 19)
    assert await engine.end(signal.SIGTERM) == 0
    found, trades = differences(engine.copied(tmp_path / "second"), place.exchange)
    assert found == []
    assert trades > 0
    assert doubled(place.exchange) == []


async def test_a_log_that_cannot_be_written_is_no_reason_to_shout_at_people(tmp_path: Path) -> None:
    async with TelegramServer() as telegram:
        engine = EngineProcess(tmp_path, telegram)
        log = tmp_path / Logging().log_file
        log.parent.mkdir(parents=True, exist_ok=True)
        log.symlink_to("/dev/full")
        await engine.start()
        await engine.said("ready")
        assert await engine.end(signal.SIGTERM) == 0
        assert "Traceback" not in engine.stderr, engine.stderr
