"""From a reply to messages that fit: blocks in a few styles, split where a reader would, and rows of buttons."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, tzinfo
from enum import Enum
from typing import assert_never

import msgspec

from commands import format as shown
from commands.reply import Button, Card, Chart, Failure, GridPicture, PnlSeries, Proposal, Reply, Table, Text
from config.language import _
from data.values import Mode

PHONE_COLUMNS = 34
"""Monospaced characters that a phone shows without wrapping."""
_GAP = 2
_NUMBER = re.compile(r"[-+−]?\d[\d.,]*( [^\s()]+)?( \([^()]*\))?")
_MARK = "9999/9999"


class Style(Enum):
    """How a block is meant; each platform has its own markup for it."""

    TITLE = "title"
    PLAIN = "plain"
    FIELD = "field"
    """A label and its value."""
    FIXED = "fixed"
    """One row of a table in letters of one width; neighbours belong into one frame."""
    NOTE = "note"


class Block(msgspec.Struct, frozen=True):
    """One line or a few of one style; blocks are joined by line ends."""

    style: Style
    text: str
    label: str = ""


class Part(msgspec.Struct, frozen=True):
    """One message."""

    blocks: tuple[Block, ...]
    rows: tuple[tuple[Button, ...], ...] = ()
    picture: PnlSeries | GridPicture | None = None


def plain(blocks: Iterable[Block]) -> str:
    """Return blocks without any markup."""
    return "\n".join(f"{each.label}: {each.text}" if each.label else each.text for each in blocks)


def utf16_size(blocks: Sequence[Block]) -> int:
    """Return the length of the plain text in UTF-16 code units, as Telegram counts."""
    return len(plain(blocks).encode("utf-16-le", "replace")) // 2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one message of a platform holds."""

    text: int
    caption: int
    """Of the text below a picture; 0 when a picture carries none."""
    size: Callable[[Sequence[Block]], int] = utf16_size
    """Measures blocks as the platform does, markup included where it counts."""
    columns: int = PHONE_COLUMNS
    """Widest table that is shown in letters of one width."""
    row_buttons: int = 3
    row_width: int = 32
    """Letters of all labels in one row of buttons."""
    rows: int = 12
    label: int = 64


def badge(mode: Mode) -> str:
    """Return the mode as it stands on every message about a bot, an order or money."""
    return mode.value.upper()


def plain_text(reply: Reply, columns: int = 80, zone: tzinfo = UTC) -> str:
    """Return a whole reply as plain text, however long, without its buttons."""
    body = _body(reply, columns, zone)
    return plain(_trimmed([*body.head, *(block for unit in body.units for block in unit)]))


def first_line(reply: Reply) -> str:
    """Return what a lock screen shows of a reply."""
    return plain_text(reply).partition("\n")[0]


def parts(reply: Reply, limits: Limits, zone: tzinfo = UTC) -> tuple[Part, ...]:
    """Return the messages that together say ``reply``, buttons on the last; nothing is cut away."""
    body = _body(reply, limits.columns, zone)
    texts = _split(body, limits)
    picture = reply.picture if isinstance(reply, Chart) else None
    if picture is not None:
        fits = len(texts) == 1 and limits.size(texts[0]) <= limits.caption
        messages = [Part(texts[0], picture=picture)] if fits else [Part((), picture=picture), *map(Part, texts)]
    else:
        messages = [Part(each) for each in texts]
    return _with_buttons(messages, button_rows(body.buttons, limits), limits)


def button_rows(buttons: Sequence[Button], limits: Limits) -> tuple[tuple[Button, ...], ...]:
    """Return buttons in rows that a phone shows whole, in their order."""
    rows: list[list[Button]] = []
    for each in buttons:
        label = _clean(each.label).replace("\n", " ").strip() or each.line
        if len(label) > limits.label:
            label = label[: limits.label - 1] + "…"
        button = Button(label, each.line, each.danger)
        taken = sum(len(other.label) + _GAP for other in rows[-1]) if rows else 0
        if rows and len(rows[-1]) < limits.row_buttons and taken + len(button.label) <= limits.row_width:
            rows[-1].append(button)
        else:
            rows.append([button])
    return tuple(map(tuple, rows))


class _Body(msgspec.Struct, frozen=True):
    """``head`` stands on every part, ``units`` are kept whole while they fit."""

    head: tuple[Block, ...]
    units: tuple[tuple[Block, ...], ...]
    buttons: tuple[Button, ...] = ()


