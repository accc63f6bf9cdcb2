"""What `default.yaml` says of every setting: its meaning, what is accepted, and whether anything acts on it yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

from config.document import read
from config.paths import DEFAULT_FILE

UNUSED = " (not used yet)"
_KEY = re.compile(r"( *)(\w+):(.*)")
_COMMENT = re.compile(r"(?P<meaning>.*?)(?: \[(?P<accepted>.*)\])?(?P<unused> \(not used yet\))?")


class Entry(NamedTuple):
    """One key of the file: a setting, or a section, which accepts nothing by itself."""

    name: str
    """Its dotted name."""
    default: str
    meaning: str
    accepted: str
    used: bool

    @property
    def is_section(self) -> bool:
        """Return whether other settings are inside."""
        return not self.accepted


def handbook() -> Iterator[Entry]:
    """Yield every documented section and setting in the order of the file."""
    defaults = read(DEFAULT_FILE)
    path: list[str] = []
    before = ""
    for line in DEFAULT_FILE.read_text(encoding="utf-8").splitlines():
        if (key := _KEY.fullmatch(line)) and before.startswith("#"):
            path = [*path[: len(key[1]) // 2], key[2]]
            yield _entry(path, before.removeprefix("#").strip(), defaults)
        before = line.strip()


def _entry(path: list[str], comment: str, defaults: dict[str, Any]) -> Entry:
    said = _COMMENT.fullmatch(comment)
    if said is None:
        raise ValueError(f"{'.'.join(path)}: its comment is not a sentence with what is accepted in brackets")
    value: Any = reduce(lambda tree, name: tree[name], path, defaults)
    default = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return Entry(
        name=".".join(path),
        default=default,
        meaning=said["meaning"],
        accepted=said["accepted"] or "",
        used=said["unused"] is None,
    )
