"""Small answers the service settings give."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from config.problems import shown
from config.service import Chat, Telegram
from tests.config.conftest import Load

TOKEN = SecretStr("token")


@pytest.mark.parametrize(
    ("enabled", "token", "on"),
    [("auto", TOKEN, True), ("auto", None, False), (True, None, True), (False, TOKEN, False)],
)
def test_a_chat_is_on_as_told_or_when_its_token_is_there(enabled: bool, token: SecretStr | None, on: bool) -> None:
    assert Telegram(enabled=enabled).is_on(token) is on


def test_chat_times_are_ready_to_use(load: Load) -> None:
    chat = load("chat: {time_zone: America/Sao_Paulo, plan_expiry_seconds: 90}").chat
    assert str(chat.zone) == "America/Sao_Paulo"
    assert chat.plan_expiry == timedelta(seconds=90)
    assert str(Chat().zone) == "UTC"


def test_long_values_are_shortened() -> None:
    assert len(shown("a.b", "x" * 500)) < 100
    assert shown("a.b", {"c": 1}) == "a section with 1 keys"
    assert shown("api.key", "x") == "(not shown)"
