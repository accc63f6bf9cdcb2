"""The outbox: order by lane, retries, coalescing without losing a word, expiry."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.database import Database
from data.outbox import Outbox

ADA, BOB = "telegram:1", "discord:2"


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(Database.in_memory())


def put(outbox: Outbox, lane: int = 2, recipient: str = ADA, **more: int | None) -> int:
    return outbox.put(
        recipient=recipient, lane=lane, at=10, body=b'{"n":1}', key="k", not_before=0, expires_at=more.get("expires_at")
    )


def test_urgent_lanes_leave_first_then_the_oldest(outbox: Outbox) -> None:
    digest, trade, critical, later = put(outbox, 3), put(outbox, 2), put(outbox, 0), put(outbox, 2)
    assert [row.id for row in outbox.due(now=10, limit=10)] == [critical, trade, later, digest]
    assert [row.id for row in outbox.due(now=10, limit=2)] == [critical, trade]


def test_a_message_survives_a_restart_whole(tmp_path: Path) -> None:
    first = Database(tmp_path / "batuta.db")
    message = Outbox(first).put(
        recipient=BOB, lane=1, at=7, body=b"\x00\xff", key="fills:3", silent=True, not_before=9, expires_at=99
    )
    first.close()
    second = Database(tmp_path / "batuta.db")
    (row,) = Outbox(second).pending()
    second.close()
    assert (row.id, row.recipient, row.lane, row.at, row.body) == (message, BOB, 1, 7, b"\x00\xff")
    assert (row.key, row.silent, row.not_before, row.expires_at) == ("fills:3", True, 9, 99)
    assert (row.revision, row.attempts, row.delivered_at, row.dropped_at) == (1, 0, None, None)


def test_a_delivered_message_keeps_its_receipt_and_is_over(outbox: Outbox) -> None:
    message = put(outbox)
    assert outbox.done(message, "chat 1, message 55", at=20)
    assert outbox.due(30, 10) == outbox.pending() == []
    row = outbox.get(message)
    assert row is not None
    assert (row.receipt, row.delivered_at, row.attempts) == ("chat 1, message 55", 20, 1)
    assert not outbox.done(message, "again", at=21)


def test_a_retry_waits(outbox: Outbox) -> None:
    message = put(outbox)
    outbox.retry(message, not_before=50)
    assert outbox.due(49, 10) == []
    (row,) = outbox.due(50, 10)
    assert (row.id, row.attempts) == (message, 1)


def test_a_dropped_message_says_why(outbox: Outbox) -> None:
    message = put(outbox)
    outbox.drop(message, "blocked by the user", at=20)
    assert outbox.due(30, 10) == []
    row = outbox.get(message)
    assert row is not None
    assert (row.reason, row.dropped_at) == ("blocked by the user", 20)


def test_pending_is_narrowed_by_recipient_and_key(outbox: Outbox) -> None:
    mine, theirs = put(outbox), put(outbox, recipient=BOB)
    other = outbox.put(recipient=ADA, lane=2, at=1, body=b"", key="other")
    assert [row.id for row in outbox.pending(ADA)] == [mine, other]
    assert [row.id for row in outbox.pending(ADA, "k")] == [mine]
    assert [row.id for row in outbox.pending(BOB)] == [theirs]
    assert len(outbox.pending()) == 3


def test_a_body_replaced_while_the_old_one_left_is_still_to_go(outbox: Outbox) -> None:
    message = put(outbox)
    (sent,) = outbox.due(10, 1)
    newer = outbox.replace(message, b"two fills", at=15)
    assert newer is not None
    assert not outbox.done(newer, "55", at=20, revision=sent.revision)
    assert not outbox.done(message, "55", at=20)
    (waiting,) = outbox.due(20, 1)
    assert (waiting.body, waiting.revision) == (b"two fills", 2)
    assert outbox.done(newer, "56", at=21, revision=waiting.revision)


def test_newer_news_takes_the_last_place_and_keeps_what_a_failure_taught(outbox: Outbox) -> None:
    older, other = put(outbox), put(outbox)
    outbox.retry(older, not_before=7)
    newer = outbox.replace(older, b"paused", at=15)
    assert [row.id for row in outbox.pending()] == [other, newer]
    row = outbox.pending()[-1]
    assert (row.at, row.attempts, row.not_before) == (15, 1, 7)
    assert put(outbox) not in (older, other, newer)


def test_a_body_is_not_replaced_after_delivery(outbox: Outbox) -> None:
    message = put(outbox)
    outbox.done(message, "55", at=20)
    assert outbox.replace(message, b"too late", at=21) is None


def test_an_expired_message_never_leaves(outbox: Outbox) -> None:
    message, lasting = put(outbox, expires_at=100), put(outbox)
    assert [row.id for row in outbox.due(99, 10)] == [message, lasting]
    assert [row.id for row in outbox.due(100, 10)] == [lasting]
    assert outbox.expire(100) == 1
    row = outbox.get(message)
    assert row is not None
    assert row.reason == "expired"


def test_pruning_forgets_only_what_is_over_and_old(outbox: Outbox) -> None:
    delivered, dropped, recent, waiting = (put(outbox) for _ in range(4))
    outbox.done(delivered, "1", at=20)
    outbox.drop(dropped, "blocked", at=20)
    outbox.done(recent, "2", at=50)
    assert outbox.prune(before=50) == 2
    assert [outbox.get(message) is None for message in (delivered, dropped, recent, waiting)] == [
        True,
        True,
        False,
        False,
    ]
    assert put(outbox) > waiting
