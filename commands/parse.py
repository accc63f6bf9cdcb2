"""From a typed line to typed arguments, and back: quoting, ``name=value``, and errors that say what is accepted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from pydantic import InstanceOf, TypeAdapter, ValidationError

from commands.registry import Command, Parameter, ParameterKind
from commands.reply import Failure
from config.language import _
from data.grids import Trigger, TriggerKind
from data.values import ZERO, plain

NONE = "none"
"""Stands for no value where a parameter may have none."""
LONGEST_LINE = 1000
_LONGEST_ECHO = 80

# Phones turn straight quotes into curly ones, so both kinds open and close a text. A quote inside a word is a letter.
_WORD = re.compile(
    r"""(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)=)?
    (?:"(?P<double>(?:[^"\\]|\\.)*)"|“(?P<curly>[^”]*)”|'(?P<single>[^']*)'|(?P<bare>[^\s"“'=]\S*|))(?=\s|$)""",
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(r"""[^\s"“'=\\][^\s=]*""")
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})")
_INTEGER = re.compile(r"#?(-?[0-9]{1,18})")
_MONTHS = re.compile(r"[0-9]+M")
"""A month to everybody who trades; ``1M`` read as ``1m`` would be a minute."""
_FLAGS = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}


class Word(msgspec.Struct, frozen=True):
    """One value as typed; ``name`` is empty when it was given by position."""

    text: str
    name: str = ""


class Line(msgspec.Struct, frozen=True):
    """A command line taken apart: the command's name in lower case and the words after it."""

    name: str
    words: tuple[Word, ...]


def split(line: str) -> Line | Failure:
    """Take a line apart; ``/pnl@SomeBot 1`` names the command ``pnl``."""
    if len(line) > LONGEST_LINE:
        return Failure(problem=_("That is too long to be a command."), accepted=_("at most 1000 characters"))
    head, *rest = line.strip().split(None, 1) or [""]
    name = head.removeprefix("/").partition("@")[0].lower()
    words: list[Word] = []
    text = rest[0] if rest else ""
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None or match.end() == at:
            return Failure(
                problem=_("I cannot read the rest of the line."), value=_short(text[at:]),
                accepted=_("words, name=value, and texts with spaces between quotes that are closed"),
            )  # fmt: skip
        words.append(_word(match))
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return Line(name, tuple(words))


def assign(command: Command, words: Sequence[Word]) -> dict[str, str] | Failure:
    """Give each word to a parameter: named ones first, then the others in declared order."""
    raw: dict[str, str] = {}
    for word in words:
        if not word.name:
            continue
        if command.parameter(word.name) is None:
            return Failure(
                problem=_("/{command} takes nothing called {name}.").format(command=command.name, name=word.name),
                field=word.name, value=_short(word.text), accepted=_names(command),
            )  # fmt: skip
        if word.name in raw:
            return Failure(
                problem=_("{name} is given twice.").format(name=word.name),
                field=word.name, value=_short(word.text), accepted=_("one value"),
            )  # fmt: skip
        raw[word.name] = word.text
    free = iter([each.name for each in command.parameters if each.name not in raw])
    for word in words:
        if word.name:
            continue
        name = next(free, None)
        if name is None:
            return Failure(
                problem=_("There is a word too many."), value=_short(word.text), accepted=command.usage,
            )  # fmt: skip
        raw[name] = word.text
    return raw


def bind(command: Command, raw: Mapping[str, str]) -> dict[str, Any] | Failure:
    """Turn texts into the typed arguments of a command; what is not given gets its default."""
    for name in raw:
        if command.parameter(name) is None:
            return Failure(
                problem=_("/{command} takes nothing called {name}.").format(command=command.name, name=name),
                field=name, value=_short(raw[name]), accepted=_names(command),
            )  # fmt: skip
    arguments: dict[str, Any] = {}
    for parameter in command.parameters:
        text = raw.get(parameter.name)
        if text is None and parameter.required:
            return Failure(
                problem=_("{name} is missing: {help}.").format(name=parameter.name, help=_(parameter.help).rstrip(".")),
                field=parameter.name, accepted=f"{accepted(parameter)}\n{command.usage}",
            )  # fmt: skip
        try:
            arguments[parameter.name] = parameter.default if text is None else _value(parameter, text)
        except _NotAccepted as error:
            return Failure(
                problem=_("{name} cannot be that.").format(name=parameter.name),
                field=parameter.name, value=_short(text or ""), accepted=str(error),
            )  # fmt: skip
    return arguments


