"""Everybody who may ask, read from and written to where the engine keeps its people."""

from __future__ import annotations

from commands.context import Person
from commands.registry import Role
from data.people import PeopleStore, PersonRow
from engine.clock import Clock


class StoredPeople:
    """The people of one store, with roles. A role number that means nothing raises ValueError: a doubt is a no."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        """Keep people in ``store``."""
        self._store, self._clock = store, clock

    def get(self, person: str, /) -> Person | None:
        """Return one person by id, or None for a stranger."""
        row = self._store.get(person)
        return None if row is None else _person(row)

    def all(self) -> tuple[Person, ...]:
        """Return everybody, oldest first."""
        return tuple(_person(row) for row in self._store.all())

    def put(self, person: Person, /) -> None:
        """Add or replace a person."""
        self._store.put(
            PersonRow(
                id=person.id, name=person.name, role=int(person.role), locale=person.locale,
                time_zone=person.time_zone, added_at=self._clock.now(), added_by=person.added_by,
            )
        )  # fmt: skip

    def remove(self, person: str, /) -> None:
        """Forget a person; an unknown id is no error."""
        self._store.remove(person)


def _person(row: PersonRow) -> Person:
    return Person(
        id=row.id, name=row.name, role=Role(row.role), locale=row.locale, time_zone=row.time_zone,
        added_by=row.added_by,
    )  # fmt: skip
