"""The journal: exact, gapless, tamper-evident, and safe against a kill at any instant."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.database import Database, StorageError
from data.decisions import Decision, Rule
from data.events import EngineStarted, Event, OrderFilled, StopBot
from data.journal import Entry, Journal, JournalBroken
from data.orders import Fill
from data.outbox import Outbox
from data.values import Side
from tests.data.random_words import any_of

KINDS: tuple[type[Any], ...] = get_args(Event)
WRITE = """
import sys
from pathlib import Path
from data.database import Database
from data.events import EngineStarted
from data.journal import Entry, Journal
journal = Journal(Database(Path(sys.argv[1])))
while True:
    for _ in range(3):
        journal.append(Entry(sequence=journal.last_sequence + 1, at=0, event=EngineStarted(at=0, version="x" * 2000)))
    journal.commit()
    print(journal.last_sequence, flush=True)
"""


def started(sequence: int, **fields: Any) -> Entry:
    return Entry(sequence=sequence, at=sequence, event=EngineStarted(at=sequence, version="1"), **fields)


def filled(sequence: int, bot: int) -> Entry:
    fill = Fill(
        trade_id=f"t{sequence}",
        client_id=f"bt-{bot}-1-3b1",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=Decimal("65000.10"),
        quantity=Decimal("0.00100"),
        fee=Decimal("0.065"),
        fee_asset="USDT",
        fee_quote=Decimal("0.065"),
        maker=True,
        at=sequence,
    )
    return Entry(sequence=sequence, at=sequence, event=OrderFilled(at=sequence, fill=fill))


def decided(sequence: int, *bots: int) -> Entry:
    names = [str(sequence), *(f"{sequence}.{n}" for n in range(1, len(bots)))]
    return started(
        sequence,
        decisions=tuple(
            Decision(id=name, at=sequence, bot=bot, rule=Rule.ABOVE_RANGE, event="TickerMoved", inputs=())
            for name, bot in zip(names, bots, strict=True)
        ),
    )


def written(*entries: Entry) -> Journal:
    journal = Journal.in_memory()
    for entry in entries:
        journal.append(entry)
    journal.commit()
    return journal


def file_with(path: Path, count: int) -> None:
    with closing(Database(path)) as database:
        journal = Journal(database)
        for sequence in range(1, count + 1):
            journal.append(filled(sequence, 1))
        journal.commit()


def tamper(path: Path, *statements: str) -> None:
    triggers = ("journal_unchanged", "journal_kept", "journal_gapless")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("".join(f"DROP TRIGGER {name};" for name in triggers) + ";".join(statements))


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_kind_comes_back_as_it_was(kind: type[Any]) -> None:
    database = Database.in_memory()
    journal = Journal(database)

    @settings(max_examples=25, deadline=None)
    @given(event=any_of(kind), rest=st.data())
    def check(event: Event, rest: st.DataObject) -> None:
        plain = Entry(sequence=journal.last_sequence + 1, at=event.at, event=event)
        fields = {f.name: any_of(f.type) for f in msgspec.structs.fields(Entry) if f.name in ("seen", "approved")}
        entry = msgspec.structs.replace(plain, **{name: rest.draw(values) for name, values in fields.items()})
        journal.append(entry)
        journal.commit()
        assert list(journal.read(entry.sequence - 1)) == [entry]

    check()
    assert journal.verify() == journal.last_sequence > 0
    database.close()


@settings(max_examples=50, deadline=None)
@given(decisions=any_of(tuple[Decision, ...]))
def test_decisions_come_back_as_they_were(decisions: tuple[Decision, ...]) -> None:
    entry = started(1, decisions=decisions)
    assert list(written(entry).read()) == [entry]


def test_equal_runs_have_equal_digests() -> None:
    entries = [filled(1, 4), decided(2, 4, 5), started(3)]
    together = written(*entries)
    apart = Journal.in_memory()
    for entry in entries:
        apart.append(entry)
        apart.commit()
    assert together.last_digest == apart.last_digest
    assert together.last_digest != written(filled(1, 4), decided(2, 4, 5), filled(3, 4)).last_digest


def test_nothing_is_readable_before_the_commit() -> None:
    journal = Journal.in_memory()
    journal.append(filled(1, 1))
    assert (journal.pending, journal.last_sequence) == (1, 1)
    assert list(journal.read()) == []
    assert journal.fills(None, 5) == []
    journal.commit()
    assert journal.pending == 0
    assert [entry.sequence for entry in journal.read()] == [1]


def test_a_wrong_sequence_is_refused() -> None:
    journal = written(started(1))
    for wrong in (0, 1, 3):
        with pytest.raises(ValueError, match="accepted: 2"):
            journal.append(started(wrong))


def test_the_journal_goes_on_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "batuta.db"
    file_with(path, 3)
    with closing(Database(path)) as database:
        journal = Journal(database)
        assert journal.last_sequence == 3
        assert journal.last_digest == written(*(filled(n, 1) for n in (1, 2, 3))).last_digest
        journal.append(started(4))
        journal.commit()
        assert journal.verify() == 4


def test_reading_starts_after_a_sequence_and_crosses_pages() -> None:
    journal = written(*(started(n) for n in range(1, 1202)))
    assert [entry.sequence for entry in journal.read(after=600)] == list(range(601, 1202))
    assert list(journal.read(after=1201)) == []
    with pytest.raises(JournalBroken, match="1300"):
        list(journal.read(after=1300))


def test_other_stores_commit_with_the_journal_or_not_at_all() -> None:
    database = Database.in_memory()
    journal, outbox = Journal(database), Outbox(database)
    journal.append(started(1))

    def fail() -> None:
        raise StorageError("no room")

    with pytest.raises(StorageError, match="no room"):
        journal.commit(lambda: outbox.put(recipient="telegram:1", lane=2, at=1, body=b"{}"), fail)
    assert (journal.pending, list(journal.read()), outbox.pending()) == (1, [], [])
    journal.commit(lambda: outbox.put(recipient="telegram:1", lane=2, at=1, body=b"{}"))
    assert (journal.pending, journal.verify(), len(outbox.pending())) == (0, 1, 1)


def test_the_journal_refuses_to_commit_inside_a_transaction() -> None:
    database = Database.in_memory()
    journal = Journal(database)
    journal.append(started(1))
    with pytest.raises(RuntimeError), database.transaction():
        journal.commit()
    assert journal.pending == 1


@pytest.mark.parametrize("statement", ["UPDATE journal SET at = 0", "DELETE FROM journal"])
def test_rows_are_neither_changed_nor_deleted(statement: str) -> None:
    database = Database.in_memory()
    journal = Journal(database)
    journal.append(started(1))
    journal.commit()
    with pytest.raises(StorageError, match="append-only"):
        database.run(statement)
    assert journal.verify() == 1


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE"])
@pytest.mark.parametrize("sequence", [1, 3])
def test_no_row_is_replaced_or_skipped(verb: str, sequence: int) -> None:
    database = Database.in_memory()
    journal = Journal(database)
    journal.append(started(1))
    journal.commit()
    with pytest.raises(StorageError, match="no gaps"):
        database.run(f"{verb} INTO journal VALUES ({sequence}, 0, 'X', 0, 0, x'00', zeroblob(32))")
    assert journal.verify() == 1


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("UPDATE journal SET entry = CAST(replace(entry, '65000', '64000') AS BLOB) WHERE sequence = 3", 3),
        ("UPDATE journal SET digest = zeroblob(32) WHERE sequence = 4", 4),
        ("DELETE FROM journal WHERE sequence = 2", 2),
        ("UPDATE journal SET bot = 9 WHERE sequence = 5", 5),
        ("UPDATE journal SET at = 9 WHERE sequence = 1", 1),
    ],
)
def test_tampering_is_found_at_the_first_bad_row(tmp_path: Path, statement: str, bad: int) -> None:
    path = tmp_path / "batuta.db"
    file_with(path, 5)
    tamper(path, statement)
    with closing(Database(path)) as database, pytest.raises(JournalBroken) as caught:
        Journal(database).verify()
    assert caught.value.sequence == bad


def test_a_cut_off_end_is_found_by_the_state_kept_after_it(tmp_path: Path) -> None:
    path = tmp_path / "batuta.db"
    file_with(path, 5)
    with closing(Database(path)) as database:
        Journal(database).checkpoint(5, b"state")
    tamper(path, "DELETE FROM journal WHERE sequence > 3")
    with closing(Database(path)) as database:
        with pytest.raises(JournalBroken) as caught:
            Journal(database).verify()
        assert Journal(database).latest_checkpoint() is None
    assert caught.value.sequence == 4


def test_fills_are_found_by_bot_newest_first() -> None:
    journal = written(filled(1, 1), filled(2, 2), started(3), filled(4, 1), filled(5, 1))
    assert [fill.trade_id for fill in journal.fills(None, 3)] == ["t5", "t4", "t2"]
    assert [fill.trade_id for fill in journal.fills(1, 10)] == ["t5", "t4", "t1"]
    assert journal.fills(7, 10) == []


def test_a_foreign_client_id_belongs_to_no_bot() -> None:
    journal = written(filled(1, 2**80))
    assert journal.verify() == 1
    assert [fill.trade_id for fill in journal.fills(0, 10)] == ["t1"]


def test_decisions_are_found_by_bot_and_id_newest_first() -> None:
    journal = written(decided(1, 1), started(2), decided(3, 1, 2, 1), decided(4, 2))
    assert [d.id for d in journal.decisions(None, 3)] == ["4", "3.2", "3.1"]
    assert [d.id for d in journal.decisions(1, 10)] == ["3.2", "3", "1"]
    assert [d.id for d in journal.decisions(1, 2)] == ["3.2", "3"]
    found = journal.decision("3.1")
    assert found is not None
    assert (found.id, found.bot) == ("3.1", 2)
    for unknown in ("2", "3.9", "9", "", "x", "-1", "9" * 40, "²"):
        assert journal.decision(unknown) is None


def test_a_control_counts_for_its_bot() -> None:
    entry = Entry(sequence=1, at=1, event=StopBot(at=1, by="telegram:1", bot=6, sell=False), problem="no such bot")
    database = Database.in_memory()
    journal = Journal(database)
    journal.append(entry)
    journal.commit()
    assert database.row("SELECT kind, bot FROM journal") == ("StopBot", 6)


def test_the_last_three_states_are_kept() -> None:
    journal = written(*(started(n) for n in range(1, 11)))
    assert journal.latest_checkpoint() is None
    for sequence in (2, 4, 6, 8):
        journal.checkpoint(sequence, b"state %d" % sequence)
    assert journal.latest_checkpoint() == (8, b"state 8")
    journal.checkpoint(8, b"again")
    assert journal.latest_checkpoint() == (8, b"again")
    with pytest.raises(ValueError, match="accepted: 1 to 10"):
        journal.checkpoint(11, b"")


def test_a_damaged_state_is_passed_over() -> None:
    database = Database.in_memory()
    journal = Journal(database)
    for sequence in (1, 2, 3, 4):
        journal.append(started(sequence))
        journal.commit()
        journal.checkpoint(sequence, b"state %d" % sequence)
    database.run("UPDATE checkpoint SET state = x'00' WHERE sequence = 4")
    assert journal.latest_checkpoint() == (3, b"state 3")
    assert database.row("SELECT count(*) FROM checkpoint") == (3,)


@pytest.mark.parametrize("seen", [1, 7, 40])
def test_a_kill_loses_nothing_committed_and_keeps_nothing_half(tmp_path: Path, seen: int) -> None:
    path = tmp_path / "batuta.db"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with child:
        assert child.stdout is not None
        for _ in range(seen):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        said = [int(line) for line in child.stdout.read().splitlines() if line]
    committed = said[-1] if said else seen * 3
    with closing(Database(path)) as database:
        database.check()
        count = Journal(database).verify()
    assert count in (committed, committed + 3)
