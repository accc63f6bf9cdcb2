"""The language each person is spoken to in. English is the source; others are `.po` files in `locales/`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations

from config.catalogue import read_catalogue
from config.paths import LOCALES

__all__ = ["_", "available", "ngettext", "use"]

SOURCE = "en"
_current: ContextVar[NullTranslations] = ContextVar("language", default=NullTranslations())  # noqa: B039 - stateless


def _(text: str) -> str:
    """Return a text in the language in use."""
    return _current.get().gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the text that fits a count, in the language in use. Put the count in with ``.format`` afterwards."""
    return _current.get().ngettext(one, many, count)


@contextmanager
def use(locale: str) -> Iterator[None]:
    """Speak a language inside the block and for this task only; an unknown one becomes its kin, then English."""
    token = _current.set(_translations(locale))
    try:
        yield
    finally:
        _current.reset(token)


def available() -> tuple[str, ...]:
    """Return the locales that have a catalogue, English first."""
    return (SOURCE, *sorted(file.stem for file in LOCALES.glob("*.po")))


def _translations(locale: str) -> NullTranslations:
    wanted = locale.replace("-", "_").lower()
    found = {name.lower(): name for name in available()[1:]}
    kin = [name for name in found if name.split("_")[0] == wanted.split("_")[0]]
    name = wanted if wanted in found else kin[0] if kin and not wanted.startswith(SOURCE) else None
    return read_catalogue(LOCALES / f"{found[name]}.po") if name else NullTranslations()
