"""Messages on their way to people: durable until delivered, expired or given up."""

from __future__ import annotations

import msgspec

from data.database import Database, Row
from data.values import Millis

_COLUMNS = (
    "id, recipient, lane, key, at, body, silent, revision, attempts, not_before, expires_at, delivered_at, receipt, "
    "dropped_at, reason"
)
_OPEN = "delivered_at IS NULL AND dropped_at IS NULL"
# ruff: noqa: S608 - every statement here is built from the constants above alone
_SELECT = f"SELECT {_COLUMNS} FROM outbox"
_PUT = (
    "INSERT INTO outbox (recipient, lane, key, at, body, silent, not_before, expires_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
)
_DUE = (
    f"{_SELECT} WHERE {_OPEN} AND not_before <= ?1 AND (expires_at IS NULL OR expires_at > ?1) "
    "ORDER BY lane, id LIMIT ?2"
)


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one recipient, and what became of it."""

    id: int
    recipient: str
    lane: int
    """Lower leaves first."""
    key: str
    """Messages of one recipient with the same key may be merged while they wait; empty means never."""
    at: Millis
    body: bytes
    silent: bool
    revision: int
    """Counts the bodies this row has had, from 1."""
    attempts: int
    not_before: Millis
    expires_at: Millis | None
    delivered_at: Millis | None
    receipt: str
    dropped_at: Millis | None
    reason: str
    """Why it was dropped."""


class Outbox:
    """The messages of one database. Writes join an open transaction, such as the journal's."""

    def __init__(self, database: Database) -> None:
        """Keep messages in ``database``."""
        self._database = database

    def last_delivered(self) -> Millis | None:
        """Return when a message was last delivered to anybody, or None."""
        row = self._database.row("SELECT max(delivered_at) FROM outbox")
        return None if row is None or row[0] is None else int(row[0])

    def put(
        self,
        *,
        recipient: str,
        lane: int,
        at: Millis,
        body: bytes,
        key: str = "",
        silent: bool = False,
        not_before: Millis = 0,
        expires_at: Millis | None = None,
    ) -> int:
        """Keep a message and return its id."""
        row = (recipient, lane, key, at, body, silent, not_before, expires_at)
        return int(self._database.rows(_PUT, row)[0][0])

    def get(self, message: int) -> OutboxRow | None:
        """Return one message by id, whatever became of it."""
        row = self._database.row(f"{_SELECT} WHERE id = ?", (message,))
        return None if row is None else _message(row)

    def pending(self, recipient: str | None = None, key: str | None = None) -> list[OutboxRow]:
        """Return the open messages of one recipient and key (None: of any), in the order they should leave."""
        rows = self._database.rows(
            f"{_SELECT} WHERE {_OPEN} AND (?1 IS NULL OR recipient = ?1) AND (?2 IS NULL OR key = ?2) "
            "ORDER BY lane, id",
            (recipient, key),
        )
        return [_message(row) for row in rows]

    def due(self, now: Millis, limit: int) -> list[OutboxRow]:
        """Return the open messages that may leave now, most urgent lane first, then oldest first."""
        return [_message(row) for row in self._database.rows(_DUE, (now, limit))]

    def replace(self, message: int, body: bytes, at: Millis) -> int | None:
        """Give an open message the body of newer news and the last place in its lane; return the id it has then.

        None when it was delivered or dropped meanwhile.
        """
        sql = (
            "UPDATE outbox SET id = (SELECT max(id) + 1 FROM outbox), body = ?, at = ?, revision = revision + 1 "
            f"WHERE id = ? AND {_OPEN} RETURNING id"
        )
        rows = self._database.rows(sql, (body, at, message))
        return int(rows[0][0]) if rows else None

    def done(self, message: int, receipt: str, at: Millis, revision: int | None = None) -> bool:
        """Note a delivery; False, and still open, when ``revision`` went out but the body was replaced meanwhile."""
        sql = (
            f"UPDATE outbox SET delivered_at = ?1, receipt = ?2, attempts = attempts + 1 "
            f"WHERE id = ?3 AND {_OPEN} AND (?4 IS NULL OR revision = ?4)"
        )
        return self._database.run(sql, (at, receipt, message, revision)) > 0

    def retry(self, message: int, not_before: Millis) -> None:
        """Note a failed attempt and hold the message back until ``not_before``."""
        sql = f"UPDATE outbox SET attempts = attempts + 1, not_before = ? WHERE id = ? AND {_OPEN}"
        self._database.run(sql, (not_before, message))

    def hasten(self, recipient: str, by: Millis) -> None:
        """Let the open messages of a recipient wait for an instant that is earlier by so much."""
        sql = f"UPDATE outbox SET not_before = max(0, not_before - ?) WHERE recipient = ? AND {_OPEN}"
        self._database.run(sql, (by, recipient))

    def drop(self, message: int, reason: str, at: Millis) -> None:
        """Give a message up, and say why."""
        sql = f"UPDATE outbox SET dropped_at = ?, reason = ? WHERE id = ? AND {_OPEN}"
        self._database.run(sql, (at, reason, message))

    def expire(self, now: Millis) -> int:
        """Drop the open messages whose time has passed and return how many."""
        sql = f"UPDATE outbox SET dropped_at = ?1, reason = 'expired' WHERE {_OPEN} AND expires_at <= ?1"
        return self._database.run(sql, (now,))

    def prune(self, before: Millis) -> int:
        """Forget what was delivered or dropped before ``before`` and return how many."""
        sql = "DELETE FROM outbox WHERE delivered_at < ?1 OR dropped_at < ?1"
        return self._database.run(sql, (before,))


def _message(row: Row) -> OutboxRow:
    fields = dict(zip(OutboxRow.__struct_fields__, row, strict=True))
    fields["silent"] = bool(fields["silent"])
    return OutboxRow(**fields)
