"""How long an entry takes to be durable, beside a bare insert of the same bytes into a table of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import perf_counter_ns

import msgspec

from data.database import Database
from data.journal import Entry, Journal
from engine.recording import entry_of
from tests.benchmarks.figures import Figure, Size, Target, folder_on_disk, latencies, quantile
from tests.benchmarks.floor import Floor

COMMITS = 1_500
GROUP = 100
TARGET = Target(200)


def measure(size: Size) -> Iterator[Figure]:
    """Commit one at a time, in turn with the bare inserts so that both see the same disk, then in groups."""
    runs, commits = (5, COMMITS) if size is Size.FULL else (1, 20)
    singles: list[list[int]] = []
    bare: list[list[int]] = []
    grouped: list[list[int]] = []
    for _ in range(runs):
        with folder_on_disk() as folder:
            ours, theirs = _singly(folder, commits)
            singles.append(ours)
            bare.append(theirs)
        with folder_on_disk() as folder:
            grouped.append(_in_groups(folder, commits // GROUP + 1))
    yield from latencies("commit of one entry, append included", singles, TARGET)
    yield from latencies("bare insert of the same bytes", bare)
    # The disk is as fast as its other users let it be; this is what the journal itself costs.
    ratios = tuple(quantile(one, 0.5) / quantile(other, 0.5) for one, other in zip(singles, bare, strict=True))
    yield Figure(name="commit over bare insert, p50", unit="times", values=ratios)
    yield from latencies(f"per entry in groups of {GROUP}", grouped)


def _entry() -> Entry:
    """Return the commonest entry that moves money: a fill, its decision and the order it led to."""
    floor = Floor(20)
    return entry_of(floor.step(next(floor.pairings())), floor.engine.state)


def _singly(folder: Path, commits: int) -> tuple[list[int], list[int]]:
    entry = _entry()
    body = msgspec.json.encode(entry)
    database = Database(folder / "journal.sqlite")
    journal = Journal(database)
    ours, theirs = [], []
    with closing(database), closing(_bare(folder / "bare.sqlite")) as bare:
        for sequence in range(1, commits + 1):
            begun = perf_counter_ns()
            journal.append(msgspec.structs.replace(entry, sequence=sequence))
            journal.commit()
            between = perf_counter_ns()
            bare.execute("INSERT INTO entries (sequence, entry) VALUES (?, ?)", (sequence, body))
            theirs.append(perf_counter_ns() - between)
            ours.append(between - begun)
    return ours, theirs


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (sequence INTEGER PRIMARY KEY, entry BLOB NOT NULL)")
    return connection


def _in_groups(folder: Path, groups: int) -> list[int]:
    entry, taken, sequence = _entry(), [], 0
    with closing(Database(folder / "journal.sqlite")) as database:
        journal = Journal(database)
        for _ in range(groups):
            begun = perf_counter_ns()
            for _ in range(GROUP):
                sequence += 1
                journal.append(msgspec.structs.replace(entry, sequence=sequence))
            journal.commit()
            taken.append((perf_counter_ns() - begun) // GROUP)
    return taken
