"""Which settings the product reads: follows names, aliases and annotations from `settings` to each attribute."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from config.diagnosis import setting_names
from config.schema import Settings
from tests.architecture.source import modules, tree

Paths = frozenset[str]
NOTHING: Paths = frozenset()
_ROOT = frozenset({""})
_ROUNDS = 4
"""An alias of an alias of an alias is found too."""


def sections(model: type[BaseModel] = Settings, path: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """Yield every section with the dotted name under which it stands."""
    yield model, path
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from sections(field.annotation, f"{path}.{name}".strip("."))


LEAVES = frozenset(setting_names())
SECTIONS = frozenset(path for _, path in sections())
CLASSES = {
    each.__name__: frozenset(path for model, path in sections() if issubclass(model, each))
    for model, _ in sections()
    for each in model.__mro__
    if issubclass(each, BaseModel) and each.__module__.startswith("config.") and each.__name__ != "Section"
}


def settings_read(files: list[Path]) -> Paths:
    """Return the dotted names of all settings that some module reads."""
    return frozenset().union(*(_Scope(part, own).read() for file in files for part, own in _parts(tree(file))))


def product() -> list[Path]:
    """Return all modules of the product but those that show or check settings without acting on them."""
    return [file for file in modules() if not file.match("commands/library/settings.py")]


def _parts(module: ast.Module) -> Iterator[tuple[ast.AST, Paths]]:
    """Yield each section class, where `self` is known, and the rest of the module."""
    for node in module.body:
        yield node, CLASSES.get(node.name, NOTHING) if isinstance(node, ast.ClassDef) else NOTHING


class _Scope:
    """What names mean in one part of a module; functions share them, which errs towards reading."""

    def __init__(self, part: ast.AST, own: Paths) -> None:
        self._part = part
        self._known: dict[str, Paths] = {"self": own} if own else {}
        for node in ast.walk(part):
            if isinstance(node, ast.arg) and node.annotation is not None:
                self._learn(node.arg, self._annotated(node.annotation))
        for _ in range(_ROUNDS):
            for node in ast.walk(part):
                if isinstance(node, ast.Assign):
                    self._assign(node.targets[0], node.value)

    def read(self) -> Paths:
        """Return the settings read here."""
        found: set[str] = set()
        for node in _unvalidated(self._part):
            match node:
                case ast.Call(func=ast.Attribute(value=section, attr="model_dump")):
                    found |= self._below(section)
                case ast.Call(func=ast.Name(id="getattr"), args=[section, *_]):
                    found |= self._below(section)
                case ast.Attribute(ctx=ast.Load()):
                    found |= self._meant(node) & LEAVES
                case _:
                    pass
        return frozenset(found)

    def _below(self, section: ast.expr) -> Paths:
        starts = [f"{path}." for path in self._meant(section) if path]
        return frozenset(leaf for leaf in LEAVES for start in starts if leaf.startswith(start))

    def _annotated(self, annotation: ast.expr) -> Paths:
        names = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]
        return frozenset().union(*(CLASSES.get(name, NOTHING) for name in names))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            # Beyond a starred value it is not known which name gets what.
            for each, its in zip(target.elts, value.elts, strict=False):
                if isinstance(its, ast.Starred):
                    break
                self._assign(each, its)
        elif isinstance(target, ast.Name | ast.Attribute):
            self._learn(ast.unparse(target), self._meant(value))

    def _learn(self, name: str, paths: Paths) -> None:
        if paths:
            self._known[name] = self._known.get(name, NOTHING) | paths

    def _meant(self, node: ast.expr) -> Paths:
        known = self._known.get(ast.unparse(node)) if isinstance(node, ast.Name | ast.Attribute) else None
        if known is not None:
            return known
        match node:
            case ast.Name(id="settings") | ast.Attribute(attr="settings" | "_settings"):
                return _ROOT
            case ast.Call(func=ast.Name(id=name)):
                return CLASSES.get(name, NOTHING)
            case ast.BoolOp(values=values):
                return frozenset().union(*(self._meant(each) for each in values))
            case ast.Attribute(value=base, attr=attr):
                paths = {f"{path}.{attr}".strip(".") for path in self._meant(base)}
                return frozenset(paths & (LEAVES | SECTIONS))
            case _:
                return NOTHING


def _unvalidated(part: ast.AST) -> Iterator[ast.AST]:
    """Walk without validators: to check a setting is not to act on it."""
    yield part
    for child in ast.iter_child_nodes(part):
        if isinstance(child, ast.FunctionDef) and any(
            "validator" in ast.unparse(each) for each in child.decorator_list
        ):
            continue
        yield from _unvalidated(child)
