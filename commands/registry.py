"""The one table of commands: a decorator, what it reads from a function's signature, and how it is found."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from data.grids import Trigger

if TYPE_CHECKING:
    from commands.plan import Answer

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ATTRIBUTE = "__batuta_command__"
HELP_LENGTH = 100


class Role(IntEnum):
    """What a person may do; each role includes the ones below it."""

    STRANGER = 0
    VIEWER = 1
    TRADER = 2
    OWNER = 3


class Tier(IntEnum):
    """What a command can do to money."""

    READ = 0
    REVERSIBLE = 1
    """Lowers risk or can be undone with one tap."""
    MONEY = 2
    """Moves money: a plan is shown and confirmed."""
    RISK = 3
    """Raises risk: confirmed with a one-time code from the server."""


class ParameterKind(StrEnum):
    """What a platform offers to type a value with."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"


class Param(msgspec.Struct, frozen=True):
    """Documents one parameter inside ``Annotated``; ``complete`` names a completer: symbol, bot or decision."""

    help: str
    complete: str = ""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a command, as read from its signature."""

    name: str
    kind: ParameterKind
    required: bool
    help: str
    choices: tuple[str, ...] = ()
    complete: str = ""
    optional: bool = False
    """Takes ``none``."""
    default: Any = None
    type: Any = str
    """The bare Python type, without ``None`` and ``Annotated``."""
    constraints: tuple[Any, ...] = ()
    """What pydantic checks beyond the type."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command: everything about it comes from its function."""

    name: str
    role: Role
    tier: Tier
    group: str
    help: str
    details: str
    parameters: tuple[Parameter, ...]
    handler: Callable[..., Awaitable[Answer]]
    hidden: bool = False

    def parameter(self, name: str) -> Parameter | None:
        """Return one parameter by name, or None."""
        return next((each for each in self.parameters if each.name == name), None)

    @property
    def usage(self) -> str:
        """Return how the command is typed, such as ``/pnl [bot] [period]``."""
        words = [each.name if each.required else f"[{each.name}]" for each in self.parameters]
        return " ".join([f"/{self.name}", *words])


class Registry:
    """All commands by name."""

    def __init__(self, commands: Iterable[Command] = ()) -> None:
        """Hold ``commands``. Raises ValueError when two share a name."""
        self._commands: dict[str, Command] = {}
        for each in commands:
            if each.name in self._commands:
                raise ValueError(f"command: {each.name!r} is declared twice")
            self._commands[each.name] = each

    def get(self, name: str) -> Command | None:
        """Return a command by name, or None."""
        return self._commands.get(name)

    def all(self) -> tuple[Command, ...]:
        """Return every command, hidden ones too, by group and name."""
        return tuple(sorted(self._commands.values(), key=lambda each: (each.group, each.name)))

    def near(self, name: str, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return up to three visible names that ``name`` may have meant, out of ``names`` if given."""
        known = [each.name for each in self.all() if not each.hidden] if names is None else list(names)
        return tuple(difflib.get_close_matches(name, known, n=3, cutoff=0.6))


def command(
    *, role: Role = Role.VIEWER, tier: Tier = Tier.READ, group: str = "See", hidden: bool = False
) -> Callable[[Callable[..., Awaitable[Answer]]], Callable[..., Awaitable[Answer]]]:
    """Declare ``async def name(ctx, …)`` a command; its docstring is its help. Raises TypeError or ValueError."""

    def declare(handler: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
        setattr(handler, _ATTRIBUTE, _read(handler, role, tier, group, hidden))
        return handler

    return declare


def command_of(handler: Callable[..., Awaitable[Answer]]) -> Command:
    """Return the command that ``handler`` was declared as. Raises LookupError when it is none."""
    found = getattr(handler, _ATTRIBUTE, None)
    if not isinstance(found, Command):
        raise LookupError(f"{handler!r} is not a command")
    return found


def discover(package: str = "commands.library") -> Registry:
    """Import every module of ``package`` and return its commands. Raises LookupError for a module without one."""
    found = []
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        namespace = importlib.import_module(f"{package}.{module.name}")
        handler = getattr(namespace, module.name, None)
        if handler is None:
            raise LookupError(f"{package}.{module.name}: there is no function {module.name}")
        found.append(command_of(handler))
    return Registry(found)


def _read(handler: Callable[..., Awaitable[Answer]], role: Role, tier: Tier, group: str, hidden: bool) -> Command:
    name = getattr(handler, "__name__", "")
    if not _NAME.fullmatch(name):
        raise ValueError(f"command: {name!r} is not a lower-case name of at most 32 letters, digits and _")
    if not inspect.iscoroutinefunction(handler):
        raise TypeError(f"command {name}: is not an async function")
    short, _, details = inspect.cleandoc(handler.__doc__ or "").partition("\n")
    if not 0 < len(short) <= HELP_LENGTH:
        raise ValueError(f"command {name}: the docstring's first line has {len(short)} characters, not 1 to 100")
    return Command(
        name=name, role=role, tier=tier, group=group, hidden=hidden, help=short, details=details.strip(),
        parameters=_parameters(handler, name), handler=handler,
    )  # fmt: skip


def _parameters(handler: Callable[..., Awaitable[Answer]], name: str) -> tuple[Parameter, ...]:
    signature = list(inspect.signature(handler).parameters.values())[1:]
    # Only these are resolved: a handler may import Context and Answer for the type checker alone.
    carrier = types.SimpleNamespace(__annotations__={each.name: each.annotation for each in signature})
    hints = get_type_hints(carrier, globalns=getattr(handler, "__globals__", {}), include_extras=True)
    return tuple(_parameter(name, each, hints[each.name]) for each in signature)


def _parameter(command_name: str, signature: inspect.Parameter, hint: Any) -> Parameter:
    where = f"command {command_name}: parameter {signature.name}"
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{where} is not Annotated[type, Param(help)]")
    base, *metadata = get_args(hint)
    documented = [each for each in metadata if isinstance(each, Param)]
    if len(documented) != 1 or not documented[0].help:
        raise TypeError(f"{where} has no Param(help)")
    bare = [each for each in get_args(base) if each is not types.NoneType]
    optional = get_origin(base) in (Union, types.UnionType) and len(bare) == 1
    kind_of = bare[0] if optional else base
    required = signature.default is inspect.Parameter.empty
    return Parameter(
        name=signature.name, kind=_kind(where, kind_of), required=required, help=documented[0].help,
        complete=documented[0].complete, optional=optional, default=None if required else signature.default,
        type=kind_of, choices=tuple(kind_of) if inspect.isclass(kind_of) and issubclass(kind_of, StrEnum) else (),
        constraints=tuple(each for each in metadata if not isinstance(each, Param)),
    )  # fmt: skip


def _kind(where: str, kind_of: Any) -> ParameterKind:
    plain = {
        str: ParameterKind.TEXT,
        Trigger: ParameterKind.TEXT,
        int: ParameterKind.INTEGER,
        Decimal: ParameterKind.NUMBER,
        bool: ParameterKind.FLAG,
    }
    if inspect.isclass(kind_of) and issubclass(kind_of, StrEnum):
        return ParameterKind.CHOICE
    if kind_of not in plain:
        raise TypeError(f"{where} is of a type no platform can ask for: {kind_of!r}")
    return plain[kind_of]
