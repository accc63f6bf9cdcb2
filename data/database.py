"""One SQLite file with one writer: durable transactions, schema migrations, backups, and errors with a name.

StorageError
├── StorageLocked     another process has the file
├── StorageReadOnly   the file or its folder cannot be written
├── StorageFull       the disk is full
├── StorageCorrupt    the file is damaged or is not a database
└── StorageNewer      a newer version of Batuta wrote the file
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.values import Millis

Row = tuple[Any, ...]
"""One row as SQLite hands it out; the store that asked knows the columns."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_MS = 5_000
_LOG_BYTES, _CACHE_BYTES = 4 << 20, 2 << 20  # of SQLite's defaults: a checkpoint after 1,000 pages, 2,000 KiB of cache
_ROOM = 64 << 20
"""Bytes that must be free on the disk for the log to get its size beforehand."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PRIMARY_CODE = 0xFF  # SQLite keeps the primary result code in the low byte of an extended one


class StorageError(Exception):
    """The database could not do what was asked of it."""


class StorageLocked(StorageError):
    """Another process has the database; ``pid`` is its process id, or 0 when it is not known."""

    def __init__(self, message: str, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid


class StorageReadOnly(StorageError):
    """The database file or its folder cannot be written."""


class StorageFull(StorageError):
    """The disk is full."""


class StorageCorrupt(StorageError):
    """The database file is damaged or is not a database."""


class StorageNewer(StorageError):
    """The database was written by a newer version."""


_ERRORS: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_BUSY: (StorageLocked, "is locked by another process"),
    sqlite3.SQLITE_LOCKED: (StorageLocked, "is locked by another process"),
    sqlite3.SQLITE_READONLY: (StorageReadOnly, "cannot be written"),
    sqlite3.SQLITE_PERM: (StorageReadOnly, "cannot be written"),
    sqlite3.SQLITE_CANTOPEN: (StorageReadOnly, "cannot be opened for writing"),
    sqlite3.SQLITE_FULL: (StorageFull, "cannot grow: the disk is full"),
    sqlite3.SQLITE_IOERR: (StorageError, "cannot be read or written: the disk fails, or a limit on its use is reached"),
    sqlite3.SQLITE_CORRUPT: (StorageCorrupt, "is damaged"),
    sqlite3.SQLITE_NOTADB: (StorageCorrupt, "is not a database"),
}


class Database:
    """One open database. It belongs to the thread that opened it; only ``backup`` and ``rotate`` may run elsewhere.

    Every transaction is on the disk when it returns (write-ahead log, synchronous = FULL).
    """

    _lost: StorageError | None
    """Why SQLite took the open transaction back by itself, as it does after some errors."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, create or migrate it, and keep every other process out. Raises ``StorageError``."""
        self.path: Path | None = path
        self._depth, self._lost = 0, None
        self._lock = _lock(path)
        try:
            self._connection = self._open(str(path))
        except BaseException:
            os.close(self._lock)
            raise

    @classmethod
    def in_memory(cls) -> Database:
        """Return a database that lives and dies with this object, for replays and tests."""
        database = cls.__new__(cls)
        database.path = None
        database._depth, database._lost = 0, None
        database._lock = -1
        database._connection = database._open(":memory:")
        return database

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction is open."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction: all of it is on the disk afterwards, or none of it.

        A transaction within a transaction joins it. The block must not await: the connection is shared.
        """
        if self._depth:
            yield
            return
        self.run("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        finally:
            self._depth, self._lost = 0, None

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run one statement and return the number of rows it changed; outside a transaction it is one by itself."""
        self._refuse_if_lost()
        try:
            return self._connection.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise self._named(error) from error

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for every row; only inside a transaction."""
        self._refuse_if_lost()
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._named(error) from error

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        self._refuse_if_lost()
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._named(error) from error

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        self._refuse_if_lost()
        try:
            row: Row | None = self._connection.execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            raise self._named(error) from error
        return row

    def checkpoint(self) -> None:
        """Move the write-ahead log into the main file; the log keeps its size, and is written from its beginning."""
        self.rows("PRAGMA wal_checkpoint(RESTART)")

    def check(self) -> None:
        """Read every page and raise ``StorageCorrupt`` with the first things found wrong."""
        problems = [str(row[0]) for row in self.rows("PRAGMA integrity_check(5)")]
        if problems != ["ok"]:
            raise StorageCorrupt(f"{self._name} is damaged: {'; '.join(problems)}")
        orphans = self.rows("PRAGMA foreign_key_check")
        if orphans:
            raise StorageCorrupt(f"{self._name} is damaged: {len(orphans)} rows point at rows that are not there")

    def backup(self, target: Path) -> None:
        """Write a consistent copy to ``target`` while the database stays in use; may run in a worker thread."""
        draft = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            self._copy(draft)
            draft.replace(target)
            _sync_folder(target.parent)
        except sqlite3.Error as error:
            raise self._named(error) from error
        except OSError as error:
            raise StorageReadOnly(f"The backup {target} cannot be written: {error.strerror}") from error

    def rotate(self, folder: Path, keep: int, at: Millis) -> Path:
        """Write a backup named after the instant ``at`` into ``folder`` and leave only the newest ``keep`` there."""
        if keep < 1:
            raise ValueError(f"keep: {keep} is not a number of backups; accepted: 1 or more")
        stem = self.path.stem if self.path else "memory"
        target = folder / f"{stem}-{datetime.fromtimestamp(at / 1000, UTC):%Y%m%dT%H%M%S}Z.db"
        self.backup(target)
        for old in sorted(folder.glob(f"{stem}-*Z.db"))[:-keep]:
            old.unlink(missing_ok=True)
        return target

    def close(self) -> None:
        """Close the file and let other processes in; closing twice does nothing."""
        self._connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def _name(self) -> str:
        return str(self.path) if self.path else "The database in memory"

    def _open(self, target: str) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(target, timeout=_BUSY_MS / 1000, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(connection)
            if self.path is not None:
                _prove_room(connection)
                if shutil.disk_usage(self.path.parent).free > _ROOM:
                    _reserve_log(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise self._named(error) from error
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        scripts = sorted(_MIGRATIONS.glob("[0-9][0-9][0-9]_*.sql"))
        if version > len(scripts):
            raise StorageNewer(
                f"{self._name} was written by a newer version of Batuta (schema {version}; this version knows up to "
                f"{len(scripts)}). Install that version, or restore a backup."
            )
        for number, script in enumerate(scripts[version:], start=version + 1):
            if int(script.name[:3]) != number:
                raise AssertionError(f"migrations are numbered without gaps, but {script.name} should be {number:03d}")
            # One script, so that a crash half-way leaves the old schema and the old number.
            sql = script.read_text(encoding="utf-8")
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")

    def _copy(self, target: Path) -> None:
        with closing(sqlite3.connect(target)) as copy:
            if self.path is None:
                self._connection.backup(copy)
            else:
                # A connection of its own: the copy may take long and run beside the writer's thread.
                with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as source:
                    source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise StorageCorrupt(f"The backup of {self._name} is damaged: {problem}")
        with target.open("rb") as file:
            os.fsync(file.fileno())

    def _named(self, error: sqlite3.Error) -> StorageError:
        extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        # The index of the log is a file of its own, and that it cannot grow is told as an input or output error.
        code = sqlite3.SQLITE_FULL if extended == sqlite3.SQLITE_IOERR_SHMSIZE else extended & _PRIMARY_CODE
        kind, what = _ERRORS.get(code, (StorageError, "refused"))
        named = kind(f"{self._name} {what}: {error}")
        if self._depth and not self._connection.in_transaction:
            self._lost = named
        return named

    def _refuse_if_lost(self) -> None:
        # Whoever swallowed the error must not write on outside of the transaction it believes to be in.
        if self._lost is not None:
            raise self._lost


def _prove_room(connection: sqlite3.Connection) -> None:
    """Commit what changes nothing: a full disk must refuse the start, and not the first order after it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version}")


def _reserve_log(connection: sqlite3.Connection) -> None:
    """Let the write-ahead log have its usual size from the start: one that grows makes each commit a third slower.

    What is taken back was written to the log as far as it did not fit into SQLite's cache. Where that much cannot be
    had, the log grows as it is used.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE reserve (body BLOB)")
        connection.execute("INSERT INTO reserve VALUES (zeroblob(?))", (_LOG_BYTES + _CACHE_BYTES,))
    except sqlite3.OperationalError:
        pass
    finally:
        # After some errors SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _lock(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageReadOnly(f"{path} cannot be used: {lock}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        os.close(handle)
        pid = int(holder) if holder.isdigit() else 0
        raise StorageLocked(
            f"{path} is in use by another running Batuta (process {holder or 'unknown'}). "
            "Stop that one first, or choose another home.",
            pid,
        ) from error
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(handle)
        kind, what = _ERRORS[sqlite3.SQLITE_FULL if error.errno in _FULL else sqlite3.SQLITE_READONLY]
        raise kind(f"{path} {what}: {lock}: {error.strerror}") from error
    return handle


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
