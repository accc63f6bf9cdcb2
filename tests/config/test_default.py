"""`default.yaml` is the documentation of every setting: complete, current and equal to the schema's defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.diagnosis import describe, setting_names
from config.load import load_settings
from config.paths import DEFAULT_FILE
from config.schema import Settings

_KEY = re.compile(r"^( *)(\w+):")


def _documented() -> Iterator[tuple[str, str]]:
    """Yield the dotted name of every line with the line before it."""
    path: list[str] = []
    before = ""
    for line in DEFAULT_FILE.read_text(encoding="utf-8").splitlines():
        if match := _KEY.match(line):
            path = [*path[: len(match[1]) // 2], match[2]]
            yield ".".join(path), before.strip()
        before = line


def test_it_equals_the_defaults(home: Path) -> None:
    assert load_settings(DEFAULT_FILE, home) == Settings()


def test_it_writes_every_setting(home: Path) -> None:
    assert {name for name, _ in _documented()} >= set(setting_names())


@pytest.mark.parametrize("name", list(setting_names()))
def test_each_setting_is_explained_with_what_it_accepts(name: str) -> None:
    comment = dict(_documented())[name]
    words = describe(name.split("."))
    assert re.fullmatch(rf"# \S.*\. \[{re.escape(words)}\]( \(not used yet\))?", comment)
