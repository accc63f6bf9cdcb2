"""Who is on a platform, how each is spoken to, and whose recipient is whose."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest

from chatbot.platform import Audience, SendRefused, chat_of
from commands.context import Person
from commands.registry import Role
from config.service import Chat
from tests.commands.house import MemoryPeople

OLGA = Person(id="telegram:1", name="Olga", role=Role.OWNER, locale="pt_BR", time_zone="America/Sao_Paulo")
VERA = Person(id="discord:2", name="Vera", role=Role.VIEWER)
SAM = Person(id="telegram:3", name="Sam", role=Role.STRANGER)
AUDIENCE = Audience(MemoryPeople(OLGA, VERA, SAM), Chat(locale="de", time_zone="Europe/Berlin"))


def test_a_platform_has_its_own_people_with_enough_of_a_role() -> None:
    assert list(AUDIENCE.of("telegram")) == [OLGA]
    assert list(AUDIENCE.of("discord")) == [VERA]
    assert list(AUDIENCE.of("discord", Role.TRADER)) == []


@pytest.mark.parametrize("user", ["3", "2", "", "telegram:1"])
def test_whoever_is_not_known_there_is_nobody(user: str) -> None:
    assert AUDIENCE.person("telegram", user) is None


def test_people_are_spoken_to_as_they_chose_and_else_as_configured() -> None:
    assert (AUDIENCE.locale(OLGA), AUDIENCE.zone(OLGA)) == ("pt_BR", ZoneInfo("America/Sao_Paulo"))
    lost = msgspec.structs.replace(VERA, time_zone="Mars/Olympus")
    for each in (VERA, None, lost):
        assert (AUDIENCE.locale(each), AUDIENCE.zone(each)) == ("de", ZoneInfo("Europe/Berlin"))


def test_a_recipient_belongs_to_one_platform() -> None:
    assert chat_of("telegram:-100123", "telegram") == "-100123"
    for wrong in ("discord:1", "telegram:", "telegram", "1"):
        with pytest.raises(SendRefused, match="accepted: telegram:chat id"):
            chat_of(wrong, "telegram")
