"""`default.yaml` promises no effect that a setting does not have, and hides none that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.diagnosis import describe, setting_names
from config.handbook import handbook
from tests.config.reading import product, settings_read

READ = settings_read(product())
ENTRIES = {each.name: each for each in handbook() if not each.is_section}


def test_the_handbook_has_every_setting_with_what_it_accepts() -> None:
    assert list(ENTRIES) == list(setting_names())
    assert all(each.accepted == describe(each.name.split(".")) for each in ENTRIES.values())


@pytest.mark.parametrize("name", list(ENTRIES))
def test_a_setting_is_marked_exactly_when_nothing_reads_it(name: str) -> None:
    assert ENTRIES[name].used == (name in READ), f"{name}: add or remove '(not used yet)' in config/default.yaml"


def test_the_scan_follows_aliases_annotations_and_classes(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        "def f(settings, chat: Chat, other):\n"
        "    risk, x = settings.risk_management, 1\n"
        "    spot = risk.spot_risk\n"
        "    return spot.max_asset_allocation_perc, chat.locale, other.max_bots, settings.rl_agent.enabled\n"
    )
    assert settings_read([file]) == {
        "risk_management.spot_risk.max_asset_allocation_perc",
        "chat.locale",
        "rl_agent.enabled",
    }