def _body(reply: Reply, columns: int, zone: tzinfo) -> _Body:
    match reply:
        case Text():
            return _Body((), _paragraphs(reply.text, Style.PLAIN), reply.buttons)
        case Card():
            return _card(reply)
        case Table():
            return _table(reply, columns)
        case Chart():
            return _card(reply.caption)
        case Proposal():
            card = _card(reply.card)
            until = _("Can be confirmed until {time}.").format(
                time=f"{shown.clock_time(reply.expires_at, zone)} {shown.instant(reply.expires_at, zone).split()[-1]}"
            )
            units = (*card.units, (_blank(),), (Block(Style.NOTE, until),))
            return _Body(card.head, units, (reply.confirm, reply.discard, *card.buttons))
        case Failure():
            return _failure(reply)
        case _:
            assert_never(reply)


def _card(card: Card) -> _Body:
    units: list[tuple[Block, ...]] = [(_field(each.label, each.value),) for each in card.fields]
    return _Body((_title(card.title, card.mode),), (*units, *_note(card.note, bool(units))), card.buttons)


def _table(table: Table, columns: int) -> _Body:
    title = _title(table.title, table.mode)
    if not table.rows:
        said = ((Block(Style.PLAIN, _clean(table.empty)),),) if table.empty else ()
        return _Body((title,), (*said, *_note(table.note, bool(said))), table.buttons)
    names, rows, note = table.columns, table.rows, _note(table.note, True)
    lines, narrow = _lines(names, rows, columns), _narrowed(table)
    if lines is None and narrow is not None:
        # What is the same in every row is said once, below; often the rest then fits.
        names, rows, same = narrow
        lines, note = _lines(names, rows, columns), (same, *note)
    if lines is not None:
        return _Body((title, lines[0]), (*((each,) for each in lines[1:]), *note), table.buttons)
    blocks = [tuple(map(_field, names, row)) for row in rows]
    spaced = [(_blank(), *row) if at else row for at, row in enumerate(blocks)]
    return _Body((title,), (*spaced, *note), table.buttons)


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> list[Block] | None:
    """Return heading and rows in letters of one width, or None when they do not fit."""
    widths = [max(_width(row[at]) for row in (names, *rows)) for at in range(len(names))]
    one_line = all("\n" not in cell for row in (names, *rows) for cell in row)
    if not one_line or sum(widths) + _GAP * (len(widths) - 1) > columns:
        return None
    right = [all(_is_number(row[at]) for row in rows) for at in range(len(widths))]
    return [Block(Style.FIXED, _aligned(row, widths, right)) for row in (names, *rows)]


def _narrowed(table: Table) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[Block, ...]] | None:
    """Return names and rows of the columns that differ, and what is the same everywhere; None when nothing is."""
    same = [at for at in range(len(table.columns)) if len({row[at] for row in table.rows}) == 1]
    kept = [at for at in range(len(table.columns)) if at not in same]
    if not same or not kept or len(table.rows) < 2:
        return None
    everywhere = [_field(_("{column} (all)").format(column=table.columns[at]), table.rows[0][at]) for at in same]
    names, rows = (tuple(tuple(row[at] for at in kept) for row in each) for each in ([table.columns], table.rows))
    return names[0], rows, (_blank(), *everywhere)


def _failure(failure: Failure) -> _Body:
    units = []
    if failure.value:
        units.append((_field(failure.field or _("Given"), failure.value),))
    if failure.accepted:
        units.append((_field(_("Accepted"), failure.accepted),))
    return _Body((Block(Style.TITLE, f"✖ {_clean(failure.problem)}"),), tuple(units), failure.buttons)


def _title(title: str, mode: Mode | None) -> Block:
    # The badge leads: whatever a lock screen cuts off, it is never what tells paper from money.
    return Block(Style.TITLE, _clean(title) if mode is None else f"{badge(mode)} · {_clean(title)}")


def _field(label: str, value: str) -> Block:
    return Block(Style.FIELD, _clean(value).strip() or "–", _clean(label).strip() or "–")


def _blank() -> Block:
    return Block(Style.PLAIN, "")


def _note(note: str, spaced: bool) -> tuple[tuple[Block, ...], ...]:
    if not note:
        return ()
    return (*(((_blank(),),) if spaced else ()), *_paragraphs(note, Style.NOTE))


def _paragraphs(text: str, style: Style) -> tuple[tuple[Block, ...], ...]:
    units = []
    for paragraph in re.split(r"(\n\s*\n)", _clean(text)):
        lines = [_blank()] if not paragraph.strip() else [Block(style, line) for line in paragraph.split("\n")]
        units.append(tuple(lines))
    return tuple(units)


