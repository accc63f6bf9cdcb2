"""Replies as Discord shows them: cards as embeds, tables and texts as text, buttons that carry a command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, tzinfo
from itertools import groupby

import discord
import msgspec
from discord.utils import escape_markdown

from chatbot.rendering import Block, Limits, Style, parts
from commands.reply import Button, Card, Chart, Failure, GridPicture, PnlSeries, Proposal, Reply, Table, Text
from data.values import Mode

PICTURE_NAME = "chart.png"
CONTENT, EMBED_TOTAL, EMBED_TITLE, EMBED_DESCRIPTION = 2000, 6000, 256, 4096
EMBED_FIELDS, FIELD_NAME, FIELD_VALUE, FOOTER = 25, 256, 1024, 2048
ROWS, ROW_BUTTONS, LABEL, CUSTOM_ID = 5, 5, 80, 100
_NEVER_FITS = 1_000_000
_INLINE_NAME, _INLINE_VALUE = 20, 24
_RED = 0xC0392B
_COLOURS = {Mode.SHADOW: 0x7F8C8D, Mode.TESTNET: 0x2980B9, Mode.PRODUCTION: 0xE67E22}


class Outgoing(msgspec.Struct, frozen=True):
    """One Discord message."""

    content: str = ""
    embed: discord.Embed | None = None
    rows: tuple[tuple[Button, ...], ...] = ()
    picture: PnlSeries | GridPicture | None = None


def messages(reply: Reply, zone: tzinfo = UTC) -> tuple[Outgoing, ...]:
    """Return the messages that together say ``reply``, in the language in use."""
    if isinstance(reply, Text | Table):
        return tuple(Outgoing(markdown(each.blocks), None, each.rows) for each in parts(reply, _TEXT_LIMITS, zone))
    colour = _colour(reply)
    return tuple(
        Outgoing("", embed(each.blocks, colour, pictured=each.picture is not None), each.rows, each.picture)
        for each in parts(reply, _EMBED_LIMITS, zone)
    )


def markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as Discord's markup; rows of a table share one frame."""
    lines: list[str] = []
    for fixed, group in groupby(blocks, key=lambda each: each.style is Style.FIXED):
        if fixed:
            rows = "\n".join(each.text for each in group)
            # A zero-width space keeps text that looks like the end of the frame from ending it.
            lines.append("```\n" + rows.replace("```", "`\u200b``") + "\n```")
        else:
            lines += [_line(each) for each in group]
    return "\n".join(lines)


def embed(blocks: Sequence[Block], colour: int, *, pictured: bool = False) -> discord.Embed:
    """Return blocks as one embed: title, text, labelled values, and notes at the foot."""
    layout = _Layout(blocks)
    found = discord.Embed(colour=colour, title=layout.title or None, description=layout.description or None)
    for name, value in layout.fields:
        found.add_field(name=name, value=value, inline=_short(name, value))
    if layout.footer:
        found.set_footer(text=layout.footer)
    if pictured:
        found.set_image(url=f"attachment://{PICTURE_NAME}")
    return found


def view(rows: Sequence[Sequence[Button]]) -> discord.ui.View:
    """Return buttons whose ids are the command lines they stand for; needs a running event loop."""
    made = discord.ui.View(timeout=None)
    taken: set[str] = set()
    for number, row in enumerate(rows):
        for each in row:
            # Discord refuses a message with one id twice; the second of two equal buttons says nothing new.
            if each.line in taken or len(each.line) > CUSTOM_ID:
                continue
            taken.add(each.line)
            style = discord.ButtonStyle.danger if each.danger else _STYLES.get(_command(each.line), _PLAIN_STYLE)
            made.add_item(discord.ui.Button(label=each.label, custom_id=each.line, style=style, row=number))
    # Stopped, so that the library does not remember it: taps are answered by what they carry, also after a restart.
    made.stop()
    return made


class _Layout:
    def __init__(self, blocks: Sequence[Block]) -> None:
        self.title, self.fields = "", list[tuple[str, str]]()
        texts: list[str] = []
        notes: list[str] = []
        for each in blocks:
            if each.style is Style.TITLE and not self.title:
                self.title = escape_markdown(each.text)
            elif each.style is Style.FIELD and each.label:
                self.fields.append((escape_markdown(each.label), escape_markdown(each.text)))
            elif each.style is Style.NOTE:
                notes.append(each.text)
            else:
                texts.append(_line(each) if each.text.strip() else "")
        self.footer = "\n".join(notes)
        self.description = "\n".join(texts).strip()

    def size(self) -> int:
        fits = (
            _units(self.title) <= EMBED_TITLE
            and len(self.fields) <= EMBED_FIELDS
            and all(_units(name) <= FIELD_NAME and _units(value) <= FIELD_VALUE for name, value in self.fields)
            and _units(self.footer) <= FOOTER
            and _units(self.description) <= EMBED_DESCRIPTION
        )
        text = (self.title, self.description, self.footer, *(part for field in self.fields for part in field))
        return sum(map(_units, text)) if fits else _NEVER_FITS


def _line(block: Block) -> str:
    text = escape_markdown(block.text)
    if block.style is Style.TITLE:
        return f"**{text}**"
    if block.label:
        return f"{escape_markdown(block.label)}: **{text}**"
    return text


def _colour(reply: Card | Chart | Proposal | Failure) -> int:
    if isinstance(reply, Failure):
        return _RED
    card = reply if isinstance(reply, Card) else reply.caption if isinstance(reply, Chart) else reply.card
    return _COLOURS.get(card.mode or Mode.SHADOW, _COLOURS[Mode.SHADOW])


def _short(name: str, value: str) -> bool:
    return len(name) <= _INLINE_NAME and len(value) <= _INLINE_VALUE


def _units(text: str) -> int:
    # Discord does not say how it counts; no way of counting gives more than this one.
    return len(text.encode("utf-16-le", "replace")) // 2


def _command(line: str) -> str:
    return line.removeprefix("/").partition(" ")[0]


def _limits(text: int, size: Callable[[Sequence[Block]], int]) -> Limits:
    return Limits(
        text=text, caption=text, size=size, columns=40, rows=ROWS, row_buttons=ROW_BUTTONS, row_width=48, label=LABEL
    )


_PLAIN_STYLE = discord.ButtonStyle.secondary
_STYLES = {"confirm": discord.ButtonStyle.success}
_TEXT_LIMITS = _limits(CONTENT, lambda blocks: _units(markdown(blocks)))
_EMBED_LIMITS = _limits(EMBED_TOTAL, lambda blocks: _Layout(blocks).size())
