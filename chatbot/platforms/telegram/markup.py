"""Blocks as Telegram's HTML, rows of buttons as inline keyboards, and the limits of a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import InlineKeyboardButtonLimit, KeyboardButtonStyle, MessageLimit

from chatbot.rendering import Block, Limits, Style
from commands.reply import Button

LIMITS = Limits(text=MessageLimit.MAX_TEXT_LENGTH, caption=MessageLimit.CAPTION_LENGTH)
PARSE_MODE = "HTML"


def html(blocks: Iterable[Block]) -> str:
    """Return blocks as HTML; neighbouring rows of a table share one frame."""
    lines = []
    for fixed, group in groupby(blocks, key=lambda each: each.style is Style.FIXED):
        if fixed:
            lines.append(f"<pre>{escape(chr(10).join(each.text for each in group), quote=False)}</pre>")
        else:
            lines.extend(_line(each) for each in group)
    return "\n".join(lines)


def keyboard(rows: Sequence[Sequence[Button]]) -> InlineKeyboardMarkup | None:
    """Return buttons that send their line when tapped, or None when there are none."""
    kept = [[_button(each) for each in row if _fits(each.line)] for row in rows]
    kept = [row for row in kept if row]
    return InlineKeyboardMarkup(kept) if kept else None


def _line(block: Block) -> str:
    text = escape(block.text, quote=False)
    label = f"{escape(block.label, quote=False)}: " if block.label else ""
    tag = {Style.TITLE: "b", Style.FIELD: "b", Style.NOTE: "i"}.get(block.style)
    # An empty element is dropped by Telegram, and one around blanks alone is an error in some versions.
    return f"{label}<{tag}>{text}</{tag}>" if tag and block.text.strip() else label + text


def _button(button: Button) -> InlineKeyboardButton:
    style = KeyboardButtonStyle.DANGER if button.danger else None
    return InlineKeyboardButton(button.label, callback_data=button.line, style=style)


def _fits(line: str) -> bool:
    return (
        InlineKeyboardButtonLimit.MIN_CALLBACK_DATA <= len(line.encode()) <= InlineKeyboardButtonLimit.MAX_CALLBACK_DATA
    )
