"""What is wrong with a configuration, said so that the operator can mend it.

ConfigError     the settings or secrets cannot be used; carries every Problem found
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from config.language import _, ngettext

_SECRET_NAMES = re.compile(r"(key|secret|token|password|passphrase)$", re.IGNORECASE)
_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: where it stands, what was given and what would be accepted."""

    source: str
    field: str
    given: str
    accepted: str

    def __str__(self) -> str:
        """Return the problem as indented lines."""
        place = f"{self.source}: {self.field}" if self.field else self.source
        given, accepted = _("given:"), _("accepted:")
        width = max(len(given), len(accepted))
        return f"  {place}\n      {given:{width}} {self.given}\n      {accepted:{width}} {self.accepted}"


class ConfigError(Exception):
    """The configuration cannot be used, for all the reasons listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Remember all problems."""
        self.problems = tuple(problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        """Return one line, then every problem."""
        count = len(self.problems)
        head = ngettext(
            "the configuration has {count} problem; nothing was loaded",
            "the configuration has {count} problems; nothing was loaded",
            count,
        ).format(count=count)
        return "\n".join([head, *map(str, self.problems)])


def names_a_secret(field: str) -> bool:
    """Say whether a dotted field is named like something that must never be shown."""
    return any(_SECRET_NAMES.search(part) for part in field.split("."))


def shown(field: str, value: object) -> str:
    """Return a given value as it may stand in a message: shortened, and hidden when its name sounds secret."""
    if names_a_secret(field):
        return "(not shown)"
    if isinstance(value, dict):
        return f"a section with {len(value)} keys" if value else "an empty section"
    if isinstance(value, bool):
        return str(value).lower()
    text = "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
