"""Translations read straight from their `.po` files, so that a translator needs no other tool than an editor."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from gettext import NullTranslations, c2py
from pathlib import Path

_PLURALS = re.compile(r"nplurals\s*=\s*\d+\s*;\s*plural\s*=\s*([^;\\]+);?")


class Catalogue(NullTranslations):
    """The texts of one language; a text it lacks stays English."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        """Take translations by English text: one form, or one per plural."""
        super().__init__()
        self._texts = {source: forms for source, forms in texts.items() if source and all(forms)}
        rule = _PLURALS.search(texts.get("", [""])[0])
        self._plural = c2py(rule.group(1).strip() if rule else "n != 1")

    def gettext(self, message: str) -> str:
        """Return the translation of a text."""
        return self._texts.get(message, [message])[0]

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the translation of a text in the plural that a number asks for."""
        forms = self._texts.get(msgid1)
        return forms[self._plural(n)] if forms else msgid1 if n == 1 else msgid2


@dataclass(slots=True)
class _Entry:
    source: str = ""
    forms: dict[int, str] = field(default_factory=dict)


@cache
def read_catalogue(file: Path) -> Catalogue:
    """Return the translations of a `.po` file."""
    return Catalogue(read_entries(file))


def read_entries(file: Path) -> dict[str, list[str]]:
    """Return what a `.po` file says: the forms of each translation by English text, its header under the empty one."""
    texts: dict[str, list[str]] = {}
    for block in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
        if entry := _entry(block):
            texts[entry.source] = [entry.forms[index] for index in sorted(entry.forms)]
    return texts


def _entry(block: str) -> _Entry | None:
    entry, place = _Entry(), ""
    for line in block.splitlines():
        match = re.match(r'\s*(?:(msgid_plural|msgid|msgstr)(?:\[(\d+)\])?\s+)?("(?:[^"\\]|\\.)*")\s*$', line)
        if match is None:
            continue
        keyword, index, text = match.groups()
        place = f"{keyword}{index or ''}" if keyword else place
        words = str(ast.literal_eval(text))
        if place == "msgid":
            entry.source += words
        elif place.startswith("msgstr"):
            number = int(place.removeprefix("msgstr") or 0)
            entry.forms[number] = entry.forms.get(number, "") + words
    return entry if entry.forms else None
