"""The append-only journal: every durable step of the engine, chained by digests; the source of truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec

from data.advice import OrdersAdvised
from data.database import Database, Row, StorageCorrupt
from data.decisions import Decision
from data.events import (
    AdvicePosted,
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PauseBot,
    ResumeBot,
    SetOutOfRange,
    SetStopLoss,
    SetTakeProfit,
    StartBot,
    StopBot,
)
from data.market import Ticker
from data.orders import Fill, bot_of
from data.values import Millis

_GENESIS = bytes(32)
_CHECKPOINTS_KEPT = 3
_PAGE = 500
_LARGEST = (1 << 63) - 1

_INSERT = "INSERT INTO journal (sequence, at, kind, bot, decisions, entry, digest) VALUES (?, ?, ?, ?, ?, ?, ?)"
_DECIDED = "INSERT INTO decided (bot, sequence) VALUES (?, ?)"
_PAGE_OF_ROWS = (
    "SELECT sequence, at, kind, bot, decisions, entry, digest FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
# The partial index serves these only while the kind stands in the statement itself.
_FILLS = "SELECT entry FROM journal WHERE kind = 'OrderFilled' ORDER BY sequence DESC LIMIT ?"
_FILLS_OF_BOT = "SELECT entry FROM journal WHERE kind = 'OrderFilled' AND bot = ? ORDER BY sequence DESC LIMIT ?"
_DECISIONS = "SELECT entry FROM journal WHERE decisions > 0 ORDER BY sequence DESC LIMIT ?"
_DECISIONS_OF_BOT = (
    "SELECT entry FROM journal WHERE sequence IN "
    "(SELECT sequence FROM decided WHERE bot = ? ORDER BY sequence DESC LIMIT ?) ORDER BY sequence DESC"
)
_CHECKPOINTS = (
    "SELECT c.sequence, c.state, c.state_digest FROM checkpoint c JOIN journal j ON j.sequence = c.sequence "
    "WHERE j.digest = c.journal_digest ORDER BY c.sequence DESC"
)

_Row = tuple[int, Millis, str, int, int, bytes, bytes]


class JournalBroken(StorageCorrupt):
    """The journal was changed or damaged; ``sequence`` is the first bad row."""

    def __init__(self, sequence: int, what: str) -> None:
        super().__init__(f"The journal is broken at sequence {sequence}: {what}.")
        self.sequence = sequence


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One durable step: the event, what the engine saw of the markets, and what it concluded."""

    sequence: int
    at: Millis
    event: Event
    seen: tuple[Ticker, ...] = ()
    """Best prices of the markets as the step saw them."""
    decisions: tuple[Decision, ...] = ()
    approved: tuple[str, ...] = ()
    """Client ids of the orders that leave after the commit."""
    cancels: tuple[str, ...] = ()
    """Client ids of the orders to take off the book."""
    problem: str = ""