def parse(command: Command, line: str) -> dict[str, Any] | Failure:
    """Turn a whole line into the typed arguments of ``command``."""
    taken = split(line)
    if isinstance(taken, Failure):
        return taken
    raw = assign(command, taken.words)
    return raw if isinstance(raw, Failure) else bind(command, raw)


def render(command: Command, arguments: Mapping[str, Any]) -> str:
    """Return the line that ``parse`` turns into ``arguments``; what equals its default is left out."""
    words = [f"/{command.name}"]
    for parameter in command.parameters:
        value = arguments.get(parameter.name, parameter.default)
        if parameter.required:
            words.append(_quote(_text(value)))
        elif value != parameter.default:
            words.append(f"{parameter.name}={_quote(_text(value))}")
    return " ".join(words)


def parse_trigger(text: str) -> Trigger | None:
    """Read ``25000`` as a price and ``10%`` as a percentage; None when it is neither, or not above zero."""
    number = text.strip().removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(number) or Decimal(number) <= ZERO:
        return None
    return Trigger(TriggerKind.PERCENT if text.rstrip().endswith("%") else TriggerKind.PRICE, Decimal(number))


def accepted(parameter: Parameter) -> str:
    """Say which values a parameter takes."""
    match parameter.kind:
        case ParameterKind.CHOICE:
            words = _("one of: {choices}").format(choices=", ".join(parameter.choices))
        case ParameterKind.FLAG:
            words = _("yes or no")
        case ParameterKind.INTEGER:
            words = _("a whole number")
        case ParameterKind.NUMBER:
            words = _("a number such as 1000 or 0.5, without separators and units")
        case ParameterKind.TEXT if parameter.type is Trigger:
            words = _("a price such as 25000, or a percentage such as 10%")
        case _:
            words = _("a text")
    return words + _range(parameter)


class _NotAccepted(Exception):
    pass


def _value(parameter: Parameter, text: str) -> Any:
    if parameter.optional and text.strip().lower() == NONE:
        return None
    value = _typed(parameter, text)
    if value is None:
        raise _NotAccepted(accepted(parameter))
    return _constrained(parameter, value) if parameter.constraints else value


def _typed(parameter: Parameter, text: str) -> str | int | Decimal | bool | Trigger | None:
    word = text.strip()
    match parameter.kind:
        case ParameterKind.CHOICE:
            if _MONTHS.fullmatch(word):
                return None
            name = word.lower().replace("-", "_").replace(" ", "_")
            return next((each for each in parameter.type if name in (each.value.lower(), each.value)), None)
        case ParameterKind.FLAG:
            return _FLAGS.get(word.lower())
        case ParameterKind.INTEGER:
            whole = _INTEGER.fullmatch(word)
            return int(whole.group(1)) if whole else None
        case ParameterKind.NUMBER:
            return Decimal(word) if _NUMBER.fullmatch(word) else None
        case _:
            return parse_trigger(text) if parameter.type is Trigger else text


def _constrained(parameter: Parameter, value: Any) -> Any:
    kind = InstanceOf[Trigger] if parameter.type is Trigger else parameter.type
    annotated: Any = Annotated[(kind, *parameter.constraints)]
    try:
        return TypeAdapter(annotated).validate_python(value)
    except ValidationError as error:
        raise _NotAccepted(_own_words(error) or accepted(parameter)) from error


def _own_words(error: ValidationError) -> str:
    cause = error.errors()[0].get("ctx", {}).get("error")
    return str(cause) if isinstance(cause, ValueError) else ""


def _range(parameter: Parameter) -> str:
    bounds: dict[str, Any] = {}
    for each in parameter.constraints:
        for part in getattr(each, "metadata", None) or [each]:
            bounds |= {name: getattr(part, name) for name in ("ge", "gt", "le", "lt") if hasattr(part, name)}
    said = {
        "ge": _("at least {bound}"),
        "gt": _("above {bound}"),
        "le": _("at most {bound}"),
        "lt": _("below {bound}"),
    }
    return "".join(", " + said[name].format(bound=bound) for name, bound in bounds.items() if bound is not None)


def _word(match: re.Match[str]) -> Word:
    double = match["double"]
    if double is not None:
        text = re.sub(r"\\(.)", r"\1", double, flags=re.DOTALL)
    else:
        text = next(part for part in (match["curly"], match["single"], match["bare"]) if part is not None)
    return Word(text, (match["name"] or "").lower())


def _text(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, StrEnum):
        return value.value
    return plain(value) if isinstance(value, Decimal) else str(value)


def _quote(text: str) -> str:
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _names(command: Command) -> str:
    return ", ".join(each.name for each in command.parameters) or _("nothing")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ECHO else text[: _LONGEST_ECHO - 1] + "…"
