"""Replies in a terminal, and what stands on the line being typed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import tzinfo
from typing import TextIO

from rich.console import Console
from rich.text import Text as Styled

from chatbot.rendering import Block, Limits, Part, Style, badge, parts
from commands.reply import Button, Reply
from config.language import _
from data.values import Mode

PROMPT = "› "
_COLUMNS = 100
# A terminal scrolls: nothing is ever split.
_ENDLESS = Limits(text=10_000_000, caption=10_000_000, columns=_COLUMNS, rows=1000, row_buttons=1000, row_width=10_000)
_CLEAR_LINE = "\r\x1b[K"
_STYLES = {Style.TITLE: "bold", Style.NOTE: "dim"}
_BADGES = {Mode.SHADOW: "cyan", Mode.TESTNET: "blue", Mode.PRODUCTION: "bold red"}


class Screen:
    """Prints. While somebody types, their line steps aside for what is printed and comes back after it."""

    def __init__(self, output: TextIO | None = None, *, colour: bool | None = None) -> None:
        """Print to ``output`` or the standard one; ``colour`` None means as the terminal can."""
        self._output = output or sys.stdout
        self._console = Console(
            file=self._output, highlight=False, soft_wrap=True, no_color=colour is False or None,
            force_terminal=True if colour else None,
        )  # fmt: skip
        self.typing = False
        """Whether the prompt stands there."""

    def show(self, reply: Reply, zone: tzinfo, *, first_number: int | None) -> tuple[Button, ...]:
        """Print a reply and return its buttons, numbered from ``first_number``; None shows their lines instead."""
        buttons: list[Button] = []
        # A terminal breaks lines in the middle of words; a file is to be searched, line by line.
        whole_words = self._output.isatty()
        for part in parts(reply, _ENDLESS, zone):
            self._print(_styled(part.blocks), whole_words)
            buttons += _buttons(part)
        if buttons:
            self._print(_numbered(buttons, first_number), whole_words)
        return tuple(buttons)

    def say(self, text: str, style: str = "") -> None:
        """Print a line of our own."""
        self._print(Styled(text, style=style))

    def leave_line(self) -> None:
        """Begin a line of its own for whatever comes after the prompt that is given up."""
        if self.typing:
            self._output.write("\n")
            self._output.flush()

    def _print(self, text: Styled, whole_words: bool = False) -> None:
        if self.typing:
            self._output.write(_CLEAR_LINE)
        self._console.print(text, soft_wrap=not whole_words)
        if self.typing:
            self._output.write(PROMPT + _typed_so_far())
            self._output.flush()


def _styled(blocks: Sequence[Block]) -> Styled:
    width = max((len(each.label) for each in blocks if each.label), default=0)
    lines = []
    for each in blocks:
        if each.label:
            # Further lines of a value stand below its first.
            value = each.text.replace("\n", "\n" + " " * (width + 2))
            lines.append(Styled.assemble((each.label.ljust(width + 2), "dim"), value))
        elif each.style is Style.TITLE:
            lines.append(_title(each.text))
        else:
            lines.append(Styled(each.text, style=_STYLES.get(each.style, "")))
    return Styled("\n").join(lines)


def _title(text: str) -> Styled:
    title = Styled(text, style="bold")
    for mode, style in _BADGES.items():
        if text.startswith(badge(mode)):
            title.stylize(style, 0, len(badge(mode)))
    return title


def _buttons(part: Part) -> list[Button]:
    return [button for row in part.rows for button in row]


def _numbered(buttons: Sequence[Button], first: int | None) -> Styled:
    if first is None:
        return Styled("  ".join(f"{each.label}: {each.line}" for each in buttons), style="dim")
    words = [Styled.assemble((f"[{first + at}]", "bold"), f" {each.label}") for at, each in enumerate(buttons)]
    return Styled("   ").join(words)


def _typed_so_far() -> str:
    readline = sys.modules.get("readline")
    return str(readline.get_line_buffer()) if readline is not None else ""


def greeting() -> str:
    """Return what is said when somebody can begin to type."""
    return _("Type /help and Enter. A number taps a button of the last answer; quit ends Batuta.")
