"""Agents are found by their file, and each is what it says."""

from __future__ import annotations

import pytest

from config.schema import Settings
from engine.agents import base


def test_every_module_but_base_is_an_agent() -> None:
    assert {"grid", "risk"} <= set(base.discover())
    assert "base" not in base.discover()


@pytest.mark.parametrize("name", sorted(base.discover()))
def test_an_agent_bears_the_name_of_its_file(name: str) -> None:
    agent = base.makers(base.discover(), Settings())[name]()

    if agent is not None:
        assert agent.name == name
        assert agent.what
        assert agent.interval_seconds > 0
