"""The tag of this home, made once: by it an exchange account tells its orders from those of another installation."""

from __future__ import annotations

import secrets as randomness
import string

from data.database import Database

LENGTH = 6
_LETTERS = string.ascii_lowercase + string.digits


def installation_tag(database: Database) -> str:
    """Return the tag kept in ``database``; the first call makes it."""
    made = "".join(randomness.choice(_LETTERS) for _ in range(LENGTH))
    with database.transaction():
        database.run("INSERT INTO installation (one, tag) VALUES (1, ?) ON CONFLICT (one) DO NOTHING", (made,))
        row = database.row("SELECT tag FROM installation")
    return str(row[0]) if row else made
