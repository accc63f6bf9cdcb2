"""Recognising a text of the engine by its pattern, and saying it in the language in use.

A pattern is an English text with places in braces. A place takes one word, which stays as it is (a number, a symbol, a
name); one whose name is in ``SPOKEN`` takes words that are a text of the engine themselves, and ``reason`` takes any
words: those of an exchange or of the system cannot be known.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from commands.sayings import advice, decisions, exchanges, grids, indicators, markets
from config.language import _

SPOKEN = frozenset(
    {"first", "second", "method", "because", "problem", "accepted", "status", "state", "policy", "criterion", "finding"}
)
ANY = "reason"
PATTERNS = (
    *indicators.PATTERNS,
    *markets.PATTERNS,
    *grids.PATTERNS,
    *exchanges.PATTERNS,
    *advice.PATTERNS,
    *decisions.PATTERNS,
)
"""Every pattern; of two that fit, the earlier one is meant."""
_PLACE = re.compile(r"\{(\w+)\}")


class _Known(NamedTuple):
    """What a text was recognised as: the pattern, and what stood in its places."""

    pattern: str
    places: dict[str, str]


def said(text: str) -> str:
    """Return a text of the engine in the language in use; one that is not known stays as it is."""
    known = _recognised(text)
    if known is None:
        return text
    places = {name: said(words) if name in SPOKEN or name == ANY else words for name, words in known.places.items()}
    return _(known.pattern).format(**places)


def recognised(text: str) -> bool:
    """Return whether a text is known, down to the texts in its places."""
    return _recognised(text) is not None


@lru_cache(maxsize=2048)
def _recognised(text: str) -> _Known | None:
    fixed, open_ones = _compiled()
    if text in fixed:
        return _Known(text, {})
    for pattern, compiled in open_ones:
        match = compiled.fullmatch(text)
        if match is not None:
            places = match.groupdict()
            if all(recognised(words) for name, words in places.items() if name in SPOKEN):
                return _Known(pattern, places)
    return None


@cache
def _compiled() -> tuple[frozenset[str], list[tuple[str, re.Pattern[str]]]]:
    fixed = frozenset(each for each in PATTERNS if not _PLACE.search(each))
    return fixed, [(each, _expression(each)) for each in PATTERNS if each not in fixed]


def _expression(pattern: str) -> re.Pattern[str]:
    parts, place = [], 0
    for match in _PLACE.finditer(pattern):
        words = "(.+)" if match[1] in SPOKEN or match[1] == ANY else r"(\S+?)"
        parts += [re.escape(pattern[place : match.start()]), words.replace("(", f"(?P<{match[1]}>")]
        place = match.end()
    return re.compile("".join([*parts, re.escape(pattern[place:])]))
