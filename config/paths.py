"""Where Batuta keeps its files: one home directory, chosen by BATUTA_HOME."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_FILE = Path(__file__).with_name("default.yaml")
"""Every setting with its default and its documentation."""
LOCALES = Path(__file__).with_name("locales")


def batuta_home() -> Path:
    """Return the directory of all run-time files; it need not exist yet."""
    return Path(os.environ.get("BATUTA_HOME") or "~/.batuta").expanduser().absolute()


def leases() -> Path:
    """Return the directory in which all homes of this machine tell each other which accounts they trade."""
    return Path(os.environ.get("BATUTA_LEASES") or "~/.local/state/batuta/leases").expanduser().absolute()


def settings_file(home: Path) -> Path:
    """Return where the operator's settings are read from when no file is named."""
    return home / "config.yaml"
