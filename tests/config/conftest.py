"""A home directory of its own for every test, and an environment without the developer's variables."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from config.load import ConfigError, load_settings
from config.schema import Settings

Load = Callable[[str], Settings]
Fail = Callable[[str], ConfigError]


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an empty working directory and an environment that holds nothing of ours."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("BATUTA_", "BINANCE_", "TELEGRAM_", "DISCORD_", "REDDIT_")):
            monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def load(home: Path) -> Load:
    """Load settings from a YAML text in the home directory."""

    def from_text(text: str) -> Settings:
        (home / "config.yaml").write_text(text, encoding="utf-8")
        return load_settings(home=home)

    return from_text


@pytest.fixture
def fail(load: Load) -> Fail:
    """Load settings that must not load, and return the error."""

    def from_text(text: str) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            load(text)
        return caught.value

    return from_text
