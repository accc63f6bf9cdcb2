"""The mark of a text that `config.template` finds and that is translated later, when somebody reads it."""

from __future__ import annotations


def _(text: str) -> str:
    """Return the text as it is, in English."""
    return text
