"""From a failed validation to problems an operator understands: place, value given, what would be accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.environment import references
from config.kinds import accepted
from config.problems import Problem, names_a_secret, shown
from config.schema import Settings

Tree = Mapping[str, Any]
Layers = Sequence[tuple[str, Tree]]
_MISSING = object()


def diagnose(error: ValidationError, given: Tree, layers: Layers) -> list[Problem]:
    """Return one problem per mistaken field, with the values as they were written rather than as they were resolved."""
    problems: dict[str, Problem] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = _path(detail["loc"], given)
        field = ".".join(path)
        problems.setdefault(field, _problem(detail, path, given, layers))
    return list(problems.values())


def setting_names(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting that is not itself a section."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_names(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def describe(path: Sequence[str]) -> str:
    """Say what the setting at a path accepts."""
    annotation, metadata = _find(path)
    return accepted(annotation, metadata)


def _problem(detail: ErrorDetails, path: list[str], given: Tree, layers: Layers) -> Problem:
    field = ".".join(path)
    source = _source(path, layers)
    if detail["type"] == "extra_forbidden":
        return Problem(source=source, field=field, given="an unknown setting", accepted=_did_you_mean(path))
    if detail["type"] == "missing":
        return Problem(source=source, field=field, given="nothing", accepted=describe(path))
    value = _at(given, path)
    if detail["type"] == "value_error" and not names_a_secret(field) and not _resolved_inside(value):
        words = detail["msg"].removeprefix("Value error, ")
        known = words if words.startswith("a ") or " that " in words else describe(path)
        return Problem(source=source, field=field, given=shown(field, value), accepted=known)
    if path[0] == "api":
        return _literal_secret(source, path)
    return Problem(source=source, field=field, given=shown(field, value), accepted=describe(path))


def _literal_secret(source: str, path: list[str]) -> Problem:
    default = getattr(Settings().api, path[-1], "${NAME}")
    words = f"{default} or another ${{NAME}}; the secret itself belongs in the environment or in .env, not in this file"
    return Problem(source=source, field=".".join(path), given="(not shown)", accepted=words)


def _did_you_mean(path: list[str]) -> str:
    if names_a_secret(".".join(path)) and path[0] != "api":
        return "nothing of this name; secrets belong in the environment or in .env, never in this file"
    parent = ".".join(path[:-1])
    model, _ = _find(path[:-1]) if parent else (Settings, ())
    siblings = list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
    if near := get_close_matches(path[-1], siblings, n=1, cutoff=0.6):
        return f"did you mean {'.'.join([*path[:-1], near[0]])}?"
    leaves = {name.rsplit(".", 1)[-1]: name for name in setting_names()}
    if near := get_close_matches(path[-1], leaves, n=1, cutoff=0.8):
        return f"did you mean {leaves[near[0]]}?"
    return f"one of: {', '.join(siblings)}"


def _path(location: tuple[int | str, ...], given: Tree) -> list[str]:
    """Keep of pydantic's location what the operator wrote: not the names of union branches."""
    path: list[str] = []
    value: Any = given
    for part in location:
        if isinstance(value, dict):
            path.append(str(part))
            value = value.get(part, _MISSING)
        elif isinstance(value, list) and isinstance(part, int):
            path.append(str(part))
            value = value[part]
        else:
            break
    return path


def _at(given: Any, path: Sequence[str]) -> Any:
    for part in path:
        given = given[int(part)] if isinstance(given, list) else given.get(part)
    return given


def _resolved_inside(value: Any) -> bool:
    return isinstance(value, str) and references(value)


def _source(path: Sequence[str], layers: Layers) -> str:
    for name, layer in reversed(layers):
        value: Any = layer
        for part in path:
            value = value.get(part, _MISSING) if isinstance(value, dict) else value
        if value is not _MISSING:
            return name
    return layers[0][0] if layers else "settings"


def _find(path: Sequence[str]) -> tuple[Any, Sequence[Any]]:
    """Return type and constraints of the setting, section, list element or mapping value at a path."""
    annotation: Any = Settings
    metadata: Sequence[Any] = ()
    for part in path:
        while get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields[part]
            annotation, metadata = field.annotation, field.metadata
        elif get_origin(annotation) in (tuple, dict):
            arguments = get_args(annotation)
            annotation, metadata = arguments[0 if get_origin(annotation) is tuple else 1], ()
    return annotation, metadata
