"""Telegram's HTML: markup in, visible text and entities out, with the error messages of the original.

The rules are those of the Bot API server: tags must nest, four named entities exist (`&lt; &gt; &amp; &quot;`),
numbered ones too, any other ampersand is itself, and an error names the byte offset of the tag at fault.
"""

import re
from dataclasses import dataclass, replace

from tests.servers.telegram.refusals import Refusal, bad_request
from tests.servers.telegram.words import Entity, utf16_length

MAX_ENTITIES = 100  # further formatting is dropped without a word

_KINDS = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "u": "underline",
    "ins": "underline",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_SPACE = " \t\r\n\v\0"
_END = "\0"  # stands after the last character, so that looking ahead needs no bounds check
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,8})|#([0-9]{1,8})|([a-zA-Z]{1,10}));?")
_ATTRIBUTE_END = _SPACE + "=>/\"'"
_LINK = re.compile(r"(?:(?:https?|tg|tonsite)://|mailto:|tel:)?[^\s/]+\.?.*")


@dataclass(slots=True)
class _Open:
    tag: str
    argument: str
    offset: int  # in UTF-16 code units of the visible text
    start: int  # in characters of the visible text


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source.replace(_END, "") + _END
        self.at = 0
        self.visible: list[str] = []
        self.length = 0
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def run(self) -> tuple[str, list[Entity]]:
        while (char := self.source[self.at]) != _END:
            if char == "<":
                if self.source[self.at + 1] == "/":
                    self._close_tag()
                else:
                    self._open_tag()
            else:
                self._show(self._character())
        if self.open:
            raise _unparsable(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        return "".join(self.visible), self.entities

    def _show(self, text: str) -> None:
        self.visible.append(text)
        self.length += utf16_length(text)

    def _character(self) -> str:
        """Read one character or one entity reference."""
        if self.source[self.at] == "&" and (match := _REFERENCE.match(self.source, self.at)):
            decoded = _decode(match)
            if decoded:
                self.at = match.end()
                return decoded
        self.at += 1
        return self.source[self.at - 1]

    def _skip_space(self) -> None:
        while self.source[self.at] != _END and self.source[self.at] in _SPACE:
            self.at += 1

    def _until(self, stops: str) -> str:
        begin = self.at
        while self.source[self.at] not in stops:
            self.at += 1
        return self.source[begin : self.at]

    def _byte(self, position: int) -> int:
        return len(self.source[:position].encode())

    def _open_tag(self) -> None:
        begin = self._byte(self.at)
        self.at += 1
        tag = self._until(_SPACE + ">").lower()
        if self.source[self.at] == _END:
            raise _unparsable(f"Unclosed start tag at byte offset {begin}")
        if tag not in _KINDS:
            raise _unparsable(f'Unsupported start tag "{tag}" at byte offset {begin}')
        argument = self._attributes(tag, begin)
        if tag == "span" and argument != "spoiler":
            raise _unparsable(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
        self.open.append(_Open(tag, argument, self.length, len("".join(self.visible))))
        self.at += 1

    def _attributes(self, tag: str, begin: int) -> str:
        argument = ""
        while self.source[self.at] != ">":
            self._skip_space()
            if self.source[self.at] == ">":
                break
            name = self._until(_ATTRIBUTE_END)
            if not name:
                raise _unparsable(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
            self._skip_space()
            if self.source[self.at] == _END:
                raise _unparsable(f'Unclosed start tag "{tag}" at byte offset {begin}')
            value = self._value(tag, begin) if self.source[self.at] == "=" else ""
            argument = _argument(tag, name, value) or argument
        return argument

    def _value(self, tag: str, begin: int) -> str:
        self.at += 1
        self._skip_space()
        quote = self.source[self.at]
        if quote == _END:
            raise _unparsable(f'Unclosed start tag "{tag}" at byte offset {begin}')
        value = self._literal(quote) if quote in "'\"" else self._token()
        if self.source[self.at] == _END:
            raise _unparsable(f"Unclosed start tag at byte offset {begin}")
        return value

    def _literal(self, quote: str) -> str:
        self.at += 1
        parts: list[str] = []
        while self.source[self.at] not in (quote, _END):
            parts.append(self._character())
        if self.source[self.at] == quote:
            self.at += 1
        return "".join(parts)

    def _token(self) -> str:
        begin = self.at
        while re.match(r"[a-zA-Z0-9.-]", self.source[self.at]):
            self.at += 1
        if self.source[self.at] not in _SPACE + ">":
            raise _unparsable(f"Unexpected end of name token at byte offset {self._byte(begin)}")
        return self.source[begin : self.at].lower()

    def _close_tag(self) -> None:
        begin = self._byte(self.at)
        if not self.open:
            raise _unparsable(f"Unexpected end tag at byte offset {begin}")
        self.at += 2
        found = self._until(_SPACE + ">")
        self._skip_space()
        if self.source[self.at] != ">":
            raise _unparsable(f"Unclosed end tag at byte offset {begin}")
        opened = self.open.pop()
        if found and found != opened.tag:
            raise _unparsable(
                f'Unmatched end tag at byte offset {begin}, expected "</{opened.tag}>", found "</{found}>"'
            )
        self.at += 1
        if self.length > opened.offset:
            self._add(opened)

    def _add(self, opened: _Open) -> None:
        kind, argument = _KINDS[opened.tag], opened.argument
        if opened.tag == "a":
            argument = argument or "".join(self.visible)[opened.start :]
            if not _LINK.fullmatch(argument):
                return
        elif opened.tag == "blockquote" and argument:
            kind, argument = "expandable_blockquote", ""
        elif opened.tag == "pre" and self.entities:
            inner = self.entities[-1]
            span = (inner.offset, inner.length) == (opened.offset, self.length - opened.offset)
            if span and inner.kind == "code" and inner.argument:
                self.entities.pop()
                argument = inner.argument
        length = self.length - opened.offset
        self.entities.append(Entity(kind=kind, offset=opened.offset, length=length, argument=argument))


def _decode(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return _NAMED.get(name, "")
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000 else ""


def _argument(tag: str, name: str, value: str) -> str:
    if (tag, name) in {("a", "href"), ("tg-emoji", "emoji-id")}:
        return value
    if (tag, name) == ("blockquote", "expandable"):
        return "expandable"
    if (tag, name) == ("code", "class") and value.startswith("language-"):
        return value.removeprefix("language-")
    if (tag, name) == ("span", "class") and value.startswith("tg-"):
        return value.removeprefix("tg-")
    return ""


def _unparsable(reason: str) -> Refusal:
    return bad_request(f"can't parse entities: {reason}")


def parse_html(source: str) -> tuple[str, tuple[Entity, ...]]:
    """Return the visible text and its entities, or refuse as Telegram does."""
    text, entities = _Parser(source).run()
    # A language on code that no pre surrounds is not shown.
    entities = [replace(entity, argument="") if entity.kind == "code" else entity for entity in entities]
    return trim(text, entities)


def trim(text: str, entities: list[Entity]) -> tuple[str, tuple[Entity, ...]]:
    """Strip the white space around a text, as Telegram does, and move its entities along."""
    lead = utf16_length(text) - utf16_length(text.lstrip())
    stripped = text.strip()
    end = utf16_length(stripped)
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda entity: (entity.offset, -entity.length)):
        start = max(entity.offset - lead, 0)
        length = min(entity.offset + entity.length - lead, end) - start
        if length > 0:
            kept.append(replace(entity, offset=start, length=length))
    return stripped, tuple(kept[:MAX_ENTITIES])


def commands_in(text: str) -> tuple[Entity, ...]:
    """Return the bot_command entities Telegram marks in what a person writes."""
    found = re.finditer(r"(?<!\S)/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])", text)
    return tuple(
        Entity(kind="bot_command", offset=utf16_length(text[: match.start()]), length=utf16_length(match.group()))
        for match in found
    )
