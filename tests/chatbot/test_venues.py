"""Which exchange is opened, and what is refused before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatbot.folders import Folders
from chatbot.venues import ModeUnavailable, open_venue
from config.schema import Settings
from engine.clock import ManualClock


def test_an_exchange_that_is_not_known_leaves_no_trace(tmp_path: Path) -> None:
    settings = Settings.model_validate({"exchange": {"name": "binanse"}})
    with pytest.raises(ModeUnavailable, match="'binanse' is not known; accepted: .*binance.*simulated"):
        with open_venue(settings, Folders(tmp_path), ManualClock(0)):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_known_exchange_is_opened_without_its_library(tmp_path: Path) -> None:
    with open_venue(Settings(), Folders(tmp_path), ManualClock(0)) as venue:
        assert venue.name == "paper"
