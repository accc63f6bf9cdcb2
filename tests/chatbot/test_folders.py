"""A home that cannot be used is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatbot.folders import Folders


def test_a_home_is_made(tmp_path: Path) -> None:
    assert Folders(tmp_path / "a" / "b").charts.is_dir()


def test_a_file_is_no_home(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (file, file / "below"):
        with pytest.raises(OSError, match="cannot be used .*; accepted: a folder that may be written to") as caught:
            Folders(home)
        assert str(home) in str(caught.value)
