"""Each catalogue is true to the English it translates: no stale text, no lost placeholder, every plural form."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from config.catalogue import read_entries
from config.language import available
from config.paths import LOCALES
from config.template import PACKAGES, texts

ROOT = LOCALES.parent.parent
LOCALES_KNOWN = available()[1:]
ENGLISH = {
    text: many
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
    for text, many in texts(file.read_text(encoding="utf-8"))
}
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_COMMAND = re.compile(r"(?<![\w/])/[a-z]+\b")
SPOKEN = 95
"""Percent of all texts that a language has to know."""


def catalogue(locale: str) -> dict[str, list[str]]:
    """Return the translations of a locale by English text, the header left out."""
    entries = read_entries(LOCALES / f"{locale}.po")
    return {source: forms for source, forms in entries.items() if source}


@pytest.mark.parametrize("locale", LOCALES_KNOWN)
def test_no_translation_is_stale(locale: str) -> None:
    assert set(catalogue(locale)) <= set(ENGLISH)


@pytest.mark.parametrize("locale", LOCALES_KNOWN)
def test_placeholders_and_commands_survive_translation(locale: str) -> None:
    for source, forms in catalogue(locale).items():
        for form in forms:
            english = ENGLISH[source] if len(forms) > 1 else None
            for pattern in (_PLACEHOLDER, _COMMAND):
                assert Counter(pattern.findall(form)) == Counter(pattern.findall(english or source)), form


@pytest.mark.parametrize("locale", LOCALES_KNOWN)
def test_what_has_a_plural_has_all_its_forms(locale: str) -> None:
    header = read_entries(LOCALES / f"{locale}.po")[""][0]
    count = re.search(r"nplurals\s*=\s*(\d+)", header)
    assert count is not None
    for source, forms in catalogue(locale).items():
        assert len(forms) == (int(count[1]) if ENGLISH[source] else 1), source


@pytest.mark.parametrize("locale", LOCALES_KNOWN)
def test_nearly_everything_is_said_in_the_language(locale: str) -> None:
    missing = sorted(set(ENGLISH) - set(catalogue(locale)))
    assert len(missing) * 100 <= len(ENGLISH) * (100 - SPOKEN), missing


def test_help_and_purposes_are_texts_too(tmp_path: Path) -> None:
    code = (
        '@command(role=1)\nasync def f(a: Annotated[str, Param("the a")]) -> None:\n'
        '    """Do it\n\n    At once.\n    """\n'
        'class A:\n    what = "Looks on"\nJob(name="x", what="Works")\nOther(what="not this")\n'
    )
    assert {text for text, _ in texts(code)} == {"Do it", "At once.", "the a", "Looks on", "Works"}
