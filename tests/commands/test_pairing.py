"""One-time codes, and those who guess at them."""

from __future__ import annotations

import itertools

import pytest

from commands.context import Person
from commands.pairing import LIFETIME, LOCKED, TRIES_TOGETHER, Pairing, Refusal, new_digits
from commands.registry import Role
from engine.clock import ManualClock
from tests.commands.house import MemoryPeople, person


class Door:
    def __init__(self, *people: Person) -> None:
        self.clock = ManualClock(1000)
        self.people = MemoryPeople(*people)
        numbers = itertools.count(10_000_000)
        self.pairing = Pairing(self.clock, self.people, lambda: str(next(numbers)))

    def knock(self, code: str, user: str = "ada") -> Person | Refusal:
        return self.pairing.redeem("telegram", user, user.title(), code)


def test_a_code_lets_one_person_in_once() -> None:
    door = Door()
    code = door.pairing.invite(Role.TRADER, "telegram:olga")
    ada = door.knock(f" {code} ")
    assert ada == Person(id="telegram:ada", name="Ada", role=Role.TRADER, added_by="telegram:olga")
    assert door.people.get("telegram:ada") == ada
    assert door.knock(code, "eve") is Refusal.WRONG


def test_a_code_expires() -> None:
    door = Door()
    code = door.pairing.invite(Role.TRADER, "telegram:olga")
    door.clock.advance(LIFETIME)
    assert door.knock(code) is Refusal.WRONG


def test_the_first_code_is_made_only_while_nobody_owns() -> None:
    door = Door()
    first = door.pairing.first_code()
    assert first is not None
    assert door.pairing.first_code() is None
    door.clock.advance(LIFETIME)
    second = door.pairing.first_code()
    assert second not in (None, first)
    assert Door(person("olga", Role.OWNER)).pairing.first_code() is None


def test_a_known_person_rises_and_never_falls_and_keeps_their_wishes() -> None:
    vera = Person(id="telegram:vera", name="Old", role=Role.VIEWER, locale="de", added_by="telegram:olga")
    door = Door(vera)
    risen = door.knock(door.pairing.invite(Role.TRADER, "telegram:tim"), "vera")
    assert risen == Person(id="telegram:vera", name="Vera", role=Role.TRADER, locale="de", added_by="telegram:olga")
    same = door.knock(door.pairing.invite(Role.VIEWER, "telegram:tim"), "vera")
    assert isinstance(same, Person)
    assert same.role is Role.TRADER


def test_five_wrong_tries_lock_even_the_right_code_out_for_an_hour() -> None:
    door = Door()
    code = door.pairing.invite(Role.OWNER, "")
    assert [door.knock(str(number)) for number in range(6)] == [
        *[Refusal.WRONG] * 4, Refusal.JUST_LOCKED, Refusal.LOCKED,
    ]  # fmt: skip
    assert door.knock(code) is Refusal.LOCKED
    assert isinstance(door.knock(code, "bob"), Person)
    door.clock.advance(LOCKED)
    assert isinstance(door.knock(door.pairing.invite(Role.OWNER, "")), Person)


def test_many_accounts_that_guess_void_every_code() -> None:
    door = Door()
    code = door.pairing.invite(Role.OWNER, "")
    for number in range(TRIES_TOGETHER):
        assert door.knock("00000000", f"eve{number}") is Refusal.WRONG
    assert door.knock(code) is Refusal.WRONG


def test_a_new_code_after_all_are_gone_starts_a_new_count() -> None:
    door = Door()
    for number in range(TRIES_TOGETHER - 1):
        door.knock("00000000", f"eve{number}")
    code = door.pairing.invite(Role.OWNER, "")
    door.knock("00000000", "mallory")
    assert isinstance(door.knock(code), Person)


def test_the_memory_of_guessers_is_bounded() -> None:
    door = Door()
    for number in range(1500):
        door.knock("0", f"eve{number}")
    assert door.knock("0", "eve1499") is Refusal.WRONG
    assert len(door.pairing._tries) == 1000


def test_several_codes_work_side_by_side() -> None:
    door = Door()
    codes = [door.pairing.invite(role, "") for role in (Role.VIEWER, Role.OWNER)]
    found = [door.knock(code, f"user{number}") for number, code in enumerate(codes)]
    assert [each.role for each in found if isinstance(each, Person)] == [Role.VIEWER, Role.OWNER]


def test_nobody_is_invited_as_a_stranger() -> None:
    with pytest.raises(ValueError, match="STRANGER"):
        Door().pairing.invite(Role.STRANGER, "")


def test_digits_are_eight_and_differ() -> None:
    assert new_digits().isdigit()
    assert len(new_digits()) == 8
    assert new_digits() != new_digits()


def test_what_is_no_ascii_is_only_wrong() -> None:
    door = Door()
    door.pairing.invite(Role.OWNER, "")
    assert door.knock("１２３４５６７８") is Refusal.WRONG
