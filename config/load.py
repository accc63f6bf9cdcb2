"""The one way from files and overrides to checked settings: all of them, or a list of every problem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from config.diagnosis import diagnose
from config.document import parse, read
from config.environment import environment, interpolate
from config.paths import batuta_home, settings_file
from config.problems import ConfigError, Problem
from config.schema import Settings

__all__ = ["ConfigError", "load_settings"]

Tree = dict[str, Any]
_PREFIX = "BATUTA_"
_VERBATIM = frozenset({"api"})
"""Sections whose ``${NAME}`` names a place and is never replaced."""
_NO_OVERRIDES: Mapping[str, object] = {}


def load_settings(
    file: Path | None = None, home: Path | None = None, overrides: Mapping[str, object] = _NO_OVERRIDES
) -> Settings:
    """Return the settings: overrides over environment over file over defaults.

    ``file`` defaults to ``config.yaml`` in ``home``, where it may be missing. The environment overrides one setting per
    variable, as in ``BATUTA_GRID__INITIAL_LEVELS=12``. ``overrides`` has dotted names or nested mappings.
    Raises ``ConfigError``.
    """
    home = home or batuta_home()
    variables = environment(home)
    layers = [*_file_layer(file, home), *_variable_layers(variables), *_override_layers(overrides)]
    given: Tree = {}
    for _, layer in layers:
        given = _merged(given, layer)
    problems: list[Problem] = []
    resolved = _resolved(given, variables, layers, problems)
    try:
        settings = Settings.model_validate(resolved)
    except ValidationError as error:
        unset = {problem.field for problem in problems}
        problems += [each for each in diagnose(error, given, layers) if each.field not in unset]
    if problems:
        raise ConfigError(problems)
    return settings


def _file_layer(file: Path | None, home: Path) -> list[tuple[str, Tree]]:
    if file is None:
        file = settings_file(home)
        if not file.exists():
            return []
    return [(str(file), read(file))]


def _variable_layers(variables: Mapping[str, str]) -> list[tuple[str, Tree]]:
    fields = Settings.model_fields.items()
    scalars = {_PREFIX + name.upper() for name, field in fields if not isinstance(field.default, BaseModel)}
    names = sorted(name for name in variables if name.startswith(_PREFIX) and ("__" in name or name in scalars))
    return [
        (f"environment variable {name}", _nested(name.removeprefix(_PREFIX).lower().split("__"), variables[name], name))
        for name in names
    ]


def _nested(path: list[str], text: str, name: str) -> Tree:
    value = parse(text, f"environment variable {name}")
    for part in reversed(path):
        value = {part: value}
    return dict(value)


def _override_layers(overrides: Mapping[str, object]) -> list[tuple[str, Tree]]:
    layer: Tree = {}
    for name, value in overrides.items():
        for part in reversed(name.split(".")):
            value = {part: value}
        layer = _merged(layer, value)  # type: ignore[arg-type] # split gives at least one part
    return [("command line", layer)] if layer else []


def _merged(under: Tree, over: Tree) -> Tree:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _resolved(
    given: Tree, variables: Mapping[str, str], layers: list[tuple[str, Tree]], problems: list[Problem]
) -> Tree:
    def walk(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {key: walk(each, (*path, str(key))) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(each, (*path, str(index))) for index, each in enumerate(value)]
        if not isinstance(value, str) or path[0] in _VERBATIM:
            return value
        return interpolate(value, variables, lambda name: problems.append(_unset(name, path)))

    def _unset(name: str, path: tuple[str, ...]) -> Problem:
        source = layers[0][0] if layers else "settings"
        return Problem(
            source=source, field=".".join(path), given=f"${{{name}}}, which is not set", accepted=f"a value for {name}"
        )

    resolved: Tree = walk(given, ())
    return resolved
