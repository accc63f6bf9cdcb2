"""The database: durable, single-writer, migrated, backed up, and clear about what went wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from data.database import (
    Database,
    StorageCorrupt,
    StorageError,
    StorageFull,
    StorageLocked,
    StorageNewer,
    StorageReadOnly,
)
from data.people import PeopleStore, PersonRow

MIGRATIONS = sorted((Path(__file__).parents[2] / "data" / "migrations").glob("*.sql"))
ADA = PersonRow(id="telegram:1", name="Ada", role=3, added_at=1, added_by="")
HOLD = """
import sys
from pathlib import Path
from data.database import Database
database = Database(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "batuta.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


def test_every_commit_reaches_the_disk(database: Database) -> None:
    assert database.row("PRAGMA journal_mode") == ("wal",)
    assert database.row("PRAGMA synchronous") == (2,)
    assert database.row("PRAGMA foreign_keys") == (1,)
    timeout = database.row("PRAGMA busy_timeout")
    assert timeout is not None
    assert timeout[0] > 0


def test_a_new_file_has_the_newest_schema(database: Database) -> None:
    assert database.row("PRAGMA user_version") == (len(MIGRATIONS),)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(script.name[:3]) for script in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_an_old_file_is_migrated_and_keeps_its_rows(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as old:
        old.executescript(MIGRATIONS[0].read_text() + "PRAGMA user_version = 1;")
        old.execute("INSERT INTO journal VALUES (1, 5, 'X', 0, 0, x'00', zeroblob(32))")
        old.commit()
    with closing(Database(path)) as database:
        assert database.row("SELECT at FROM journal") == (5,)
        PeopleStore(database).put(ADA)
        assert PeopleStore(database).get(ADA.id) == ADA


def test_a_newer_file_is_left_alone(path: Path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 999")
    with pytest.raises(StorageNewer, match="999"):
        Database(path)


def test_a_failed_block_leaves_nothing_behind(database: Database) -> None:
    people = PeopleStore(database)

    def block() -> None:
        with database.transaction():
            people.put(ADA)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        block()
    assert people.all() == []
    assert not database.in_transaction


def test_a_transaction_within_a_transaction_joins_it(database: Database) -> None:
    people = PeopleStore(database)

    def block() -> None:
        with database.transaction():
            with database.transaction():
                people.put(ADA)
            assert database.in_transaction
            raise RuntimeError

    with pytest.raises(RuntimeError):
        block()
    assert people.all() == []


def test_a_second_opening_names_the_holder(database: Database, path: Path) -> None:
    with pytest.raises(StorageLocked, match=str(os.getpid())) as caught:
        Database(path)
    assert caught.value.pid == os.getpid()


def test_another_process_keeps_us_out_until_it_ends(path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(StorageLocked) as caught:
            Database(path)
        assert caught.value.pid == child.pid
        child.kill()
    Database(path).close()


def test_closing_lets_others_in(path: Path) -> None:
    first = Database(path)
    first.close()
    first.close()
    Database(path).close()


def test_a_failed_opening_gives_the_lock_back(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    for _ in range(2):
        with pytest.raises(StorageCorrupt, match="is not a database"):
            Database(path)


def test_a_damaged_page_is_found(path: Path) -> None:
    with closing(Database(path)) as database:
        with database.transaction():
            database.run_many("INSERT INTO equity VALUES (1, ?, ?, '1')", [(at, "1234.5" * 20) for at in range(2000)])
        database.check()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))
    with closing(Database(path)) as database, pytest.raises(StorageCorrupt):
        database.check()


def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageReadOnly, match="file"):
        Database(tmp_path / "file" / "batuta.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageReadOnly, match="folder"):
        Database(tmp_path / "folder")


def test_a_full_disk_is_named_and_nothing_is_half_written(database: Database) -> None:
    database.rows("PRAGMA max_page_count = 40")
    rows = [(at, "1" * 3000) for at in range(100)]
    with pytest.raises(StorageFull), database.transaction():
        database.run_many("INSERT INTO equity VALUES (1, ?, ?, '1')", rows)
    assert database.row("SELECT count(*) FROM equity") == (0,)


def test_a_writer_outside_our_lock_is_named(database: Database, path: Path) -> None:
    database.rows("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageLocked):
            PeopleStore(database).put(ADA)


def test_a_refused_statement_is_a_storage_error(database: Database) -> None:
    with pytest.raises(StorageError, match="no such table"):
        database.rows("SELECT * FROM absent")


def test_a_backup_is_a_whole_database_of_its_own(database: Database, tmp_path: Path) -> None:
    PeopleStore(database).put(ADA)
    target = tmp_path / "copies" / "copy.db"
    database.backup(target)
    PeopleStore(database).remove(ADA.id)
    assert [file.name for file in target.parent.iterdir()] == ["copy.db"]
    with closing(Database(target)) as copy:
        copy.check()
        assert PeopleStore(copy).all() == [ADA]


def test_a_database_in_memory_can_be_backed_up(tmp_path: Path) -> None:
    with closing(Database.in_memory()) as database:
        PeopleStore(database).put(ADA)
        database.backup(tmp_path / "copy.db")
    with closing(Database(tmp_path / "copy.db")) as copy:
        assert PeopleStore(copy).all() == [ADA]


def test_a_backup_that_cannot_be_written_says_where(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageReadOnly, match="copy.db"):
        database.backup(tmp_path / "file" / "copy.db")


def test_rotation_keeps_the_newest(database: Database, tmp_path: Path) -> None:
    day = 86_400_000
    made = [database.rotate(tmp_path / "backups", 3, day * number) for number in range(5)]
    assert sorted((tmp_path / "backups").iterdir()) == made[2:]
    assert made[1].name == "batuta-19700102T000000Z.db"
    with pytest.raises(ValueError, match="keep: 0"):
        database.rotate(tmp_path / "backups", 0, 0)


def test_a_checkpoint_leaves_nothing_in_the_write_ahead_log_alone(
    database: Database, path: Path, tmp_path: Path
) -> None:
    PeopleStore(database).put(ADA)
    database.checkpoint()
    alone = tmp_path / "alone.db"
    shutil.copy(path, alone)
    with closing(Database(alone)) as copy:
        assert PeopleStore(copy).all() == [ADA]


def test_the_write_ahead_log_has_its_size_before_it_is_needed(database: Database, path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    before = log.stat().st_size
    assert before > 4 << 20
    assert path.stat().st_size < 1 << 20
    for number in range(50):
        PeopleStore(database).put(msgspec.structs.replace(ADA, name=f"Ada {number}"))
    database.checkpoint()
    PeopleStore(database).put(ADA)
    assert log.stat().st_size == before


def test_a_backup_runs_in_a_worker_thread_beside_the_writer(database: Database, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        copying = pool.submit(database.backup, tmp_path / "copy.db")
        PeopleStore(database).put(ADA)
        copying.result()
    with closing(Database(tmp_path / "copy.db")) as copy:
        copy.check()
        assert PeopleStore(copy).all() in ([], [ADA])