def _clean(text: str) -> str:
    # Control characters are shown by no chat, and some refuse the whole message for one.
    text = text.replace("\r\n", "\n").replace("\t", " ")
    return "".join(each for each in text if each == "\n" or unicodedata.category(each) not in {"Cc", "Cs"})


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in _clean(text)
    )


def _is_number(cell: str) -> bool:
    return cell in {"", "–"} or _NUMBER.fullmatch(cell) is not None


def _aligned(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = []
    for cell, width, to_right in zip(row, widths, right, strict=True):
        space = " " * (width - _width(cell))
        cells.append(space + _clean(cell) if to_right else _clean(cell) + space)
    return (" " * _GAP).join(cells).rstrip()


def _split(body: _Body, limits: Limits) -> list[tuple[Block, ...]]:
    whole = _trimmed([*body.head, *(block for unit in body.units for block in unit)])
    if limits.size(whole) <= limits.text:
        return [whole]
    packer = _Packer(body.head, limits)
    for unit in body.units:
        packer.add(unit)
    return packer.marked()


class _Packer:
    """Fills one message after the other; what is too large for an empty one is split by lines, then by words."""

    def __init__(self, head: tuple[Block, ...], limits: Limits) -> None:
        self._limits = limits
        # A head that would leave no room for what it heads is said once, at the start.
        self._head = head if limits.size(head) <= limits.text // 2 else ()
        self._full: list[list[Block]] = []
        self._open: list[Block] = []
        if head and not self._head:
            self.add(head)

    def add(self, unit: Sequence[Block]) -> None:
        if self._fits([*self._open, *unit]):
            self._open.extend(unit)
            return
        if self._open:
            self._close()
        unit = _trimmed(unit)
        if self._fits(unit):
            self._open.extend(unit)
            return
        for block in unit:
            self._add_block(block)

    def marked(self) -> list[tuple[Block, ...]]:
        if self._open:
            self._close()
        bodies = [each for each in map(_trimmed, self._full) if each]
        return [self._marked(each, f"{number}/{len(bodies)}") for number, each in enumerate(bodies, 1)]

    def _add_block(self, block: Block) -> None:
        if self._fits([*self._open, block]):
            self._open.append(block)
            return
        if self._open:
            self._close()
        while not self._fits([block]):
            first, block = self._cut(block)
            self._open.append(first)
            self._close()
        self._open.append(block)

    def _cut(self, block: Block) -> tuple[Block, Block]:
        if not self._fits([Block(block.style, "", block.label)]):
            block = Block(block.style, plain([block]))
        text = block.text

        def fits(at: int) -> bool:
            return self._fits([Block(block.style, text[:at], block.label)])

        places = [match.end() for match in re.finditer(r"\s+", text) if 0 < match.end() < len(text)]
        at = _last(places, fits) or _last(range(1, len(text)), fits) or 1
        return Block(block.style, text[:at].rstrip(), block.label), Block(block.style, text[at:])

    def _fits(self, blocks: Sequence[Block]) -> bool:
        return self._limits.size(self._marked(blocks, _MARK)) <= self._limits.text

    def _marked(self, blocks: Sequence[Block], mark: str) -> tuple[Block, ...]:
        if not self._head:
            return (*blocks, Block(Style.NOTE, mark))
        title, *rest = self._head
        return (Block(title.style, f"{title.text} ({mark})", title.label), *rest, *blocks)

    def _close(self) -> None:
        self._full.append(self._open)
        self._open = []


def _last(places: Sequence[int], fits: Callable[[int], bool]) -> int:
    low, high = 0, len(places)
    while low < high:
        middle = (low + high) // 2
        if fits(places[middle]):
            low = middle + 1
        else:
            high = middle
    return places[low - 1] if low else 0


def _trimmed(blocks: Sequence[Block]) -> tuple[Block, ...]:
    kept = list(blocks)
    while kept and not plain(kept[:1]).strip():
        del kept[0]
    while kept and not plain(kept[-1:]).strip():
        del kept[-1]
    return tuple(kept)


def _with_buttons(messages: list[Part], rows: tuple[tuple[Button, ...], ...], limits: Limits) -> tuple[Part, ...]:
    messages = [each if each.blocks or each.picture else Part((Block(Style.PLAIN, "…"),)) for each in messages]
    groups = [rows[at : at + limits.rows] for at in range(0, len(rows), limits.rows)]
    if groups:
        messages[-1] = msgspec.structs.replace(messages[-1], rows=groups[0])
    more = (Block(Style.PLAIN, _("More")),)
    return (*messages, *(Part(more, each) for each in groups[1:]))
