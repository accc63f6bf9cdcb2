"""The database where room is short: on a small disk, on a full one, and under a limit that strikes in the middle."""

from __future__ import annotations

import asyncio
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest

from data.database import Database, StorageFull
from data.people import PeopleStore, PersonRow
from tests.scenarios.small_disk import SmallDisk, small_disk

ROOT = Path(__file__).parents[2]
ADA = PersonRow(id="telegram:1", name="Ada", role=3, added_at=1, added_by="")
FULL_LOG = 4 << 20
LIMIT = 2 << 20
OPEN = """
import sys
from pathlib import Path
from data.database import Database, StorageError
path = Path(sys.argv[1])
try:
    database = Database(path)
    database.check()
except StorageError as error:
    print(type(error).__name__, error)
else:
    print(path.with_name(path.name + "-wal").stat().st_size)
    database.close()
"""


async def opened(disk: SmallDisk, path: Path) -> str:
    """Open a database on ``disk`` in a process of its own and return what it says."""
    child = await asyncio.create_subprocess_exec(
        *disk.command(sys.executable, "-c", OPEN, str(path)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    assert child.returncode == 0
    return said.decode().strip()


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[SmallDisk]:
    """Return a disk with less room than the log needs to get its size beforehand."""
    (tmp_path / "disk").mkdir()
    async with small_disk(tmp_path / "disk", 24) as made:
        yield made


async def test_on_a_small_disk_the_log_grows_as_it_is_used(disk: SmallDisk, tmp_path: Path) -> None:
    assert int(await opened(disk, tmp_path / "disk" / "batuta.db")) < FULL_LOG // 4


async def test_a_disk_that_is_full_from_the_beginning_is_named(disk: SmallDisk, tmp_path: Path) -> None:
    disk.fill()
    said = await opened(disk, tmp_path / "disk" / "batuta.db")
    assert said.startswith("StorageFull")
    assert "the disk is full" in said


async def test_a_disk_that_is_full_by_now_refuses_the_opening_and_harms_nothing(
    disk: SmallDisk, tmp_path: Path
) -> None:
    path = tmp_path / "disk" / "batuta.db"
    await opened(disk, path)
    disk.fill()
    for _ in range(2):
        assert (await opened(disk, path)).startswith("StorageFull")
    disk.make_room()
    assert (await opened(disk, path)).isdigit()


def test_a_log_that_may_not_get_its_size_is_done_without(tmp_path: Path) -> None:
    path = tmp_path / "batuta.db"
    child = subprocess.run(
        [sys.executable, "-c", OPEN, str(path)], cwd=ROOT, preexec_fn=_limit, stdout=subprocess.PIPE, text=True
    )
    assert child.returncode == 0
    assert 0 < int(child.stdout) <= LIMIT
    assert_sound(path)


def test_a_process_killed_while_the_log_gets_its_size_leaves_a_sound_database(tmp_path: Path) -> None:
    path = tmp_path / "batuta.db"
    with closing(Database(path)) as database:
        PeopleStore(database).put(ADA)
    mortal = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n{OPEN}"
    child = subprocess.run([sys.executable, "-c", mortal, str(path)], cwd=ROOT, preexec_fn=_limit)
    assert child.returncode == -signal.SIGXFSZ
    assert path.with_name("batuta.db-wal").stat().st_size > LIMIT // 2
    with closing(Database(path)) as database:
        assert PeopleStore(database).all() == [ADA]
    assert_sound(path)


def test_what_a_full_disk_took_back_is_not_written_on_by_who_did_not_listen(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "batuta.db")) as database:
        (pages,) = database.rows("PRAGMA page_count")[0]
        database.rows(f"PRAGMA max_page_count = {pages + 1}")

        at = count()

        def block() -> None:
            with database.transaction():
                PeopleStore(database).put(ADA)
                for size in (5_000, 5_000, 5_000, 1):
                    with suppress(StorageFull):
                        database.run("INSERT INTO equity VALUES (1, ?, ?, '1')", (next(at), "1" * size))

        with pytest.raises(StorageFull, match="the disk is full"):
            block()
        assert PeopleStore(database).all() == []
        assert database.row("SELECT count(*) FROM equity") == (0,)
        PeopleStore(database).put(ADA)
        assert PeopleStore(database).all() == [ADA]


def assert_sound(path: Path) -> None:
    """Open the database as it lies there, and use it."""
    with closing(Database(path)) as database:
        database.check()
        PeopleStore(database).put(ADA)
        assert path.with_name(path.name + "-wal").stat().st_size > FULL_LOG
        assert database.row("SELECT count(*) FROM sqlite_master WHERE name = 'reserve'") == (0,)


def _limit() -> None:
    """Let no file of this process grow beyond the limit; what tries is told so, or killed by SIGXFSZ."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
