"""People: added once, changed in place, forgotten."""

from __future__ import annotations

import msgspec

from data.database import Database
from data.people import PeopleStore, PersonRow

ADA = PersonRow(
    id="telegram:1", name="Ada", role=3, locale="pt", time_zone="America/Sao_Paulo", added_at=5, added_by=""
)
BOB = PersonRow(id="discord:2", name="Bób 🎼", role=1, added_at=4, added_by="telegram:1")


def test_people_come_back_in_the_order_they_were_added() -> None:
    people = PeopleStore(Database.in_memory())
    people.put(ADA)
    people.put(BOB)
    assert people.all() == [BOB, ADA]
    assert people.get("discord:2") == BOB
    assert people.get("telegram:2") is None


def test_a_change_keeps_when_and_by_whom_somebody_came() -> None:
    people = PeopleStore(Database.in_memory())
    people.put(BOB)
    people.put(msgspec.structs.replace(BOB, role=2, name="Bob", added_at=99, added_by="discord:9"))
    assert people.get(BOB.id) == msgspec.structs.replace(BOB, role=2, name="Bob")


def test_somebody_forgotten_is_a_stranger() -> None:
    people = PeopleStore(Database.in_memory())
    people.put(ADA)
    assert people.remove(ADA.id)
    assert not people.remove(ADA.id)
    assert people.get(ADA.id) is None
