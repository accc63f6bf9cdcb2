"""/settings."""

from __future__ import annotations

import pytest

from chatbot.platforms.telegram.markup import LIMITS
from chatbot.rendering import parts, plain
from config.schema import Settings
from tests.commands.library.stage import Stage, lines, value


async def test_your_own_come_first() -> None:
    card = await Stage().card("/settings", "vera")
    assert (value(card, "Role"), value(card, "Time zone")) == ("viewer", "UTC (default)")
    assert value(card, "Your time") == "2026-01-15 12:00 UTC"
    assert "/settings all" not in lines(card)
    assert "/settings all" in lines(await Stage().card("/settings", "olga"))


async def test_a_time_zone_is_kept_and_can_be_undone() -> None:
    stage = Stage()
    card = await stage.card("/settings time_zone Europe/Lisbon", "vera")
    assert (card.title, value(card, "Your time")) == ("Saved", "2026-01-15 12:00 WET")
    assert lines(card) == ["/settings time_zone default"]
    assert stage.people.known["telegram:vera"].time_zone == "Europe/Lisbon"
    await stage.card(lines(card)[0], "vera")
    assert stage.people.known["telegram:vera"].time_zone == ""


async def test_a_language_is_kept() -> None:
    stage = Stage()
    await stage.card("/settings locale en", "vera")
    assert stage.people.known["telegram:vera"].locale == "en"


@pytest.mark.parametrize(
    ("line", "field"), [("/settings time_zone Mars/Olympus", "time_zone"), ("/settings locale tlh", "locale")]
)
async def test_what_does_not_exist_is_not_kept(line: str, field: str) -> None:
    stage = Stage()
    before = dict(stage.people.known)
    failure = await stage.failure(line, "vera")
    assert failure.field == field
    assert failure.accepted
    assert stage.people.known == before


async def test_owners_see_effective_settings_by_section() -> None:
    table = await Stage().table("/settings risk_management", "olga")
    assert ("risk_management.max_bots", "10") in table.rows
    assert ("risk_management.spot_risk.max_asset_allocation_perc", "70.0") in table.rows
    everything = await Stage().table("/settings all", "olga")
    assert ("operation_mode", "shadow") in everything.rows
    assert ("paper.initial_balances.USDT", "10000") in everything.rows


@pytest.mark.parametrize("user", ["tim", "vera"])
async def test_others_do_not_see_them(user: str) -> None:
    assert (await Stage().failure("/settings all", user)).problem == "Only owners see these settings."


async def test_an_unknown_section_lists_the_known_ones() -> None:
    failure = await Stage().failure("/settings wishes", "olga")
    assert "risk_management" in failure.accepted


async def test_what_nothing_acts_on_is_marked() -> None:
    rows = {name: value for name, value in (await Stage().table("/settings trading", "olga")).rows}
    assert rows["trading.market_switch_cooldown_minutes"] == "30 (not used yet)"
    assert rows["trading.capital_per_pair_usd"] == "8"


async def test_keys_and_logins_are_not_shown() -> None:
    given = Settings.model_validate({"exchange": {"urls": {"binance": "https://me:hunter2@mirror.example/x"}}})
    rows = {name: value for name, value in (await Stage(settings=given).table("/settings all", "olga")).rows}
    assert rows["exchange.urls.binance"] == "https://…@mirror.example/x"
    assert rows["api.secret"] == "${BINANCE_API_SECRET}"
    assert not any("hunter2" in value for value in rows.values())


async def test_all_of_them_fit_into_a_few_messages() -> None:
    table = await Stage().table("/settings all", "olga")
    assert {each[0] for each in table.rows} >= {"exchange.urls", "operation_mode", "logging.files_kept"}
    messages = parts(table, LIMITS)
    assert 1 < len(messages) <= 6
    assert "operation_mode" in plain(messages[0].blocks)
    assert "logging.files_kept" in plain(messages[-1].blocks)
