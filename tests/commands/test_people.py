"""People as they are stored."""

from __future__ import annotations

import pytest

from commands.authorise import recognise
from commands.context import Person
from commands.people import StoredPeople
from commands.registry import Role
from data.database import Database
from data.people import PeopleStore, PersonRow
from engine.clock import ManualClock


def test_people_come_back_as_they_were_put() -> None:
    people = StoredPeople(PeopleStore(Database.in_memory()), ManualClock(5))
    ada = Person(id="telegram:1", name="Ada", role=Role.OWNER, locale="de", time_zone="Asia/Tokyo", added_by="x:1")
    assert people.get("telegram:1") is None
    people.put(ada)
    assert people.get("telegram:1") == ada
    assert people.all() == (ada,)
    people.remove("telegram:1")
    people.remove("telegram:1")
    assert people.all() == ()


def test_a_role_that_means_nothing_opens_no_door() -> None:
    store = PeopleStore(Database.in_memory())
    store.put(PersonRow(id="telegram:1", name="Ada", role=99, added_at=0, added_by=""))
    people = StoredPeople(store, ManualClock(5))
    with pytest.raises(ValueError, match="99"):
        people.get("telegram:1")
    assert recognise(people, "telegram", "1") is None