class Journal:
    """The journal of one database. Entries are buffered by ``append`` and durable after ``commit``.

    Queries answer from committed rows only. The bytes, and so the digests, are a function of the entries alone.
    """

    def __init__(self, database: Database) -> None:
        """Open the journal of ``database`` at its last row."""
        self._database = database
        self._encode = msgspec.json.Encoder(order="deterministic").encode
        self._decode = msgspec.json.Decoder(Entry).decode
        self._rows: list[_Row] = []
        self._decided: list[tuple[int, int]] = []
        last = database.row("SELECT sequence, digest FROM journal ORDER BY sequence DESC LIMIT 1")
        self._sequence: int = last[0] if last else 0
        self._digest: bytes = last[1] if last else _GENESIS

    @classmethod
    def in_memory(cls) -> Journal:
        """Return an empty journal that is gone with the process, for replays and tests."""
        return cls(Database.in_memory())

    @property
    def pending(self) -> int:
        """Return the number of entries appended and not yet committed."""
        return len(self._rows)

    @property
    def last_sequence(self) -> int:
        """Return the sequence of the last appended entry, committed or not; 0 when there is none."""
        return self._sequence

    @property
    def last_digest(self) -> bytes:
        """Return the digest of the last appended entry: 32 bytes that stand for everything up to it."""
        return self._digest

    def append(self, entry: Entry) -> None:
        """Buffer the next entry; it is lost unless ``commit`` returns. Raises ValueError on a wrong sequence."""
        sequence = self._sequence + 1
        if entry.sequence != sequence:
            raise ValueError(f"sequence: {entry.sequence} is not next in the journal; accepted: {sequence}")
        body = self._encode(entry)
        digest = blake2b(self._digest + body, digest_size=32).digest()
        self._rows.append((*_columns(entry), body, digest))
        if entry.decisions:
            self._decided.extend((bot, sequence) for bot in sorted({decision.bot for decision in entry.decisions}))
        self._sequence = sequence
        self._digest = digest

    def commit(self, *beside: Callable[[], object]) -> None:
        """Write everything buffered in one durable transaction, and run ``beside`` (other stores) within it.

        When it raises ``StorageError`` nothing was written and the buffer is kept for another try.
        """
        if not self._rows and not beside:
            return
        database = self._database
        if database.in_transaction:
            # A rollback of the outer transaction would take back rows this object already counts as durable.
            raise RuntimeError("the journal commits its own transaction; hand the other writes to commit(beside)")
        with database.transaction():
            if self._rows:
                database.run_many(_INSERT, self._rows)
            if self._decided:
                database.run_many(_DECIDED, self._decided)
            for write in beside:
                write()
        self._rows.clear()
        self._decided.clear()

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield the committed entries after sequence ``after``, oldest first. Raises ``JournalBroken``."""
        for row in self._checked(after):
            yield self._entry(row)

    def verify(self) -> int:
        """Read everything and return the number of entries. Raises ``JournalBroken`` with the first bad sequence."""
        count = 0
        for row in self._checked(0):
            entry = self._entry(row)
            if _columns(entry) != row[:5]:
                raise JournalBroken(row[0], "the columns do not say what the entry says")
            count += 1
        if count != self._sequence - self.pending:
            raise JournalBroken(count + 1, f"{self._sequence - self.pending} entries were committed, {count} are there")
        beyond = self._database.row("SELECT max(sequence) FROM checkpoint")
        if beyond and (beyond[0] or 0) > count:
            raise JournalBroken(count + 1, f"it is missing, though the state after sequence {beyond[0]} was kept")
        return count

    def fills(self, bot: int | None, limit: int) -> list[Fill]:
        """Return the newest fills of one bot (None: of all), newest first."""
        rows = self._rows_of(_FILLS, _FILLS_OF_BOT, bot, limit)
        events = (self._decode(row[0]).event for row in rows)
        return [event.fill for event in events if isinstance(event, OrderFilled)]

    def decisions(self, bot: int | None, limit: int) -> list[Decision]:
        """Return the newest decisions about one bot (None: about anything), newest first."""
        found: list[Decision] = []
        for row in self._rows_of(_DECISIONS, _DECISIONS_OF_BOT, bot, limit):
            found += [d for d in reversed(self._decode(row[0]).decisions) if bot is None or d.bot == bot]
        return found[:limit]

    def decision(self, decision: str) -> Decision | None:
        """Return one decision by its id, ``<sequence>`` or ``<sequence>.<n>``; None when there is none."""
        sequence = decision.partition(".")[0]
        if not (sequence.isascii() and sequence.isdigit() and len(sequence) < 19):
            return None
        row = self._database.row("SELECT entry FROM journal WHERE sequence = ?", (int(sequence),))
        if row is None:
            return None
        return next((found for found in self._decode(row[0]).decisions if found.id == decision), None)

    def checkpoint(self, sequence: int, state: bytes) -> None:
        """Keep ``state`` as the engine's state after the committed entry ``sequence``, and the last three of these."""
        row = self._database.row("SELECT digest FROM journal WHERE sequence = ?", (sequence,))
        if row is None:
            raise ValueError(f"sequence: {sequence} is not committed; accepted: 1 to {self._sequence - self.pending}")
        with self._database.transaction():
            self._database.run(
                "INSERT OR REPLACE INTO checkpoint (sequence, journal_digest, state, state_digest) VALUES (?, ?, ?, ?)",
                (sequence, row[0], state, _checksum(state)),
            )
            self._database.run(
                "DELETE FROM checkpoint WHERE sequence NOT IN "
                "(SELECT sequence FROM checkpoint ORDER BY sequence DESC LIMIT ?)",
                (_CHECKPOINTS_KEPT,),
            )

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """Return the newest sound state snapshot and its sequence; a damaged one is passed over for an older."""
        for sequence, state, digest in self._database.rows(_CHECKPOINTS):
            if _checksum(state) == digest:
                return sequence, state
        return None

    def _rows_of(self, everything: str, of_bot: str, bot: int | None, limit: int) -> list[Row]:
        if bot is None:
            return self._database.rows(everything, (limit,))
        return self._database.rows(of_bot, (bot, limit))

    def _checked(self, after: int) -> Iterator[Row]:
        digest = _GENESIS
        if after:
            row = self._database.row("SELECT digest FROM journal WHERE sequence = ?", (after,))
            if row is None:
                raise JournalBroken(after, "it is missing")
            digest = row[0]
        while page := self._database.rows(_PAGE_OF_ROWS, (after, _PAGE)):
            for row in page:
                after += 1
                if row[0] != after:
                    raise JournalBroken(after, "it is missing")
                digest = blake2b(digest + row[5], digest_size=32).digest()
                if digest != row[6]:
                    raise JournalBroken(after, "its digest does not fit its bytes and the row before")
                yield row

    def _entry(self, row: Row) -> Entry:
        try:
            return self._decode(row[5])
        except msgspec.MsgspecError as error:
            raise JournalBroken(row[0], f"its entry cannot be read ({error})") from error


def _columns(entry: Entry) -> tuple[int, Millis, str, int, int]:
    bot = _bot(entry)
    # A foreign order may carry any number in its id; the column takes 64 bits.
    known = bot if 0 <= bot <= _LARGEST else 0
    return entry.sequence, entry.at, type(entry.event).__name__, known, len(entry.decisions)


def _bot(entry: Entry) -> int:
    match entry.event:
        case OrderFilled(fill=fill):
            return bot_of(fill.client_id)
        case (
            OrderAccepted(client_id=client_id)
            | OrderRejected(client_id=client_id)
            | OrderUnknown(client_id=client_id)
            | OrderAbsent(client_id=client_id)
            | OrderCancelled(client_id=client_id)
        ):
            return bot_of(client_id)
        case StopBot(bot=bot) | PauseBot(bot=bot) | ResumeBot(bot=bot):
            return bot
        case SetTakeProfit(bot=bot) | SetStopLoss(bot=bot) | SetOutOfRange(bot=bot):
            return bot
        case StartBot():
            return entry.decisions[0].bot if entry.decisions else 0
        case AdvicePosted(advice=advice) if isinstance(advice.what, OrdersAdvised):
            return advice.what.bot
        case _:
            return 0


def _checksum(state: bytes) -> bytes:
    return blake2b(state, digest_size=32).digest()
