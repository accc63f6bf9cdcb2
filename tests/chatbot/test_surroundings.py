"""What the checklist asks of chats and files."""

from __future__ import annotations

import os
from pathlib import Path

from chatbot.folders import Folders
from chatbot.surroundings import Surroundings
from data.database import Database
from data.outbox import Outbox
from data.values import Mode


def test_a_message_counts_once_it_has_arrived_and_the_newest_copy_of_the_books_counts(tmp_path: Path) -> None:
    outbox, folders, rang = Outbox(Database.in_memory()), Folders(tmp_path), list[str]()
    around = Surroundings(outbox, folders, lambda: rang.append("rang"))
    assert (around.told_at(), around.backed_up_at()) == (None, None)
    row = outbox.put(recipient="telegram:1", lane=0, at=5, body=b"{}")
    assert around.told_at() is None
    outbox.done(row, "7", 9)
    assert around.told_at() == 9
    for name, seconds in (("a", 40), ("b", 60), ("c", 50)):
        (folders.backups / name).touch()
        os.utime(folders.backups / name, (seconds, seconds))
    assert around.backed_up_at() == 60_000
    around.ring()
    assert rang == ["rang"]


def test_test_money_has_books_of_its_own(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert folders.books(Mode.SHADOW) == folders.books(Mode.PRODUCTION) == folders.database
    assert folders.books(Mode.TESTNET).name == "batuta-testnet.sqlite"
