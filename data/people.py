"""Who may talk to the engine, by platform and user id."""

from __future__ import annotations

import msgspec

from data.database import Database
from data.values import Millis

_COLUMNS = "id, name, role, locale, time_zone, added_at, added_by"
_PUT = (
    f"INSERT INTO person ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608 - constants
    "name = excluded.name, role = excluded.role, locale = excluded.locale, time_zone = excluded.time_zone"
)


class PersonRow(msgspec.Struct, frozen=True, kw_only=True):
    """One person; what a ``role`` number allows is defined where commands are authorised."""

    id: str
    """``platform:user id``, for example ``telegram:123``."""
    name: str
    role: int
    locale: str = ""
    """Empty means the configured one."""
    time_zone: str = ""
    """Empty means the configured one."""
    added_at: Millis
    added_by: str
    """Id of who let them in; empty when the server's own console did."""


class PeopleStore:
    """The people of one database."""

    def __init__(self, database: Database) -> None:
        """Keep people in ``database``."""
        self._database = database

    def get(self, person: str) -> PersonRow | None:
        """Return one person by id, or None for a stranger."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM person WHERE id = ?", (person,))  # noqa: S608 - constants
        return None if row is None else _person(row)

    def all(self) -> list[PersonRow]:
        """Return everybody, in the order they were added."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM person ORDER BY added_at, id")  # noqa: S608 - constants
        return [_person(row) for row in rows]

    def put(self, row: PersonRow) -> None:
        """Add a person, or change one; when and by whom somebody was added stays as it was first."""
        self._database.run(_PUT, msgspec.structs.astuple(row))

    def remove(self, person: str) -> bool:
        """Forget a person; return whether there was one."""
        return self._database.run("DELETE FROM person WHERE id = ?", (person,)) > 0


def _person(row: tuple[str, str, int, str, str, Millis, str]) -> PersonRow:
    person, name, role, locale, time_zone, added_at, added_by = row
    return PersonRow(
        id=person, name=name, role=role, locale=locale, time_zone=time_zone, added_at=added_at, added_by=added_by
    )
