"""Owners let people in and out."""

from __future__ import annotations

import pytest

from commands.registry import Registry, Role, discover
from commands.reply import Failure, Proposal, Reply, Table, Text
from tests.commands.house import House


def house() -> House:
    return House(registry=Registry(discover().all()))


async def confirmed(built: House, proposal: Reply) -> Reply:
    assert isinstance(proposal, Proposal)
    await built.one(proposal.confirm.line, "olga")
    return await built.one(f"{proposal.confirm.line} {built.announced[-1].split()[-1]}", "olga")


@pytest.mark.parametrize("role", ["viewer", "trader", "owner"])
async def test_an_invited_person_gets_in(role: str) -> None:
    built = house()
    receipt = await confirmed(built, await built.one(f"/invite {role}", "olga"))
    assert isinstance(receipt, Text)
    welcome = await built.one(f"/pair {receipt.text.split()[-1]}", "ada")
    assert isinstance(welcome, Text)
    ada = built.people.known["telegram:ada"]
    assert (ada.role, ada.added_by) == (Role[role.upper()], "telegram:olga")


async def test_an_invitation_needs_an_owner_the_code_and_a_private_chat() -> None:
    built = house()
    assert isinstance(await built.one("/invite owner", "tim"), Failure)
    proposal = await built.one("/invite", "olga")
    assert isinstance(proposal, Proposal)
    asked = await built.one(proposal.confirm.line, "olga")
    assert isinstance(asked, Text)
    assert "/pair" not in asked.text
    (public,) = await built.say("/invite", "olga", private=False)
    assert isinstance(public, Failure)


async def test_an_owner_sees_everybody() -> None:
    table = await house().one("/people", "olga")
    assert isinstance(table, Table)
    assert ("Vera", "telegram:vera", "viewer") in table.rows


async def test_letting_out_works_at_once() -> None:
    built = house()
    assert isinstance(await built.one("/people remove=telegram:tim", "olga"), Text)
    assert await built.say("/status", "tim") == ()


@pytest.mark.parametrize("who", ["telegram:nobody", "telegram:olga"])
async def test_nobody_unknown_and_not_the_last_owner(who: str) -> None:
    built = house()
    failure = await built.one(f"/people {who}", "olga")
    assert isinstance(failure, Failure)
    assert failure.value == who
    assert "telegram:olga" in built.people.known


async def test_only_owners_let_out() -> None:
    built = house()
    assert isinstance(await built.one("/people telegram:vera", "tim"), Failure)
    assert "telegram:vera" in built.people.known
