"""Small answers the service settings give."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from config.agents import DataAgent
from config.problems import shown
from config.service import Cache, Chat, Telegram
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


@pytest.mark.parametrize(
    ("cache", "agent", "megabytes"), [(100, None, 100), (100, 60, 60), (60, 100, 60), (500, None, 500), (500, 100, 100)]
)
def test_the_smaller_of_two_sizes_bounds_the_memory_for_markets(cache: int, agent: int | None, megabytes: int) -> None:
    memory = Cache(max_size_mb=cache).memory(DataAgent(cache_size_mb=agent))
    assert memory.most_bytes == megabytes * 1_000_000


@pytest.mark.parametrize(("cache", "agent"), [(True, True), (True, False), (False, True), (False, False)])
def test_either_switch_turns_asking_ahead_off(cache: bool, agent: bool) -> None:
    memory = Cache(enable_prefetching=cache, enable_compression=not cache).memory(DataAgent(prefetch_enabled=agent))
    assert (memory.prefetch, memory.compress) == (cache and agent, not cache)


def test_the_longest_time_in_memory_is_in_milliseconds() -> None:
    assert Cache(default_ttl=60).memory(DataAgent()).longest_millis == 60_000
