"""Reading a YAML text: only plain values, no surprises, no key twice."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from config.problems import ConfigError, Problem


class _Plain(yaml.SafeLoader):
    """YAML as people mean it: `no` is a text, `08:30` is a text, a key given twice is a mistake."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping, refusing a key given twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("tag:yaml.org,2002:int", r"^[-+]?\d+$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$", "-+.0123456789"),
):
    _Plain.add_implicit_resolver(_tag, re.compile(_pattern), ["" if first == "\0" else first for first in _first])


def parse(text: str, source: str) -> Any:
    """Return the value of a YAML text. Raises ``ConfigError`` with line and column, never with the text itself."""
    try:
        return yaml.load(text, _Plain)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
        problem = Problem(source=place, field="", given=error.problem or "not YAML", accepted="YAML, each key once")
    except (yaml.YAMLError, ValueError) as error:
        problem = Problem(source=source, field="", given=type(error).__name__, accepted="YAML")
    raise ConfigError([problem])


def read(file: Path) -> dict[str, Any]:
    """Return the sections of a YAML file. Raises ``ConfigError``."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(
            [Problem(source=str(file), field="", given=str(reason), accepted="a readable YAML file")]
        ) from None
    value = parse(text, str(file))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError([Problem(source=str(file), field="", given="a single value", accepted="sections with keys")])
    return value
