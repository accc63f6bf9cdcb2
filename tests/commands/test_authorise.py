"""Who may do what; the matrix covers every command there is."""

from __future__ import annotations

import pytest

from commands.authorise import FLOOR, Patience, allowed, needed, recognise
from commands.context import Person
from commands.registry import Command, Role, Tier, discover
from tests.commands.house import MemoryPeople, person

ALL = discover().all()
TIM = person("tim", Role.TRADER)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("command", ALL, ids=lambda each: each.name)
def test_the_matrix_of_roles_and_commands(command: Command, role: Role) -> None:
    least = max(command.role, Role.VIEWER if command.tier in (Tier.READ, Tier.REVERSIBLE) else Role.TRADER)
    assert allowed(person("x", role), command) is (role >= least)
    assert not allowed(None, command)


def test_no_stranger_runs_anything() -> None:
    assert not any(allowed(person("x", Role.STRANGER), each) for each in ALL)


@pytest.mark.parametrize("command", ALL, ids=lambda each: each.name)
def test_no_command_that_moves_money_is_declared_for_viewers(command: Command) -> None:
    if command.tier >= Tier.MONEY:
        assert command.role >= FLOOR[command.tier]
    assert needed(command) >= Role.VIEWER


def test_a_person_is_recognised_by_platform_and_user_id_alone() -> None:
    people = MemoryPeople(TIM)
    assert recognise(people, "telegram", "tim") == TIM
    assert recognise(people, "discord", "tim") is None
    assert recognise(people, "telegram", "Tim") is None
    assert recognise(people, "", "tim") is None
    assert recognise(people, "telegram", "") is None


def test_every_doubt_is_a_no() -> None:
    people = MemoryPeople(TIM)
    people.known["telegram:eve"] = TIM
    people.known["telegram:none"] = person("none", Role.STRANGER)
    assert recognise(people, "telegram", "eve") is None
    assert recognise(people, "telegram", "none") is None
    people.broken = True
    assert recognise(people, "telegram", "tim") is None


def test_patience_comes_back() -> None:
    patience = Patience(each=2, together=3, window=1000)
    assert [patience.spend("a", 0), patience.spend("a", 1), patience.spend("a", 2)] == [True, True, False]
    assert [patience.spend("b", 3), patience.spend("c", 4)] == [True, False]
    assert patience.spend("c", 1000)


def test_a_person_knows_their_platform() -> None:
    assert Person(id="discord:5", name="D", role=Role.VIEWER).platform == "discord"
