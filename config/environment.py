"""The operator's environment: process variables, then `.env` here, then `.env` in the home directory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from dotenv import dotenv_values

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def environment(home: Path) -> Mapping[str, str]:
    """Return all variables; one that is set but empty counts as not set."""
    found: dict[str, str] = {}
    for file in (home / ".env", Path(".env")):
        if file.is_file():
            found |= {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
    return found | {name: value for name, value in os.environ.items() if value}


def references(text: str) -> bool:
    """Say whether a text names an environment variable as ``${NAME}``."""
    return _REFERENCE.search(text) is not None


def interpolate(text: str, variables: Mapping[str, str], missing: Callable[[str], None]) -> str:
    """Replace ``${NAME}`` and ``${NAME:-otherwise}``; tell ``missing`` each name that has no value."""

    def value(match: re.Match[str]) -> str:
        name, otherwise = match.group(1), match.group(2)
        if name not in variables and otherwise is None:
            missing(name)
        return variables.get(name, otherwise or "")

    return _REFERENCE.sub(value, text)
